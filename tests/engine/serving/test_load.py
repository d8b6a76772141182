"""Raw requests: all of them counted, and no odd answer taken for a reply."""

from collections import deque

import orjson
import pytest

from engine.errors import ServiceError
from engine.serving.load import Load, send_for
from engine.serving.simulator import Simulated, simulate
from tests.fakes import Behavior, FakeOpenAiServer, Fault


def a_load(*urls: str, concurrency: int = 4) -> Load:
    messages = [{"role": "user", "content": "Hello."}]
    bodies = [orjson.dumps({"model": "tiny", "messages": messages, "n": n}) for n in (1, 2)]
    return Load(urls, bodies, concurrency, {"Authorization": "Bearer key"})


def test_every_reply_is_counted_with_its_tokens_and_no_server_is_passed_over() -> None:
    simulated = Simulated(num_replicas=2, requests_per_second=100.0, latency_seconds=0.02)
    with simulate(simulated) as urls:
        arrivals = send_for(a_load(*urls), seconds=1.0)
    assert 4 <= len(arrivals) <= 110
    assert {arrival.num_tokens for arrival in arrivals} == {128}
    assert arrivals == sorted(arrivals)


def test_bodies_are_sent_in_turn_with_the_key_under_ids_of_their_own() -> None:
    script = deque([None, None, None, Fault("status", status=400)])
    with FakeOpenAiServer(Behavior(script=script)) as server:
        with pytest.raises(ServiceError):
            send_for(a_load(server.url, concurrency=1), seconds=30.0)
        received = list(server.requests)
    assert [request.body["n"] for request in received] == [1, 2, 1, 2]
    assert {request.headers["authorization"] for request in received} == {"Bearer key"}
    assert len({request.headers["x-request-id"] for request in received}) == 4


def test_an_answer_that_is_no_reply_ends_the_measurement_with_what_was_said() -> None:
    script = deque([None, Fault("status", status=400, text="At most 1 image.")])
    with (
        FakeOpenAiServer(Behavior(script=script)) as server,
        pytest.raises(ServiceError, match=r"HTTP/1.. 400 .*At most 1 image"),
    ):
        send_for(a_load(server.url, concurrency=1), seconds=30.0)


def test_a_server_that_is_not_there_ends_the_measurement() -> None:
    with pytest.raises(ServiceError, match="is the server up"):
        send_for(a_load("http://127.0.0.1:9/v1"), seconds=30.0)


def test_a_server_that_drops_a_connection_ends_the_measurement() -> None:
    with (
        FakeOpenAiServer(Behavior(script=deque([Fault("drop")]))) as server,
        pytest.raises(ServiceError, match="is the server up"),
    ):
        send_for(a_load(server.url, concurrency=1), seconds=30.0)
