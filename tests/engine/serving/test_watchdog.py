"""Counters of vLLM, and what they say about a server that stands still."""

from dataclasses import replace

from engine.serving.watchdog import Sample, Watchdog, counters_in, parse_metrics, read_metrics
from tests.fakes import FakeOpenAiServer

METRICS = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="tiny, {7B}"} 3.0
vllm:num_requests_waiting{engine="0",model_name="tiny, {7B}"} 2.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="tiny, {7B}",reason="capacity"} 2.0
vllm:prompt_tokens_total{engine="0",model_name="tiny, {7B}"} 1.076e+03
vllm:prompt_tokens_created{engine="0",model_name="tiny, {7B}"} 1.79e+09
vllm:generation_tokens_total{engine="0",model_name="tiny, {7B}"} 24.0
vllm:request_success_total{engine="0",finished_reason="stop",model_name="tiny, {7B}"} 4.0
vllm:request_success_total{engine="0",finished_reason="length",model_name="tiny, {7B}"} 1.0
vllm:request_success_total{engine="0",finished_reason="abort",model_name="tiny, {7B}"} 9.0
vllm:request_success_total{engine="0",finished_reason="error",model_name="tiny, {7B}"} 8.0
vllm:e2e_request_latency_seconds_bucket{engine="0",le="0.3",model_name="tiny, {7B}"} 5.0
process_resident_memory_bytes 1.2e+09
"""
SEEN = Sample(num_in_flight=5, num_finished=5, num_tokens=1100)


def with_(old: str, new: str) -> str:
    assert old in METRICS
    return METRICS.replace(old, new)


def test_counters_of_all_kinds_are_summed_and_given_up_requests_are_no_work() -> None:
    assert parse_metrics(METRICS) == SEEN


def test_engines_of_one_server_are_summed() -> None:
    both = METRICS + METRICS.replace('engine="0"', 'engine="1"')
    assert parse_metrics(both) == Sample(num_in_flight=10, num_finished=10, num_tokens=2200)


def test_missing_counters_are_no_zeros() -> None:
    assert parse_metrics("") is None
    assert parse_metrics(with_("vllm:generation_tokens_total", "vllm:made_tokens")) is None


def test_tokens_or_finished_requests_are_progress_and_given_up_ones_are_not() -> None:
    dog = Watchdog(first=SEEN, moved_at=0.0)
    dog.note(METRICS, now=10.0)
    assert dog.still_seconds(now=10.0) == 10.0
    dog.note(
        with_('"abort",model_name="tiny, {7B}"} 9.0', '"abort",model_name="tiny"} 14.0'), now=20
    )
    assert dog.still_seconds(now=20.0) == 20.0
    dog.note(with_("} 24.0", "} 25.0"), now=30.0)
    assert dog.still_seconds(now=31.0) == 1.0
    dog.note(with_("} 4.0", "} 5.0").replace("} 24.0", "} 25.0"), now=40.0)
    assert dog.still_seconds(now=41.0) == 1.0
    assert dog.num_finished == 1


def test_counters_that_cannot_be_read_are_no_progress() -> None:
    dog = Watchdog(first=replace(SEEN, num_tokens=0), moved_at=0.0)
    dog.note(None, now=5.0)
    dog.note("<html>", now=6.0)
    assert dog.still_seconds(now=7.0) == 7.0
    assert dog.describe() == "no counters to be had"


def test_a_sign_of_life_counts_as_progress() -> None:
    dog = Watchdog(first=SEEN, moved_at=0.0)
    dog.show_life(now=50.0)
    assert dog.still_seconds(now=51.0) == 1.0


def test_a_log_gets_counters_without_histograms() -> None:
    shown = counters_in(METRICS)
    assert "num_requests_waiting" in shown
    assert "_bucket" not in shown
    assert "resident" not in shown


def test_counters_are_read_from_the_root_of_a_server() -> None:
    with FakeOpenAiServer() as server:
        port = int(server.url.split(":")[2].removesuffix("/v1"))
        sample = parse_metrics(read_metrics(port) or "")
        server.die()
        assert sample == Sample(num_in_flight=0, num_finished=0, num_tokens=0)
        assert read_metrics(port) is None
