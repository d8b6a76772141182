"""Measuring our client: what is compared is of the same server, and what went wrong is told.

Nothing here says how fast anything is: other work on the machine would decide.
"""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from engine.config import CaptionSection, Config
from engine.errors import ServiceError
from engine.executors.local import LocalExecutor
from engine.serving.bench import DECODED_SHARE, Bench, Case, measure_endpoints, measure_simulated
from engine.serving.footage import stretches_of
from engine.serving.simulator import Simulated
from tests.engine.cli.command_line import vau
from tests.fakes import Behavior, FakeOpenAiServer
from tests.videos import constant_rate


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("footage")
    constant_rate(folder / "a.mp4", num_frames=325)
    return folder


@pytest.fixture(scope="module")
def executor() -> Iterator[LocalExecutor]:
    with LocalExecutor(workers=1) as local:
        yield local


def a_bench(folder: Path, executor: LocalExecutor, *urls: str) -> Bench:
    section = CaptionSection(model="tiny", endpoints=urls, concurrency=4)
    return Bench(
        Config(caption=section),
        stretches_of(folder),
        executor,
        seconds=0.6,
        num_rounds=1,
        warm_up_seconds=0.4,
    )


def rounds_of(case: Case) -> tuple[float, float]:
    [only] = case.rounds
    return only.raw.clips_per_second, only.ours.clips_per_second


def test_with_a_simulated_server_neither_side_passes_its_capacity(
    folder: Path, executor: LocalExecutor
) -> None:
    simulated = Simulated(num_replicas=2, requests_per_second=30.0, latency_seconds=0.05)
    ready, decoding = measure_simulated(a_bench(folder, executor), simulated)
    assert (ready.rounds[0].capacity_per_second, ready.num_servers) == (30.0, 2)
    [second] = decoding.rounds
    assert second.capacity_per_second == DECODED_SHARE * second.decoded_per_second > 0
    for each in rounds_of(ready):
        # One more for each server: a window may open just before its reply.
        assert 0 < each <= 30.0 + 2 / 0.6
    assert not ready.rounds[0].ours.rejects


def test_replies_of_no_use_are_told_by_their_reason_and_their_tokens_count(
    folder: Path, executor: LocalExecutor
) -> None:
    with FakeOpenAiServer(Behavior(answer=lambda _body, _images: "no " * 40)) as server:
        ready, _ = measure_endpoints(a_bench(folder, executor, server.url))
    assert set(ready.rounds[0].ours.rejects) == {"reply_repetitive"}
    assert ready.rounds[0].ours.tokens_per_second > 0


def test_footage_that_cannot_be_decoded_ends_it(tmp_path: Path, executor: LocalExecutor) -> None:
    path = constant_rate(tmp_path / "gone.mp4", num_frames=50)
    bench = a_bench(tmp_path, executor)
    path.unlink()
    with pytest.raises(ServiceError, match="cannot all be decoded"):
        list(measure_simulated(bench, Simulated()))


def test_an_endpoint_needs_the_name_of_its_model(tmp_path: Path) -> None:
    outcome = vau("bench", "serve", "--endpoint", "http://127.0.0.1:9/v1", cwd=tmp_path)
    assert outcome.code == 2
    assert "--model" in outcome.err


@pytest.mark.slow
def test_the_command_says_both_ratios_as_json(folder: Path) -> None:
    outcome = vau(
        *("bench", "serve", "--videos", folder, "--seconds", "1", "--rounds", "1", "--json"),
        cwd=folder,
    )
    assert outcome.code == 0
    cases = orjson.loads(outcome.out)["cases"]
    assert [case["name"] for case in cases] == [
        "simulated server, frames ready",
        "simulated server, decoding",
    ]
    for case in cases:
        [only] = case["rounds"]
        sides = only["ours"]["tokens_per_second"], only["raw"]["tokens_per_second"]
        assert case["ratio"] == sides[0] / sides[1] > 0
        assert only["ours"]["rejects"] == {}
