"""The whole flow over real videos on a cluster that loses a node: the release is the same."""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.dataset import Dataset
from engine.executors.local import LocalExecutor
from engine.executors.ray import RayExecutor
from engine.flow import FLOW, run_step
from engine.index import Index
from engine.media_export import export_media
from engine.release import ExportOptions, export
from engine.runner import Executor, Outcome, RunOptions
from engine.stage import Pending, Stage
from engine.trees import Trees
from tests.builders import a_click, a_dataset, bring_in, copy_of, run_all, run_named
from tests.ray.clusters import OneCpuNodes, on, one_cpu_nodes
from tests.ray.store import SHARED_VIDEOS

pytestmark = [
    pytest.mark.timeout(280),
    pytest.mark.skipif(not SHARED_VIDEOS.is_dir(), reason=f"{SHARED_VIDEOS} is not there"),
]
VIDEOS = ("explosion2.mp4", "car_accident.mp4", "aRo8x3xXeEA_3_8.avi", "car-detection.mp4")
SETTINGS = '[clip]\nmethod = "uniform"\ntarget_seconds = 1.0\n[score]\nvideos = "all"\n'


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Real videos, each twice, one of which is no video at all."""
    dataset = a_dataset(tmp_path_factory.mktemp("footage"), SETTINGS)
    for name in VIDEOS:
        for number in (1, 2):
            shutil.copy(SHARED_VIDEOS / name, dataset.videos_dir_path / f"{number}_{name}")
    (dataset.videos_dir_path / "notes.mp4").write_text("not a video")
    bring_in(dataset, a_click("1_explosion2_K0", time_seconds=2.0, frame=50))
    return dataset


@pytest.fixture(scope="module")
def done_here(footage: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Brought up to date by this machine's own processes."""
    dataset = copy_of(footage, tmp_path_factory.mktemp("here") / "dataset")
    with LocalExecutor(workers=2) as executor:
        run_all(dataset, executor=executor)
    return dataset


class Killing:
    """An executor that kills a node after some outcomes of the captions."""

    def __init__(self, executor: RayExecutor, cluster: OneCpuNodes) -> None:
        self._executor = executor
        self._cluster = cluster
        self.num_seen = 0

    def run(self, stage: Stage[Any], items: Iterable[Pending[Any]]) -> Iterator[Outcome]:
        for outcome in self._executor.run(stage, items):
            yield outcome
            self.num_seen += stage.name == "caption"
            if self.num_seen == 5:
                self._cluster.kill(self._cluster.nodes[1])


def release_of(dataset: Dataset, executor: Executor) -> dict[str, bytes]:
    """Every file of a release, its card and its fingerprints among them."""
    options = ExportOptions(("hivau-raw", "hivau-single", "llava"), "draft")
    dir_path = export(dataset, options, executor=executor).dir_path
    return {
        str(path.relative_to(dir_path)): path.read_bytes()
        for path in dir_path.rglob("*")
        if path.is_file()
    }


def test_a_cluster_that_loses_a_node_makes_the_release_that_this_machine_makes(
    footage: Dataset, done_here: Dataset, tmp_path: Path
) -> None:
    dataset = copy_of(footage, tmp_path / "dataset")
    with one_cpu_nodes(3) as cluster, on(cluster) as executor:
        killing = Killing(executor, cluster)
        reports = run_all(dataset, executor=killing)
    assert killing.num_seen > 20
    assert reports["ingest"].rejects == {"media_unreadable": 1}
    here = LocalExecutor()
    assert release_of(dataset, here) == release_of(done_here, here)


def test_what_one_machine_began_a_cluster_ends_without_doing_anything_again(
    done_here: Dataset, footage: Dataset, cluster: OneCpuNodes, tmp_path: Path
) -> None:
    """Fingerprints do not know where work was done."""
    dataset = copy_of(footage, tmp_path / "dataset")
    half = RunOptions(limit=3, is_quiet=True)
    with LocalExecutor(workers=2) as executor:
        before = {
            step.label: run_step(dataset, step, executor=executor, options=half) for step in FLOW
        }
    with on(cluster) as ray_executor:
        after = run_all(dataset, executor=ray_executor)
        again = run_all(done_here, executor=ray_executor)
    assert before["ingest"].num_done + after["ingest"].num_done == 2 * len(VIDEOS)
    assert all(report.num_done == 0 for report in again.values())


def test_a_cluster_makes_the_features_that_this_machine_makes(
    done_here: Dataset, cluster: OneCpuNodes, tmp_path: Path
) -> None:
    there = copy_of(done_here, tmp_path / "there")
    here = copy_of(done_here, tmp_path / "here")
    with on(cluster, shared_paths=(there.dir_path,)) as executor:
        (report,) = run_named(there, "features", executor=executor)
    with LocalExecutor(workers=2) as local:
        run_named(here, "features", executor=local)
    assert report.num_done == 2 * len(VIDEOS)
    found = {path.name: path.read_bytes() for path in there.dir_path.glob("features/*/*.npy")}
    assert len(found) == report.num_done
    assert found == {path.name: path.read_bytes() for path in here.dir_path.glob("features/*/*")}


def test_a_cluster_cuts_the_files_of_a_release(
    done_here: Dataset, cluster: OneCpuNodes, tmp_path: Path
) -> None:
    index = Index(done_here)
    nodes = [Trees(index).of(f"{number}_explosion2") for number in (1, 2)]
    names: list[dict[str, bytes]] = []
    with on(cluster, shared_paths=(tmp_path,)) as ray_executor, LocalExecutor(workers=1) as local:
        for name, executor in (("there", ray_executor), ("here", local)):
            target = tmp_path / name
            assert export_media(index, nodes, target, executor=executor) == {}
            names.append({path.name: path.read_bytes() for path in target.rglob("*.mp4")})
    assert names[0]
    assert names[0] == names[1]
