"""Endpoints that hang, garble or limit everything: no item pays for it, and a run can be ended."""

import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.errors import ReplyError, ServiceError
from engine.models.openai_chat import OpenAiCaptioner
from engine.serving.simulator import Simulated, simulate
from tests.engine.models.openai_builders import CLIP_ID, a_captioner, a_clip_request
from tests.fakes import FakeOpenAiServer, Fault, ReceivedRequest


@pytest.fixture
def server() -> Iterator[FakeOpenAiServer]:
    with FakeOpenAiServer() as fake:
        yield fake


@pytest.fixture
def second() -> Iterator[FakeOpenAiServer]:
    with FakeOpenAiServer() as fake:
        yield fake


def _caption(captioner: OpenAiCaptioner, *, id: str = CLIP_ID) -> str:
    return captioner.caption(a_clip_request(captioner, id=id)).text


def _refused(captioner: OpenAiCaptioner, *, id: str = CLIP_ID) -> ReplyError:
    with pytest.raises(ReplyError) as caught:
        _caption(captioner, id=id)
    assert id in caught.value.detail
    return caught.value


@pytest.mark.parametrize(
    "fault", [Fault("late", seconds=0.5), Fault("broken_json")], ids=["hangs", "garbles"]
)
def test_an_engine_that_hangs_or_garbles_for_all_is_not_taken_for_many_bad_items(
    server: FakeOpenAiServer, fault: Fault
) -> None:
    server.behavior.fault_for = lambda _request: fault
    captioner = a_captioner(server.url, timeout_seconds=0.1, max_retries=1)
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(_caption, captioner, id=f"A_E0C{n}") for n in range(4)]
        errors = [future.exception() for future in futures]
    assert [type(error) for error in errors] == [ServiceError] * 4
    assert "one-token request" in str(errors[0])


def test_an_engine_that_hangs_is_found_out_before_attempts_are_used_up(
    server: FakeOpenAiServer,
) -> None:
    server.behavior.fault_for = lambda _request: Fault("late", seconds=0.5)
    with pytest.raises(ServiceError):
        _caption(a_captioner(server.url, timeout_seconds=0.1, max_retries=20))
    assert server.num_completions == 1


def test_a_hung_endpoint_costs_no_item_while_another_serves(
    server: FakeOpenAiServer, second: FakeOpenAiServer
) -> None:
    server.behavior.fault_for = lambda _request: Fault("late", seconds=0.5)
    captioner = a_captioner(server.url, second.url, timeout_seconds=0.2, max_retries=0)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: _caption(captioner, id=f"V{n}_E0C0"), range(30)))
    assert server.num_completions > 0
    assert second.num_completions == 30


def test_a_server_that_is_asked_more_than_it_can_do_in_the_time_costs_no_item() -> None:
    """A line of 2.5 s before a server, and replies awaited for 1 s: it is sent less."""
    simulated = Simulated(num_replicas=1, requests_per_second=25.0, latency_seconds=0.05)
    with simulate(simulated) as urls:
        captioner = a_captioner(
            *urls, model="simulated", timeout_seconds=1.0, max_retries=5, patience_seconds=30.0
        )
        with ThreadPoolExecutor(64) as threads:
            ids = [f"V{n}_E0C0" for n in range(100)]
            said = list(threads.map(lambda id: _caption(captioner, id=id), ids))
        captioner.close()
    assert len(said) == 100


def test_an_item_far_back_in_a_line_of_rate_limited_ones_is_never_rejected(
    server: FakeOpenAiServer,
) -> None:
    """Else patience and concurrency would change the dataset."""
    opened_at, admitted = time.monotonic(), deque([0.0] * 2, maxlen=2)
    lock = threading.Lock()

    def two_in_a_while(_request: ReceivedRequest) -> Fault | None:
        with lock:
            now = time.monotonic() - opened_at
            if admitted[0] > now - 0.1:
                return Fault("status", status=429, text="rate limit")
            admitted.append(now)
            return None

    server.behavior.fault_for = two_in_a_while
    captioner = a_captioner(server.url, patience_seconds=0.8)
    with ThreadPoolExecutor(40) as threads:
        list(threads.map(lambda n: _caption(captioner, id=f"V{n}_E0C0"), range(40)))


def test_an_item_too_large_for_the_account_is_rejected_once_a_tiny_one_is_admitted(
    server: FakeOpenAiServer,
) -> None:
    limited = Fault("status", status=429, text="rate limit")
    server.behavior.fault_for = lambda r: limited if r.item_id == "Big_E0C0" else None
    captioner = a_captioner(server.url, patience_seconds=0.3)
    error = _refused(captioner, id="Big_E0C0")
    assert error.reason == "request_rejected"
    assert "one-token request was admitted" in error.detail


def test_an_account_that_admits_nothing_stops_the_run_and_rejects_nothing(
    server: FakeOpenAiServer,
) -> None:
    server.behavior.fault_for = lambda _request: Fault("status", status=429, text="rate limit")
    captioner = a_captioner(server.url, patience_seconds=0.3)
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(_caption, captioner, id=f"A_E0C{n}") for n in range(4)]
        errors = [future.exception() for future in futures]
    assert [type(error) for error in errors] == [ServiceError] * 4
    assert "rate limit" in str(errors[0])


def test_a_request_that_the_account_calls_too_large_is_never_sent_again(
    server: FakeOpenAiServer,
) -> None:
    said = "Request too large for tiny on tokens per min (TPM): Limit 30000, Requested 45000."
    server.behavior.script = deque([Fault("status", status=429, text=said)])
    error = _refused(a_captioner(server.url))
    assert error.reason == "request_too_long"
    assert said in error.detail
    assert server.num_completions == 1


@pytest.mark.parametrize("state", ["hangs", "is down", "limits"])
def test_closing_ends_requests_pauses_and_waits_at_once(
    server: FakeOpenAiServer, state: str
) -> None:
    server.behavior.fault_for = {
        "hangs": lambda _request: Fault("late", seconds=4.0),
        "is down": lambda _request: Fault("status", status=503),
        "limits": lambda _request: Fault("status", status=429, retry_after="20"),
    }[state]
    captioner = a_captioner(server.url, timeout_seconds=30, patience_seconds=30)
    with ThreadPoolExecutor(8) as threads:
        futures = [threads.submit(_caption, captioner, id=f"V{n}_E0C0") for n in range(20)]
        _wait_until(lambda: server.num_completions > 0)
        time.sleep(0.2)
        closed_at = time.monotonic()
        captioner.close()
        errors = [future.exception() for future in futures]
    assert time.monotonic() - closed_at < 1.0
    assert [type(error) for error in errors] == [ServiceError] * 20


def test_a_closed_captioner_is_opened_by_a_check_alone(server: FakeOpenAiServer) -> None:
    """A thread of a run that was broken off would start new requests that nobody awaits."""
    captioner = a_captioner(server.url)
    _caption(captioner)
    captioner.close()
    with pytest.raises(ServiceError, match="closed"):
        _caption(captioner)
    captioner.check()
    assert _caption(captioner).startswith("A person")


ENDLESS_RUN = """
import sys
from concurrent.futures import ThreadPoolExecutor
from tests.engine.models.openai_builders import a_captioner, a_clip_request

captioner = a_captioner(sys.argv[1], timeout_seconds=60, patience_seconds=60)
threads = ThreadPoolExecutor(8)
asked = [
    threads.submit(captioner.caption, a_clip_request(captioner, id=f"V{n}_E0C0"))
    for n in range(20)
]
try:
    asked[0].result()
except KeyboardInterrupt:
    threads.shutdown(wait=False, cancel_futures=True)
    captioner.close()
"""


@pytest.mark.parametrize("state", ["hangs", "is down"])
def test_a_run_that_is_interrupted_while_its_endpoint_is_stuck_ends_at_once(
    server: FakeOpenAiServer, state: str
) -> None:
    server.behavior.fault_for = lambda _request: Fault("late", seconds=8.0)
    run = subprocess.Popen(
        [sys.executable, "-c", ENDLESS_RUN, server.url],
        cwd=Path(__file__).parents[3],
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_until(lambda: server.num_completions == 8)
    if state == "is down":
        server.die()
        time.sleep(0.5)
    run.send_signal(signal.SIGINT)
    interrupted_at = time.monotonic()
    _, said = run.communicate(timeout=30)
    assert time.monotonic() - interrupted_at < 2.0
    assert said == ""


def _wait_until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)
