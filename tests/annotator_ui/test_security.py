"""Every item of the security list: nothing without a session, nothing from another site's page."""

import re
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import Mount

from annotator_ui.accounts import (
    MOST_FAILURES_PER_NAME,
    WINDOW_SECONDS,
    Accounts,
    Throttle,
)
from annotator_ui.keyfile import Signer, load_signer
from annotator_ui.office import open_office
from annotator_ui.passes import COOKIE_NAME, SESSION_SECONDS, Passes
from annotator_ui.serve import ServeOptions, is_loopback, serve
from annotator_ui.server import MAX_BODY_BYTES
from engine.dataset import Dataset
from engine.errors import UsageError
from tests.annotator_ui.site import PASSWORD, Browser, Site, add_account, an_event_of, running

OPEN_TO_ALL = {("/login", "GET"), ("/login", "HEAD"), ("/login", "POST")}
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def team(dataset: Dataset) -> Iterator[Site]:
    """A server with two accounts."""
    for name in ("ada", "ben"):
        add_account(dataset, name)
    with running(dataset, local_user=None) as site:
        yield site


def routes_of(app: FastAPI, prefix: str = "") -> Iterator[tuple[str, str]]:
    """(path with its parameters filled in, method) of every route, mounted ones too."""
    for route in app.routes:
        path = prefix + re.sub(r"\{[^}]*\}", "x", getattr(route, "path", ""))
        if isinstance(route, Mount):
            yield f"{path}/anything", "GET"
            if isinstance(route.app, FastAPI):
                yield from routes_of(route.app, path)
            continue
        for method in getattr(route, "methods", None) or {"GET"}:
            yield path, method


def refuse_all(site: Site) -> set[tuple[str, str]]:
    """Ask for every route without a session; which there are."""
    routes = set(routes_of(site.app))
    with httpx.Client(base_url=site.url) as stranger:
        for path, method in sorted(routes - OPEN_TO_ALL):
            if path.startswith("/static/"):
                continue
            answer = stranger.request(method, path, headers={"Sec-Fetch-Site": "same-origin"})
            assert answer.status_code == 401, f"{method} {path}: {answer.status_code}"
    return routes


def test_every_route_but_signing_in_wants_a_session(team: Site) -> None:
    routes = refuse_all(team)
    wanted = ("/api/events", "/media/x", "/thumb/x/x", "/api/blind/x", "/api/progress")
    assert set(wanted) <= {path for path, _ in routes}


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_every_route_of_the_shell_wants_a_session(dataset: Dataset) -> None:
    """Gradio has dozens of its own, and its own sign-in leaves some of them open."""
    pytest.importorskip("gradio")
    add_account(dataset, "ada")
    with running(dataset, local_user=None, has_shell=True) as site:
        routes = refuse_all(site)
        assert len([path for path, _ in routes if path.startswith("/ui/")]) > 20
        browser = site.signed_in("ada")
        page = browser.get("/ui/")
        assert page.status_code == 200
        assert "vau-player" in page.text


def test_programs_own_documentation_routes_are_switched_off(team: Site) -> None:
    browser = team.signed_in("ada")
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert browser.get(path).status_code == 404


def test_page_is_sent_to_sign_in_and_a_program_is_told(team: Site) -> None:
    stranger = team.browser()
    page = stranger.get("/ui/", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/login")
    assert stranger.get("/api/me").status_code == 401


def test_sign_in_page_and_what_it_needs_are_open(team: Site) -> None:
    stranger = team.browser()
    page = stranger.get("/login")
    assert page.status_code == 200
    assert "<form>" in page.text
    assert stranger.get("/static/style.css").status_code == 200


def test_signing_in_and_out(team: Site) -> None:
    browser = team.browser()
    assert browser.sign_in("ada", "wrong password").status_code == 401
    assert browser.sign_in("nobody", PASSWORD).status_code == 401
    assert browser.sign_in("ada", PASSWORD).status_code == 200
    assert browser.get("/api/me").json()["user"] == "ada"
    stolen = browser.client.cookies[COOKIE_NAME]
    assert browser.post("/logout", {}).status_code == 200
    thief = team.browser()
    thief.client.cookies.set(COOKIE_NAME, stolen)
    assert thief.get("/api/me").status_code == 401


def test_signed_out_session_stays_out_after_a_restart(dataset: Dataset) -> None:
    add_account(dataset, "ada")
    with running(dataset, local_user=None) as site:
        browser = site.signed_in("ada")
        cookie = browser.client.cookies[COOKIE_NAME]
        browser.post("/logout", {})
        kept = site.signed_in("ada").client.cookies[COOKIE_NAME]
    with running(dataset, local_user=None) as site:
        for value, status in ((cookie, 401), (kept, 200)):
            again = site.browser()
            again.client.cookies.set(COOKIE_NAME, value)
            assert again.get("/api/me").status_code == status


def test_removed_annotator_is_out_at_once(team: Site, dataset: Dataset) -> None:
    browser = team.signed_in("ada")
    Accounts.of(dataset).remove("ada")
    assert browser.get("/api/me").status_code == 401


def test_new_password_ends_old_sessions(team: Site, dataset: Dataset) -> None:
    browser = team.signed_in("ada")
    accounts = Accounts.of(dataset)
    accounts.remove("ada")
    accounts.add("ada", "another password")
    assert browser.get("/api/me").status_code == 401


def test_cookie_is_out_of_reach_of_scripts_and_other_sites(team: Site) -> None:
    answer = team.browser().sign_in("ada", PASSWORD)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie


def test_cookie_is_for_https_alone_where_the_proxy_in_front_speaks_it(team: Site) -> None:
    answer = team.browser().post(
        "/login",
        {"name": "ada", "password": PASSWORD},
        headers={"X-Forwarded-Proto": "https"},
    )
    assert "secure" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize(
    "forge",
    [
        lambda cookie: cookie[:-2] + ("AA" if cookie[-2:] != "AA" else "BB"),
        lambda cookie: "x" + cookie,
        lambda cookie: cookie.partition(".")[0],
        lambda cookie: Signer(b"k" * 32).sign(b'["ada","local","00",9999999999]'),
        lambda cookie: "é",
        lambda cookie: "",
    ],
)
def test_forged_cookie_is_no_session(team: Site, forge: object) -> None:
    cookie = team.signed_in("ada").client.cookies[COOKIE_NAME]
    stranger = team.browser()
    value = forge(cookie)  # type: ignore[operator]
    headers = [(b"cookie", f"{COOKIE_NAME}={value}".encode())]
    assert stranger.client.get("/api/me", headers=headers).status_code == 401


def test_session_ends_after_two_weeks(dataset: Dataset, tmp_path: Path) -> None:
    now = [1000.0]
    add_account(dataset, "ada")
    passes = Passes(
        load_signer(dataset), Accounts.of(dataset), tmp_path / "out.json", None, lambda: now[0]
    )
    cookie = passes.issue("ada")
    now[0] += SESSION_SECONDS - 1
    assert passes.user(cookie) == "ada"
    now[0] += 2
    assert passes.user(cookie) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {},
    ],
)
@pytest.mark.parametrize("path", ["/api/events", "/api/lease", "/login", "/logout"])
def test_post_from_another_sites_page_is_refused(
    site: Site, headers: dict[str, str], path: str
) -> None:
    cookies = dict(site.browser().client.cookies)
    with httpx.Client(base_url=site.url, cookies=cookies) as bare:
        answer = bare.post(path, json={"events": []}, headers=headers)
    assert answer.status_code == 403


def test_page_of_another_port_of_the_same_machine_is_another_site(site: Site) -> None:
    """Browsers send cookies to every port of a host, whatever SameSite says."""
    cookies = dict(site.browser().client.cookies)
    with httpx.Client(base_url=site.url, cookies=cookies) as bare:
        answer = bare.post(
            "/api/events",
            json={"events": []},
            headers={"Origin": "http://127.0.0.1:9", "Sec-Fetch-Site": "same-site"},
        )
    assert answer.status_code == 403


def test_strangers_page_cannot_reach_a_server_without_accounts_under_its_own_name(
    site: Site,
) -> None:
    """DNS rebinding: a name of theirs that suddenly means 127.0.0.1."""
    headers = {"Host": "evil.example:7860", "Origin": "http://evil.example:7860"}
    with httpx.Client(base_url=site.url) as bare:
        assert bare.get("/", headers=headers).status_code == 421
        assert bare.get("/api/me", headers=headers).status_code == 421


def test_one_person_at_home_is_let_in_without_an_account(site: Site) -> None:
    with httpx.Client(base_url=site.url) as bare:
        assert bare.get("/api/me").status_code == 401
        start = bare.get("/")
        assert (start.status_code, start.headers["location"]) == (303, "/ui/")
        assert "httponly" in start.headers["set-cookie"].lower()
        assert bare.get("/api/me").json()["is_local"] is True


def test_local_session_is_worth_nothing_once_there_are_accounts(dataset: Dataset) -> None:
    with running(dataset) as site:
        cookie = site.browser().client.cookies[COOKIE_NAME]
    add_account(dataset, "me")
    with running(dataset, local_user=None) as site:
        browser = site.browser()
        browser.client.cookies.set(COOKIE_NAME, cookie)
        assert browser.get("/api/me").status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/media/..%2f..%2fdataset.toml",
        "/media/%2e%2e/%2e%2e/dataset.toml",
        "/media/Abuse001_x264",
        "/thumb/..%2f..%2f.annotate%2fkey/0",
        "/thumb/x/-1",
        "/thumb/x/99",
        "/api/video/..%2f..%2fdataset.toml",
        "/static/..%2facts.py",
        "/static/%2e%2e/acts.py",
        "/static/../acts.py",
        "/static//etc/passwd",
    ],
)
def test_paths_in_urls_lead_nowhere(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code in (404, 405, 422)
    assert b"dataset" not in answer.content.lower()
    assert b"import" not in answer.content


def test_media_ids_say_nothing_about_the_file(browser: Browser) -> None:
    info = browser.video(browser.opaque("Abuse001_x264"))
    assert re.fullmatch(r"/media/[A-Za-z0-9_-]{16}", info["media"]["url"])
    assert "mp4" not in str(info)


def test_part_of_a_file_never_carries_the_session_in_its_headers(browser: Browser) -> None:
    """A well-known server echoes the request's headers, the cookie with them, into such answers."""
    url = browser.video(browser.opaque("Abuse001_x264"))["media"]["url"]
    cookie = browser.client.cookies[COOKIE_NAME]
    for headers in ({}, {"Range": "bytes=0-99"}, {"Range": "bytes=0-9,20-29"}):
        answer = browser.get(url, headers={**headers, "X-Mine": "secret-of-mine"})
        assert answer.status_code in (200, 206)
        shown = str(answer.headers).lower()
        assert cookie.lower() not in shown
        assert "secret-of-mine" not in shown
        assert "set-cookie" not in shown


def test_media_cannot_be_framed_sniffed_or_used_by_other_sites(browser: Browser) -> None:
    answer = browser.get("/api/me")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=10-", 206, slice(10, None)),
        ("bytes=-7", 206, slice(-7, None)),
        ("bytes=0-99999999", 206, slice(0, None)),
        ("bytes=99999999-", 416, None),
        ("bytes=9-2", 400, None),
        ("lines=0-9", 400, None),
        ("bytes=a-b", 400, None),
    ],
)
def test_ranges(
    browser: Browser, dataset: Dataset, asked: str, status: int, expected: slice | None
) -> None:
    content = (dataset.dir_path / "videos" / "Abuse001_x264.mp4").read_bytes()
    url = browser.video(browser.opaque("Abuse001_x264"))["media"]["url"]
    answer = browser.get(url, headers={"Range": asked})
    assert answer.status_code == status
    if expected is not None:
        assert answer.content == content[expected]
        assert answer.headers["content-range"].endswith(f"/{len(content)}")


def test_script_in_a_text_is_stored_and_returned_as_plain_json(
    browser: Browser, dataset: Dataset
) -> None:
    video = browser.opaque("Abuse001_x264")
    said = browser.send(
        an_event_of(video, SCRIPT, mark="x"), an_event_of(video, "mark.add", x=SCRIPT)
    )
    assert len(said["refused"]) == 2
    answer = browser.post("/api/events", {"events": [an_event_of(video, SCRIPT)]})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_guessing_a_password_is_slowed_down(team: Site) -> None:
    browser = team.browser()
    for _ in range(MOST_FAILURES_PER_NAME):
        assert browser.sign_in("ada", "wrong password").status_code == 401
    locked = browser.sign_in("ada", PASSWORD)
    assert locked.status_code == 429
    assert 0 < int(locked.headers["retry-after"]) <= WINDOW_SECONDS
    assert team.browser().sign_in("ben", PASSWORD).status_code == 200


def test_guesses_are_counted_before_they_are_looked_at() -> None:
    """Else a hundred requests at once would all be tried."""
    throttle = Throttle()
    for _ in range(MOST_FAILURES_PER_NAME):
        assert throttle.seconds_to_wait("ada", "a") == 0
        throttle.note_attempt("ada", "a")
    assert throttle.seconds_to_wait("ada", "b") > 0


def test_throttle_opens_again_and_forgets() -> None:
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    for _ in range(MOST_FAILURES_PER_NAME):
        throttle.note_attempt("ada", "a")
    now[0] = WINDOW_SECONDS + 1
    assert throttle.seconds_to_wait("ada", "a") == 0
    throttle.note_attempt("ben", "a")
    assert ("name", "ada") not in throttle._failures


def test_one_address_cannot_try_many_names() -> None:
    throttle = Throttle()
    for number in range(20):
        throttle.note_attempt(f"name{number}", "a")
    assert throttle.seconds_to_wait("new", "a") > 0
    assert throttle.seconds_to_wait("new", "b") == 0


def test_passwords_are_kept_as_salted_hashes_that_nobody_else_can_read(dataset: Dataset) -> None:
    accounts = Accounts.of(dataset)
    accounts.add("ada", PASSWORD)
    accounts.add("ben", PASSWORD)
    text = accounts.path.read_text()
    assert PASSWORD not in text
    hashes = {account.hash for account in accounts.all().values()}
    assert len(hashes) == 2
    assert stat.S_IMODE(accounts.path.stat().st_mode) == 0o600


def test_key_is_made_once_for_its_owner_alone(dataset: Dataset) -> None:
    signer = load_signer(dataset)
    path = dataset.dir_path / ".annotate" / "key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert load_signer(dataset) == signer
    path.chmod(0o644)
    with pytest.raises(UsageError, match="others can read"):
        load_signer(dataset)


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x" * 41, "é"])
def test_name_that_could_be_mistaken_for_anything_else_is_refused(
    dataset: Dataset, name: str
) -> None:
    with pytest.raises(UsageError, match="cannot be a name"):
        add_account(dataset, name)


def test_too_large_a_request_is_refused_with_or_without_a_length(browser: Browser) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 65536 + 2):
            yield b" " * 65536

    sized = browser.client.post("/api/events", content=b" " * (MAX_BODY_BYTES + 1))
    unsized = browser.client.post("/api/events", content=endless())
    assert (sized.status_code, unsized.status_code) == (413, 413)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b'{"events": 1}',
        b'{"events": [1]}',
        b'{"events": [{"uuid": "a b"}]}',
        b"\xff",
    ],
)
def test_what_is_no_batch_of_events_is_told_so(browser: Browser, content: bytes) -> None:
    answer = browser.client.post("/api/events", content=content)
    assert answer.status_code == 400
    assert answer.json()["why"]


def test_another_host_without_accounts_is_refused_and_told_how(dataset: Dataset) -> None:
    with pytest.raises(UsageError, match="vau-data annotators add NAME"):
        serve(dataset, ServeOptions(host="0.0.0.0", port=0, opens_browser=False))


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.2", False),
        ("example.org", False),
    ],
)
def test_what_counts_as_this_machine_alone(host: str, is_own: bool) -> None:
    assert is_loopback(host) is is_own


def test_second_server_on_one_dataset_is_refused(site: Site, dataset: Dataset) -> None:
    with (
        pytest.raises(UsageError, match="another process is writing"),
        open_office(dataset, local_user="me"),
    ):
        pass


def test_twenty_strangers_at_once_are_all_turned_away(team: Site) -> None:
    codes: list[int] = []

    def knock() -> None:
        with httpx.Client(base_url=team.url) as bare:
            codes.append(bare.get("/api/queue").status_code)

    threads = [threading.Thread(target=knock) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [401] * 20
