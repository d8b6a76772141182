"""Captioning with servers of ours: they die, stall or are given up in mid-run, or the run is."""

import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.executors.local import LocalExecutor
from engine.index import Index
from engine.serving.fleet import Fleet
from engine.serving.plan import ServerPlan
from engine.serving.session import serving
from engine.serving.spans import serving_spans
from schemas import Caption, Clip
from tests.builders import a_dataset, add_video, an_event, bring_in, copy_of, run_named
from tests.engine.serving.fleets import (
    QUICK,
    SUSPICIOUS,
    a_plan,
    a_server,
    processes_of,
    wait_until,
)
from tests.engine.serving.served_run import caption

REPOSITORY = Path(__file__).resolve().parents[3]
SLOW = ("--latency", "0.3")


@pytest.fixture(scope="module")
def clipped(tmp_path_factory: pytest.TempPathFactory, executor: LocalExecutor) -> Dataset:
    """Two videos, cut into clips of three frames, no two of which show the same."""
    dataset = a_dataset(tmp_path_factory.mktemp("clipped"), "[clip]\ntarget_seconds = 0.12\n")
    for name, start_seconds in (("Fighting001", 0.0), ("Abuse003", 5.0)):
        add_video(dataset, f"{name}.mp4", num_frames=250)
        end_seconds = start_seconds + 5.0
        event = an_event(f"{name}_E0", start_seconds=start_seconds, end_seconds=end_seconds)
        bring_in(dataset, event)
    run_named(dataset, "ingest", "clip", executor=executor)
    return dataset


@pytest.fixture
def dataset(clipped: Dataset, tmp_path: Path) -> Dataset:
    return copy_of(clipped, tmp_path / "dataset")


@pytest.fixture(scope="module")
def undisturbed(clipped: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Clip -> its caption, from a run that nothing happened to."""
    dataset = copy_of(clipped, tmp_path_factory.mktemp("undisturbed") / "dataset")
    caption(dataset, a_plan(a_server()))
    captions = captions_of(dataset)
    assert captions.keys() == Index(dataset).lines(Clip).keys()
    assert len(set(captions.values())) == len(captions) > 50
    return captions


def captions_of(dataset: Dataset) -> dict[str, str]:
    """What counts; each must be told once."""
    lines = dataset.record_path(Caption).read_bytes().splitlines()
    assert Counter(Counter(orjson.loads(line)["id"] for line in lines).values()).keys() == {1}
    return {id: orjson.loads(line)["text"] for id, line in Index(dataset).lines(Caption).items()}


def is_under_way(dataset: Dataset) -> bool:
    """Whether some captions are settled."""
    return len(Index(dataset).lines(Caption)) > 0


def a_pair(
    dataset: Dataset, *, first: tuple[str, ...] = (), both: tuple[str, ...] = SLOW
) -> list[ServerPlan]:
    mark = dataset.dir_path
    return [
        a_server(*first, *both, name="caption-0", mark=mark),
        a_server(*both, name="caption-1", mark=mark),
    ]


def test_kill_9_of_one_of_two_servers_loses_and_doubles_nothing(
    dataset: Dataset, undisturbed: dict[str, str]
) -> None:
    seen: list[int] = []

    def kill_one(fleet: Fleet) -> None:
        wait_until(lambda: is_under_way(dataset))
        victim = fleet.health()[0]
        assert victim.pid is not None
        os.kill(victim.pid, signal.SIGKILL)
        seen.append(len(captions_of(dataset)))
        wait_until(lambda: fleet.health()[0].num_restarts == 1)

    caption(dataset, a_plan(*a_pair(dataset)), meanwhile=kill_one)
    assert 0 < seen[0] < len(undisturbed)
    assert captions_of(dataset) == undisturbed
    assert processes_of(dataset.dir_path) == []


def test_what_a_stalled_server_had_is_answered_elsewhere(
    dataset: Dataset, undisturbed: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    lives = dataset.dir_path / "lives"
    hangs = ("--hangs-after", "5", "--stubborn", "--lives", str(lives))
    caption(dataset, a_plan(*a_pair(dataset, first=hangs)), settings=SUSPICIOUS)
    assert captions_of(dataset) == undisturbed
    assert "caption-0 stood still for" in caplog.text
    log = (dataset.dir_path / "runs" / "servers" / "caption-0.log").read_text()
    dump = log.partition(" caption-0 stood still for ")[2]
    assert "no reply within 2 s" in dump.partition("\n")[0]
    assert "\nvllm:num_requests_running{" in dump
    assert processes_of(dataset.dir_path) == []


def served_run(dataset: Dataset, *faults: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.engine.serving.served_run", dataset.dir_path, *faults],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
    )


def test_ctrl_c_ends_the_servers_with_the_run(dataset: Dataset) -> None:
    run = served_run(dataset, *SLOW, "--orphan")
    wait_until(lambda: is_under_way(dataset))
    assert len(processes_of(dataset.dir_path)) == 6
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=60) == 130
    assert processes_of(dataset.dir_path) == []


def test_ctrl_c_while_servers_start_ends_them(dataset: Dataset) -> None:
    run = served_run(dataset, "--never-ready", "--stubborn")
    wait_until(lambda: len(processes_of(dataset.dir_path)) == 4)
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=60) == 130
    assert processes_of(dataset.dir_path) == []


def test_kill_9_of_a_run_leaves_no_server_and_the_next_run_goes_on(
    dataset: Dataset, undisturbed: dict[str, str]
) -> None:
    run = served_run(dataset, *SLOW, "--orphan", "--stubborn")
    wait_until(lambda: is_under_way(dataset))
    run.kill()
    run.wait()
    wait_until(lambda: processes_of(dataset.dir_path) == [])
    assert 0 < len(captions_of(dataset)) < len(undisturbed)
    caption(dataset, a_plan(a_server()))
    assert captions_of(dataset) == undisturbed


def test_a_second_run_of_the_stage_is_refused_before_it_starts_servers(dataset: Dataset) -> None:
    plan = a_plan(a_server(mark=dataset.dir_path))
    with serving(dataset, "caption", plan, QUICK, say=print):
        num_processes = len(processes_of(dataset.dir_path))
        second = serving(dataset, "caption", plan, QUICK, say=print)
        with pytest.raises(UsageError, match="another process has servers running for caption"):
            second.__enter__()
        assert len(processes_of(dataset.dir_path)) == num_processes


def test_a_person_is_told_about_the_start(dataset: Dataset) -> None:
    said: list[str] = []
    with serving(dataset, "caption", a_plan(a_server()), QUICK, say=said.append):
        pass
    assert said[0] == f"starting 1 server; what they say goes to {dataset.dir_path}/runs/servers"
    assert said[-1].startswith("1 server ready after ")


def test_how_long_a_run_held_gpus_is_written_down(dataset: Dataset) -> None:
    server = replace(a_server(), gpu_ids=(0, 1))
    caption(dataset, a_plan(server))
    (span,) = serving_spans(dataset)
    assert (span.stage, span.num_gpus) == ("caption", 2)
    assert span.model == f"openai/{server.served_model_name}"
    assert span.hours > 0
