"""Accounts, passwords, sessions and the key that signs them."""

import stat
from pathlib import Path

import pytest

from annotator_ui.accounts import (
    MOST_FAILURES_PER_NAME,
    WINDOW_SECONDS,
    Accounts,
    Throttle,
)
from annotator_ui.keyfile import Signer, load_signer
from annotator_ui.passes import COOKIE_NAME, SESSION_SECONDS, Passes
from engine.dataset import Dataset
from engine.errors import UsageError
from tests.annotator_ui.site import PASSWORD, Site, add_account, running


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
