import contextlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import ItemError, ServiceError, UsageError
from engine.executors.ray import RayExecutor
from engine.executors.ray_crew import CrewSettings
from engine.runner import Outcome
from engine.stage import Pending
from tests.builders import pending_of
from tests.engine.misbehaving import ComputingStage
from tests.ray.clusters import REPOSITORY, OneCpuNodes, on, one_cpu_nodes
from tests.ray.stages import WorkingStage

pytestmark = pytest.mark.timeout(280)


def items(*bodies: object, per_group: int = 1) -> list[Pending[object]]:
    """Items named by their place, some of them of one video."""
    return [
        pending_of(f"{place}", lambda body=body: body, group=f"{place // per_group}")  # type: ignore[misc]
        for place, body in enumerate(bodies)
    ]


def reasons(outcomes: list[Outcome]) -> dict[str, str]:
    """Item id -> reject reason, `done` where it went well; no item twice."""
    assert len({outcome.item_id for outcome in outcomes}) == len(outcomes)
    return {
        item_id: result.reason if isinstance(result, ItemError) else "done"
        for item_id, result in sorted(outcomes, key=lambda one: int(one.item_id))
    }


@pytest.fixture
def three(cluster: OneCpuNodes) -> Iterator[RayExecutor]:
    with on(cluster) as executor:
        yield executor


def test_every_item_has_one_outcome_whatever_happens_to_the_process_that_reads_it(
    three: RayExecutor,
) -> None:
    work = items(None, "hang", None, "kill", None, "reject", "hang in C", None, per_group=4)
    found = reasons(list(three.run(WorkingStage(deadline=1.5), work)))
    expected = ["done", "media_timeout", "done", "media_unreadable"]
    expected += ["done", "media_empty", "media_timeout", "done"]
    assert list(found.values()) == expected


def test_all_nodes_work(three: RayExecutor) -> None:
    found = list(three.run(WorkingStage(seconds=0.05), items(*[None] * 150)))
    assert set(reasons(found).values()) == {"done"}
    assert len({outcome.result[0].text for outcome in found}) == 3  # type: ignore[index, union-attr]


def test_model_calls_at_once_over_all_nodes_are_those_of_the_stage(three: RayExecutor) -> None:
    """Nine at once in 0.3 s each, so 54 take six rounds, not the two that 27 at once would."""
    work = items(*[None] * 54)
    list(three.run(WorkingStage(9, seconds=0.0), work))
    started = time.monotonic()
    list(three.run(WorkingStage(9, seconds=0.3), work))
    assert time.monotonic() - started > 6 * 0.3


def test_stages_that_only_compute_are_done_by_this_process(three: RayExecutor) -> None:
    found = list(three.run(ComputingStage(), items(None, "reject")))
    assert reasons(found) == {"0": "done", "1": "reply_empty"}


@pytest.mark.expects_error_log
def test_an_item_that_takes_its_worker_down_is_rejected_and_costs_nobody_else(
    three: RayExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    work = items(*[None] * 8, "take the worker down", *[None] * 8, per_group=6)
    found = reasons(list(three.run(WorkingStage(), work)))
    assert found == {str(n): "internal" if n == 8 else "done" for n in range(17)}
    assert "2 workers died of it alone" in caplog.text


@pytest.mark.expects_error_log
def test_what_a_worker_logs_is_logged_here(
    three: RayExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    assert reasons(list(three.run(WorkingStage(), items("fault")))) == {"0": "internal"}
    assert "ZeroDivisionError" in caplog.text
    assert "on node" in caplog.text


def test_a_service_that_is_gone_stops_the_run_and_keeps_what_was_done(three: RayExecutor) -> None:
    kept: list[Outcome] = []
    work = items(*[None] * 6, "service gone", *[None] * 300, per_group=7)
    with pytest.raises(ServiceError, match="the endpoint is gone"):
        kept.extend(three.run(WorkingStage(seconds=0.02), work))
    found = reasons(kept)
    assert found.keys() >= {str(number) for number in range(6)}
    assert "6" not in found


def test_items_are_built_only_as_they_are_needed(three: RayExecutor) -> None:
    built: list[int] = []
    work = (
        pending_of(f"{number}", lambda number=number: built.append(number), group=f"{number // 4}")  # type: ignore[misc]
        for number in range(10_000)
    )
    running = three.run(WorkingStage(seconds=0.01), work)
    next(iter(running))
    assert len(built) < 600
    running.close()  # type: ignore[attr-defined]


def test_a_killed_node_loses_nothing_and_its_items_are_not_blamed(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with one_cpu_nodes(3) as mortal, on(mortal) as executor:
        work = items(*[None] * 120, per_group=3)
        found: list[Outcome] = []
        for outcome in executor.run(WorkingStage(seconds=0.05), work):
            found.append(outcome)
            if len(found) == 10:
                mortal.kill(mortal.nodes[0])
    assert set(reasons(found).values()) == {"done"}
    assert len(found) == 120
    assert "was lost; its" in caplog.text
    assert capsys.readouterr().out == ""


def test_a_node_that_joins_late_gets_work() -> None:
    with one_cpu_nodes(1) as growing, on(growing) as executor:
        found: list[Outcome] = []
        for outcome in executor.run(WorkingStage(seconds=0.1), items(*[None] * 250)):
            found.append(outcome)
            if len(found) == 1:
                growing.add()
    assert len({outcome.result[0].text for outcome in found}) == 2  # type: ignore[index, union-attr]


def test_a_node_with_other_code_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version is the same; somebody edited a prompt there, or forgot to update."""
    monkeypatch.chdir(tmp_path)  # nodes look for code in the run's folder first
    for name in ("engine", "schemas", "prompts", "manifests", "tests"):
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    with (tmp_path / "prompts" / "caption_clip.md").open("a") as prompt:
        prompt.write("Be brief.\n")
    with one_cpu_nodes(0) as mixed:
        mixed.add({"PYTHONPATH": str(tmp_path)})
        with on(mixed) as executor, pytest.raises(UsageError, match=r"sources \w+\), here"):
            list(executor.run(WorkingStage(), items(None)))


def test_a_node_without_vau_data_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with one_cpu_nodes(0) as bare:
        (tmp_path / "engine").mkdir()
        (tmp_path / "engine" / "__init__.py").touch()
        bare.add({"PYTHONPATH": str(tmp_path)})
        with on(bare) as executor, pytest.raises(UsageError, match="install the same vau-data"):
            list(executor.run(WorkingStage(), items(None)))


def test_a_node_that_does_not_see_the_videos_is_refused(cluster: OneCpuNodes) -> None:
    unseen = Path("/nowhere/videos")
    with (
        on(cluster, shared_paths=(unseen,)) as executor,
        pytest.raises(UsageError, match="does not see /nowhere/videos"),
    ):
        list(executor.run(WorkingStage(), items(None)))


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nonsense"])
def test_an_address_without_a_cluster_is_a_usage_error(address: str) -> None:
    started = time.monotonic()
    with pytest.raises(UsageError, match="no Ray cluster can be reached"):
        RayExecutor(address, CrewSettings(make_local=None)).__enter__()  # type: ignore[arg-type]
    assert time.monotonic() - started < 60


RUN = """
import sys
from tests.ray.clusters import on
from tests.ray.stages import WorkingStage
from tests.builders import pending_of
from engine.executors.local import LocalExecutor
from engine.executors.ray import RayExecutor
from engine.executors.ray_crew import CrewSettings

work = [pending_of(f"{n}", lambda: None, group=f"{n}") for n in range(3000)]
with RayExecutor(sys.argv[1], CrewSettings(LocalExecutor)) as executor:
    for outcome in executor.run(WorkingStage(seconds=0.05), work):
        print(outcome.item_id, flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_no_process_behind(cluster: OneCpuNodes, how: int) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, cluster.address], cwd=REPOSITORY, stdout=subprocess.PIPE
    )
    assert run.stdout is not None
    run.stdout.readline()
    assert _workers()
    started = time.monotonic()
    run.send_signal(how)
    run.wait(timeout=20)
    assert time.monotonic() - started < 15
    run.stdout.close()
    _eventually_no_workers()


def _workers() -> list[str]:
    """Processes on the nodes that work for a run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            found.append(path.read_bytes().decode(errors="replace"))
    return [command for command in found if "ray::NodeWorker" in command]


def _eventually_no_workers() -> None:
    deadline = time.monotonic() + 20
    while _workers():
        assert time.monotonic() < deadline, _workers()
        time.sleep(0.1)
