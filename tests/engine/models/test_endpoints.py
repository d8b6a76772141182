"""Which endpoint is chosen, and how deaths and rate limits of many requests at once are counted."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.errors import ServiceError
from engine.models.endpoints import EndpointPool, Probe
from engine.progress import Vitals
from tests.engine.models.openai_builders import CLIP_ID

ONE, OTHER = "http://one/v1", "http://other/v1"


def _alive(_url: str) -> str | None:
    return None


def _a_pool(*urls: str, probe: Probe = _alive, patience_seconds: float = 60.0) -> EndpointPool:
    return EndpointPool(
        urls, probe=probe, patience_seconds=patience_seconds, first_pause_seconds=0.02
    )


def test_the_least_loaded_endpoint_is_chosen() -> None:
    pool = _a_pool(ONE, OTHER)
    assert {pool.acquire(CLIP_ID), pool.acquire(CLIP_ID)} == {ONE, OTHER}
    pool.release(OTHER)
    assert pool.acquire(CLIP_ID) == OTHER


def test_where_loads_are_high_videos_keep_their_endpoint_within_a_sixteenth_of_the_least() -> None:
    pool = _a_pool(ONE, OTHER)
    held = [pool.acquire(f"Video{n // 16}_E0C{n % 16}") for n in range(256)]
    num_at_home = 0
    for n in range(256, 4096):
        video_id = f"Video{n // 16}"
        home = _a_pool(ONE, OTHER).acquire(video_id)
        pool.release(held.pop(n % 251))
        held.append(pool.acquire(f"{video_id}_E0C{n % 16}"))
        num_at_home += held[-1] == home
        least, most = sorted((held.count(ONE), held.count(OTHER)))
        assert most <= least + least // 16 + 1
    # Always the least loaded would be about half of them.
    assert num_at_home > 0.65 * (4096 - 256)


def test_a_person_is_told_what_each_endpoint_has_and_which_cannot_be_used() -> None:
    pool = _a_pool(ONE, OTHER)
    pool.acquire("A_E0C0", avoid=OTHER)
    pool.served(ONE, num_tokens=100)
    pool.served(ONE, num_tokens=28)
    pool.down(OTHER, "connection refused", pause_seconds=60)
    assert pool.vitals() == Vitals(num_tokens=128, loads=(1, None))


def test_the_endpoint_that_just_failed_an_item_is_avoided_if_there_is_another() -> None:
    pool = _a_pool(ONE, OTHER)
    for n in range(10):
        assert pool.acquire(f"V{n}_E0C0", avoid=ONE) == OTHER
    assert _a_pool(ONE).acquire(CLIP_ID, avoid=ONE) == ONE


def test_one_death_that_fails_many_requests_counts_once() -> None:
    answers = iter(["still dead", None])
    pool = _a_pool(ONE, probe=lambda _url: next(answers))
    for _ in range(20):
        pool.down(ONE, "connection reset")
    started_at = time.monotonic()
    assert pool.acquire(CLIP_ID) == ONE
    assert time.monotonic() - started_at < 1.0


def test_one_rate_limit_that_hits_many_requests_counts_once() -> None:
    pool = _a_pool(ONE)
    for _ in range(20):
        pool.busy(ONE, "HTTP 429")
    started_at = time.monotonic()
    assert pool.acquire(CLIP_ID) == ONE
    assert time.monotonic() - started_at < 1.0


def test_a_good_answer_does_not_cut_a_pause_short_that_was_asked_for() -> None:
    pool = _a_pool(ONE)
    pool.busy(ONE, "HTTP 429", pause_seconds=0.3)
    pool.served(ONE)
    started_at = time.monotonic()
    pool.acquire(CLIP_ID)
    assert time.monotonic() - started_at > 0.25


def test_a_good_answer_revives_an_endpoint_without_a_probe() -> None:
    pool = _a_pool(ONE, probe=lambda _url: "dead", patience_seconds=0.2)
    pool.down(ONE, "connection reset")
    pool.served(ONE)
    assert pool.acquire(CLIP_ID) == ONE


def test_only_one_thread_probes_while_the_others_wait() -> None:
    probed: list[str] = []

    def slowly_alive(url: str) -> str | None:
        probed.append(url)
        time.sleep(0.1)
        return None

    pool = _a_pool(ONE, probe=slowly_alive)
    pool.down(ONE, "connection reset")
    with ThreadPoolExecutor(8) as threads:
        urls = list(threads.map(pool.acquire, [CLIP_ID] * 8))
    assert urls == [ONE] * 8
    assert probed == [ONE]


def test_a_probe_that_crashes_does_not_block_the_endpoint_for_ever() -> None:
    outcomes = iter([ValueError("a bug"), None])

    def crashing(_url: str) -> str | None:
        if error := next(outcomes):
            raise error
        return None

    pool = _a_pool(ONE, probe=crashing)
    pool.down(ONE, "connection reset")
    with pytest.raises(ValueError, match="a bug"):
        pool.acquire(CLIP_ID)
    assert pool.acquire(CLIP_ID) == ONE


def test_when_all_stay_dead_each_is_named_with_what_was_seen() -> None:
    pool = _a_pool(ONE, OTHER, probe=lambda url: f"no life at {url[7:-3]}", patience_seconds=0.1)
    pool.down(ONE, "connection reset")
    pool.down(OTHER, "connection reset")
    with pytest.raises(ServiceError, match=r"one/v1: no life at one; .*other/v1: no life at other"):
        pool.acquire(CLIP_ID)


def test_losing_an_endpoint_moves_only_its_own_videos() -> None:
    urls = ["http://a/v1", "http://b/v1", "http://c/v1"]
    videos = [f"Video{n}" for n in range(60)]
    with_all = {video: _a_pool(*urls).acquire(video) for video in videos}
    without_c = {video: _a_pool(*urls[:2]).acquire(video) for video in videos}
    assert set(with_all.values()) == set(urls)
    moved = {video for video in videos if with_all[video] != without_c[video]}
    assert moved == {video for video in videos if with_all[video] == urls[2]}


def test_after_a_rate_limit_the_line_is_served_first_come_first_and_not_all_at_once() -> None:
    pool = _a_pool(ONE)
    pool.acquire("Put off_E0C0", place=(first := pool.place_in_line()))
    came: list[int] = []

    def come(number: int) -> None:
        pool.acquire(CLIP_ID)
        came.append(number)

    with ThreadPoolExecutor(4) as threads:
        pool.release(ONE)
        pool.busy(ONE, "HTTP 429", pause_seconds=0.3)
        for n in range(3):
            threads.submit(come, n)
            time.sleep(0.05)
        pool.acquire("Put off_E0C0", place=first)
        time.sleep(0.1)
        assert came == []
        pool.release(ONE)
        pool.served(ONE)
        time.sleep(0.1)
        assert came == [0, 1]
        pool.close()


def test_who_waits_behind_a_slow_request_does_not_run_out_of_patience() -> None:
    pool = _a_pool(ONE, patience_seconds=0.2)
    pool.busy(ONE, "HTTP 429")
    pool.acquire(CLIP_ID)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pool.acquire, CLIP_ID)
        time.sleep(0.5)
        pool.release(ONE)
        pool.served(ONE)
        assert waiting.result() == ONE


def test_closing_the_pool_ends_all_waiting() -> None:
    pool = _a_pool(ONE)
    pool.busy(ONE, "HTTP 429", pause_seconds=50)
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(pool.acquire, CLIP_ID) for _ in range(2)]
        time.sleep(0.05)
        closed_at = time.monotonic()
        pool.close()
        assert all(isinstance(one.exception(), ServiceError) for one in waiting)
    assert time.monotonic() - closed_at < 0.5
    with pytest.raises(ServiceError):
        pool.acquire(CLIP_ID)
