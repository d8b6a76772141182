"""Every item of the security list: nothing without a session, nothing from another site's page."""

import gc
import re
import threading
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import Mount

from annotator_ui.office import open_office
from annotator_ui.pages.shell import mount_shell
from annotator_ui.passes import COOKIE_NAME
from annotator_ui.serve import ServeOptions, is_loopback, serve
from annotator_ui.server import MAX_BODY_BYTES
from engine.dataset import Dataset
from engine.errors import UsageError
from tests.annotator_ui.site import Browser, Site, add_account, an_event_of, running

OPEN_TO_ALL = {("/login", "GET"), ("/login", "HEAD"), ("/login", "POST")}
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


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


def test_every_route_of_the_shell_wants_a_session(dataset: Dataset) -> None:
    """Gradio has dozens of its own, and its own sign-in leaves some of them open."""
    add_account(dataset, "ada")
    with running(dataset, local_user=None, has_shell=True) as site:
        routes = refuse_all(site)
        assert len([path for path, _ in routes if path.startswith("/ui/")]) > 20
        page = site.signed_in("ada").get("/ui/")
        assert page.status_code == 200
        assert "vau-player" in page.text


def test_shell_leaves_no_event_loop_open() -> None:
    """Where none runs, Gradio opens one for each lock that it makes, and closes none."""
    mount_shell(FastAPI(), path="/ui", user_of=lambda request: None)
    gc.collect()  # a loop that is still open warns now, and warnings fail tests


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
