"""The simulated server: as fast as it says, no faster, and gone when its caller is."""

import heapq
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ServiceError
from engine.serving.simulator import Simulated, Timetable, simulate

REPOSITORY = Path(__file__).parents[3]


def replies_in(seconds: float, *, num_clients: int, timetable: Timetable) -> int:
    """How many replies clients get that each ask again at once; on a clock of its own."""
    due = [timetable.admit(0.0) for _ in range(num_clients)]
    heapq.heapify(due)
    num_replies = 0
    while due[0] <= seconds:
        num_replies += 1
        heapq.heapreplace(due, timetable.admit(due[0]))
    return num_replies


@pytest.mark.parametrize("num_clients", [50, 51, 200])
def test_a_full_replica_makes_its_capacity_whatever_waits_in_line(num_clients: int) -> None:
    timetable = Timetable(seconds_between=0.02, latency_seconds=1.0)
    found = replies_in(101.0, num_clients=num_clients, timetable=timetable)
    assert found == pytest.approx(100 * 50, abs=2)


def test_a_replica_with_half_its_places_taken_makes_half_its_capacity() -> None:
    timetable = Timetable(seconds_between=0.02, latency_seconds=1.0)
    assert replies_in(101.0, num_clients=25, timetable=timetable) == pytest.approx(2500, abs=30)


@given(st.lists(st.floats(min_value=0, max_value=5), min_size=2, max_size=60))
def test_no_two_replies_are_closer_than_the_capacity_allows(pauses: list[float]) -> None:
    timetable = Timetable(seconds_between=0.5, latency_seconds=2.0)
    now, due = 0.0, []
    for pause in pauses:
        now += pause
        due.append(timetable.admit(now))
        assert due[-1] >= now + 2.0
    assert min(b - a for a, b in pairwise(due)) >= 0.5 - 1e-9


def test_capacity_is_divided_among_replicas() -> None:
    simulated = Simulated(num_replicas=4, requests_per_second=200.0, latency_seconds=0.5)
    assert simulated.places_per_replica == 25


def test_every_reply_names_its_request_and_tokens_are_counted_per_replica() -> None:
    simulated = Simulated(num_replicas=2, requests_per_second=400.0, latency_seconds=0.01)
    with simulate(simulated) as urls, httpx.Client() as client, ThreadPoolExecutor(8) as threads:
        started = time.monotonic()

        def ask(number: int) -> str:
            answer = client.post(
                f"{urls[number % 2]}/chat/completions",
                content=b"x" * (number * 50_000),
                headers={"X-Request-Id": f"vau:{number}:00000000"},
            )
            assert answer.json()["usage"]["completion_tokens"] == 128
            return str(answer.json()["id"])

        ids = list(threads.map(ask, range(40)))
        took_seconds = time.monotonic() - started
        metrics = [client.get(url.removesuffix("/v1") + "/metrics").text for url in urls]
    assert ids == [f"chatcmpl-vau:{number}:00000000" for number in range(40)]
    assert took_seconds >= 19 / 200
    for text in metrics:
        assert f'vllm:generation_tokens_total{{model_name="simulated"}} {20 * 128}\n' in text
        assert 'vllm:num_requests_running{model_name="simulated"} 0\n' in text


def test_it_lists_its_model() -> None:
    with simulate(Simulated(num_replicas=1, model="tiny")) as [url]:
        assert httpx.get(f"{url}/models").json()["data"] == [{"id": "tiny"}]


@pytest.mark.parametrize("name", ["num_replicas", "requests_per_second", "output_tokens"])
def test_a_server_that_can_do_nothing_is_refused(name: str) -> None:
    with pytest.raises(ServiceError, match=f"{name}=0"):
        Simulated(**{name: 0})  # type: ignore[arg-type]


KEEPS_ONE = """
import time
from engine.serving.simulator import Simulated, simulate
with simulate(Simulated(num_replicas=1)) as urls:
    print(urls[0], flush=True)
    time.sleep(600)
"""


def test_it_ends_with_its_caller_even_if_that_is_killed() -> None:
    caller = subprocess.Popen(
        [sys.executable, "-c", KEEPS_ONE], cwd=REPOSITORY, stdout=subprocess.PIPE
    )
    assert caller.stdout is not None
    with caller.stdout:
        port = urlsplit(caller.stdout.readline().decode()).port
    assert _listens(port)
    os.kill(caller.pid, signal.SIGKILL)
    caller.wait()
    deadline = time.monotonic() + 20
    while _listens(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _listens(port)


def _listens(port: int | None) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
