"""Attempts, pauses and endpoints: what happens when a server misbehaves."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from engine.errors import ReplyError, ServiceError, UsageError
from engine.models.openai_chat import OpenAiCaptioner
from engine.models.openai_faults import retry_after_seconds
from tests.engine.models.openai_builders import CLIP_ID, a_captioner, a_clip_request
from tests.fakes import Behavior, FakeOpenAiServer, Fault, ReceivedRequest

SECRET = "sk-very-secret-7"


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
    "fault",
    [
        *(Fault("status", status=status) for status in (408, 409, 425, 429, 500, 502, 503, 504)),
        Fault("drop"),
        Fault("drop_unread"),
        Fault("half_closed"),
        Fault("broken_json"),
        Fault("late", seconds=1.0),
        Fault("trickle"),
        Fault("finish", text="abort"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.text}",
)
def test_a_fault_that_may_pass_is_tried_again(server: FakeOpenAiServer, fault: Fault) -> None:
    server.behavior.script = deque([fault])
    captioner = a_captioner(server.url, timeout_seconds=0.5)
    assert _caption(captioner).startswith("A person")
    assert server.num_completions == 2


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_that_the_server_refuses_is_never_sent_again(
    server: FakeOpenAiServer, status: int
) -> None:
    server.behavior.script = deque([Fault("status", status=status, text="At most 1 image.")])
    error = _refused(a_captioner(server.url))
    assert error.reason == ("request_too_long" if status == 413 else "request_rejected")
    assert f"HTTP {status}: At most 1 image." in error.detail
    assert server.num_completions == 1


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 5000.",
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
        "the request exceeds the available context size",
        "Input is too long for requested model.",
        "context_length_exceeded",
    ],
)
def test_a_request_beyond_the_context_is_told_apart(server: FakeOpenAiServer, said: str) -> None:
    server.behavior.script = deque([Fault("status", status=400, text=said)])
    error = _refused(a_captioner(server.url))
    assert error.reason == "request_too_long"
    assert said in error.detail


def test_a_wrong_setting_is_not_taken_for_a_long_request(server: FakeOpenAiServer) -> None:
    said = "Invalid 'temperature': decimal above maximum value. Expected a value <= 2."
    server.behavior.script = deque([Fault("status", status=400, text=said)])
    assert _refused(a_captioner(server.url)).reason == "request_rejected"


def test_a_long_error_of_the_server_is_shortened(server: FakeOpenAiServer) -> None:
    server.behavior.script = deque([Fault("status", status=400, text="x" * 5000)])
    assert len(_refused(a_captioner(server.url)).detail) < 600


def test_timeouts_that_never_end_are_an_engine_timeout(server: FakeOpenAiServer) -> None:
    server.behavior.fault_for = lambda r: None if r.is_probe else Fault("late", seconds=0.5)
    error = _refused(a_captioner(server.url, timeout_seconds=0.1))
    assert error.reason == "engine_timeout"
    assert server.num_completions == 3
    assert "3 attempts" in error.detail


def test_after_a_timeout_another_endpoint_is_tried(
    server: FakeOpenAiServer, second: FakeOpenAiServer
) -> None:
    server.behavior.fault_for = lambda _request: Fault("late", seconds=0.5)
    captioner = a_captioner(server.url, second.url, timeout_seconds=0.1, max_retries=1)
    for n in range(14):
        _caption(captioner, id=f"Video{n}_E0C0")
    assert server.num_completions > 0
    assert second.num_completions == 14


def test_replies_cut_on_the_way_every_time_are_not_json(server: FakeOpenAiServer) -> None:
    server.behavior.fault_for = lambda r: None if r.is_probe else Fault("broken_json")
    assert _refused(a_captioner(server.url)).reason == "reply_not_json"


def test_retry_after_is_honored(server: FakeOpenAiServer) -> None:
    server.behavior.script = deque([Fault("status", status=429, retry_after="0.4")])
    _caption(a_captioner(server.url))
    first, second = server.received(CLIP_ID)
    assert 0.4 <= second.arrived_at - first.arrived_at < 1.0


def test_retry_after_may_be_a_date_or_nonsense() -> None:
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert retry_after_seconds("Wed, 21 Oct 2099 07:28:00 GMT") > 1e6
    assert retry_after_seconds("soon") == retry_after_seconds(None) == 0.0
    assert retry_after_seconds("7") == 7.0


def test_pauses_grow_from_attempt_to_attempt(server: FakeOpenAiServer) -> None:
    server.behavior.script = deque([Fault("status", status=500)] * 4)
    _caption(a_captioner(server.url, max_retries=4, first_pause_seconds=0.05))
    at = [request.arrived_at for request in server.received(CLIP_ID)]
    gaps = [after - before for before, after in pairwise(at)]
    assert gaps[3] > 3 * gaps[0]


def test_being_put_off_does_not_use_up_an_items_attempts(server: FakeOpenAiServer) -> None:
    server.behavior.script = deque([Fault("status", status=429)] * 5)
    assert _caption(a_captioner(server.url, max_retries=0)).startswith("A person")


def test_a_pause_beyond_patience_stops_the_run_at_once(server: FakeOpenAiServer) -> None:
    server.behavior.script = deque([Fault("status", status=429, retry_after="3600")])
    started_at = time.monotonic()
    with pytest.raises(ServiceError, match="HTTP 429"):
        _caption(a_captioner(server.url, patience_seconds=20))
    assert time.monotonic() - started_at < 5


def test_an_empty_account_stops_the_run(server: FakeOpenAiServer) -> None:
    said = "You exceeded your current quota, please check your plan."
    server.behavior.script = deque([Fault("status", status=429, text=said)])
    with pytest.raises(ServiceError, match="used up"):
        _caption(a_captioner(server.url))


def test_each_attempt_has_a_name_of_its_own(server: FakeOpenAiServer) -> None:
    """vLLM refuses a request id that is still under way, as a timed-out attempt's may be."""
    server.behavior.script = deque([Fault("late", seconds=0.6)])
    _caption(a_captioner(server.url, timeout_seconds=0.3))
    first, second = (request.headers["x-request-id"] for request in server.received(CLIP_ID))
    assert first != second


def test_ids_that_no_header_can_carry_arrive_whole(server: FakeOpenAiServer) -> None:
    item_id = "Bücher: 50% = #1\n@x__#0_label_B4-0-0_E0C3"
    assert _caption(a_captioner(server.url), id=item_id).startswith("A person")
    assert server.requests[0].item_id == item_id


def test_an_item_that_kills_its_engine_is_rejected_and_the_others_are_served(
    server: FakeOpenAiServer,
) -> None:
    def poison(request: ReceivedRequest) -> Fault | None:
        return Fault("drop") if request.item_id == "Bad_E0C0" else None

    server.behavior.fault_for = poison
    captioner = a_captioner(server.url)
    with ThreadPoolExecutor(4) as threads:
        good = threads.map(lambda n: _caption(captioner, id=f"Good_E0C{n}"), range(20))
        error = _refused(captioner, id="Bad_E0C0")
        assert len(list(good)) == 20
    assert error.reason == "engine_dead"
    assert len(server.received("Bad_E0C0")) == 3


def test_an_item_that_only_fails_with_500_is_rejected_once_the_engine_shows_life(
    server: FakeOpenAiServer,
) -> None:
    server.behavior.fault_for = lambda r: None if r.is_probe else Fault("status", text="CUDA oops")
    error = _refused(a_captioner(server.url))
    assert error.reason == "engine_dead"
    assert "CUDA oops" in error.detail
    assert server.num_probes == 1


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_engine_that_fails_for_all_stops_the_run_and_rejects_nothing(
    server: FakeOpenAiServer, status: int
) -> None:
    server.behavior.fault_for = lambda _request: Fault("status", status=status)
    captioner = a_captioner(server.url)
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(_caption, captioner, id=f"A_E0C{n}") for n in range(4)]
        errors = [future.exception() for future in futures]
    assert all(isinstance(error, ServiceError) for error in errors)
    assert server.url in str(errors[0])
    assert f"HTTP {status}" in str(errors[0])
    assert "curl" in str(errors[0])


def test_a_server_that_is_not_there_stops_the_run_with_words_of_help(
    server: FakeOpenAiServer,
) -> None:
    server.die()
    captioner = a_captioner(server.url, patience_seconds=0.5)
    started_at = time.monotonic()
    with pytest.raises(ServiceError, match=f"curl {server.url}/models") as caught:
        _caption(captioner)
    assert "ConnectError" in str(caught.value)
    assert time.monotonic() - started_at < 1.5


def test_a_server_that_comes_back_in_time_is_used_again(server: FakeOpenAiServer) -> None:
    captioner = a_captioner(server.url, patience_seconds=5)
    _caption(captioner)
    server.die()
    threading.Timer(0.4, server.come_back).start()
    assert _caption(captioner).startswith("A person")


def test_the_requests_of_a_dead_endpoint_go_to_the_other(
    server: FakeOpenAiServer, second: FakeOpenAiServer
) -> None:
    captioner = a_captioner(server.url, second.url)
    server.die()
    for n in range(10):
        _caption(captioner, id=f"Video{n}_E0C0")
    assert second.num_completions == 10


@pytest.mark.parametrize(
    "fault",
    [
        Fault("finish", text="abort"),
        Fault("status", status=500, text="EngineCore encountered an issue. See stack trace."),
    ],
)
def test_a_server_that_is_ending_loses_no_item_and_is_set_aside(
    server: FakeOpenAiServer, second: FakeOpenAiServer, fault: Fault
) -> None:
    """The trap: vLLM, asked to end, answers what is under way with HTTP 200 and half a text."""
    server.behavior.fault_for = lambda _request: fault
    captioner = a_captioner(server.url, second.url)
    for n in range(10):
        assert _caption(captioner, id=f"Video{n}_E0C0").startswith("A person")
    assert second.num_completions == 10
    assert server.num_completions < 5


def test_an_endpoint_that_came_back_gets_work_again(
    server: FakeOpenAiServer, second: FakeOpenAiServer
) -> None:
    captioner = a_captioner(server.url, second.url)
    server.die()
    for n in range(10):
        _caption(captioner, id=f"Video{n}_E0C0")
    server.come_back()
    deadline = time.monotonic() + 5
    while server.num_completions == 0 and time.monotonic() < deadline:
        for n in range(10):
            _caption(captioner, id=f"Video{n}_E0C0")
        time.sleep(0.05)
    assert server.num_completions > 0


def test_a_dead_endpoint_is_asked_for_a_sign_of_life_ever_more_rarely(
    server: FakeOpenAiServer, second: FakeOpenAiServer
) -> None:
    server.behavior.fault_for = lambda _request: Fault("status", status=503)
    captioner = a_captioner(server.url, second.url, first_pause_seconds=0.05, patience_seconds=60)
    deadline = time.monotonic() + 1.2
    while time.monotonic() < deadline:
        for n in range(20):
            _caption(captioner, id=f"Video{n}_E0C0")
    probed_at = [r.arrived_at for r in server.requests if r.is_probe]
    assert server.num_completions == 1
    assert 3 <= len(probed_at) <= 7
    assert probed_at[-1] - probed_at[-2] > 2 * (probed_at[2] - probed_at[1])


def test_a_slow_endpoint_gets_less_than_a_fast_one() -> None:
    with (
        FakeOpenAiServer(Behavior(latency_seconds=(0.2, 0.2))) as slow,
        FakeOpenAiServer(Behavior(latency_seconds=(0.02, 0.02))) as fast,
    ):
        captioner = a_captioner(slow.url, fast.url)
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda n: _caption(captioner, id=f"V{n}_E0C0"), range(40)))
        assert slow.num_completions + fast.num_completions == 40
        assert fast.num_completions > 2 * slow.num_completions


def test_clips_of_a_video_stay_at_one_endpoint_while_loads_are_equal(
    server: FakeOpenAiServer, second: FakeOpenAiServer
) -> None:
    captioner = a_captioner(server.url, second.url)
    for video in range(20):
        for clip in range(3):
            _caption(captioner, id=f"Video{video}_x264_E{clip}C{clip}")
    for fake in (server, second):
        videos = [request.item_id.rsplit("_", 1)[0] for request in fake.requests]
        assert videos
        assert all(videos.count(video) == 3 for video in videos)


def test_connections_are_kept_and_there_are_no_more_than_requests_at_once(
    server: FakeOpenAiServer,
) -> None:
    server.behavior.latency_seconds = (0.02, 0.02)
    captioner = a_captioner(server.url)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: _caption(captioner, id=f"V{n}_E0C0"), range(40)))
    assert server.most_in_flight <= len(server.connections) <= 4
    captioner.close()


def test_a_rate_limit_at_one_endpoint_sends_requests_to_the_other(
    server: FakeOpenAiServer, second: FakeOpenAiServer
) -> None:
    limited = Fault("status", status=429, retry_after="30")
    server.behavior.fault_for = lambda _request: limited
    captioner = a_captioner(server.url, second.url)
    for n in range(20):
        _caption(captioner, id=f"Video{n}_E0C0")
    assert server.num_completions == 1
    assert second.num_completions == 20


def test_the_key_comes_from_the_environment(
    server: FakeOpenAiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.behavior.key = SECRET
    monkeypatch.setenv("MY_KEY", SECRET + "\n")
    assert _caption(a_captioner(server.url, api_key_env="MY_KEY")).startswith("A person")


def test_a_refused_key_is_named_by_its_variable_and_never_shown(
    server: FakeOpenAiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.behavior.key = "another"
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    captioner = a_captioner(server.url)
    with pytest.raises(
        ServiceError, match=r"OPENAI_API_KEY, which is set but was refused"
    ) as caught:
        _caption(captioner)
    assert SECRET not in str(caught.value)
    assert "***" in str(caught.value)
    assert SECRET not in repr(vars(captioner)) + repr(captioner.settings)


def test_a_missing_key_is_named_by_its_variable(
    server: FakeOpenAiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.behavior.key = "another"
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ServiceError, match=r"OPENAI_API_KEY, which is not set"):
        _caption(a_captioner(server.url))


@pytest.mark.parametrize("key", ["sk-a\nsk-b", "sk-é", "two words"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(UsageError, match="OPENAI_API_KEY") as caught:
        _caption(a_captioner())
    assert key not in str(caught.value)


def test_a_model_that_is_not_served_stops_the_run_and_names_those_that_are(
    server: FakeOpenAiServer,
) -> None:
    server.behavior.models = ("llava", "qwen")
    with pytest.raises(ServiceError, match=r"'tiny'.*llava.*qwen"):
        _caption(a_captioner(server.url))
