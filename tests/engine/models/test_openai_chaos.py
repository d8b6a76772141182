"""A network that drops, limits, cuts and garbles: no reply is lost, none mixed up."""

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.models.chat import CaptionRequest
from tests.engine.models.openai_builders import a_captioner, frames_of
from tests.fakes import FakeOpenAiServer, Fault, ReceivedRequest

FAULTS = (
    Fault("drop"),
    Fault("status", status=500),
    Fault("status", status=429, retry_after="0.01"),
    Fault("half_closed"),
    Fault("broken_json"),
)


def _one_in_five_fails(request: ReceivedRequest) -> Fault | None:
    drawn = sum(request.headers["x-request-id"].encode()) % 25
    return FAULTS[drawn] if drawn < len(FAULTS) and not request.is_probe else None


def test_a_faulty_network_loses_no_caption_and_mixes_none_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with FakeOpenAiServer() as one, FakeOpenAiServer() as other:
        for fake in (one, other):
            fake.behavior.latency_seconds = (0.0, 0.02)
            fake.behavior.answer = lambda body, _images: body["messages"][0]["content"][-1]["text"]
            fake.behavior.fault_for = _one_in_five_fails
        captioner = a_captioner(one.url, other.url, max_retries=10, patience_seconds=10)
        prepared = captioner.prepare(frames_of(7))
        requests = [
            CaptionRequest(f"V{n % 7}_E{n // 7}C0", 1.0, f"text {n}", prepared) for n in range(150)
        ]
        with caplog.at_level(logging.ERROR), ThreadPoolExecutor(8) as threads:
            replies = list(threads.map(captioner.caption, requests))
    assert [(r.id, r.text) for r in replies] == [(r.id, r.prompt) for r in requests]
    assert one.num_completions + other.num_completions > 160
    assert not caplog.records
