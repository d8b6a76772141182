"""A full disk, a read-only folder, a second process, bad input: told clearly, nothing lost."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.executors.local import LocalExecutor
from engine.flow import FLOW, look_at
from engine.index import Index
from engine.store import RECORD_FILES, JsonlWriter
from schemas import Click, Reject
from schemas.review import MoveBoundaries
from tests.builders import (
    HERE,
    a_click,
    a_dataset,
    a_human_caption,
    a_review,
    a_video,
    add_review,
    add_video,
    an_event,
    bring_in,
    copy_of,
    live,
    run_all,
    run_named,
)

REPOSITORY = Path(__file__).parents[2]
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2


def annotated(dir_path: Path) -> Dataset:
    """Thirty annotation-only videos with human captions: all stages, and nothing to decode."""
    dataset = a_dataset(dir_path)
    for number in range(30):
        video_id = f"Abuse{number:03}"
        bring_in(
            dataset,
            a_video(video_id, source="folder"),
            a_click(f"{video_id}_K0", time_seconds=30.0),
            *(
                a_human_caption(
                    f"{video_id}_H{place}",
                    start_seconds=24.0 + 2 * place,
                    end_seconds=26.0 + 2 * place,
                    text=f"In part {place} of {video_id} a man in red shouts at a woman in blue.",
                )
                for place in range(6)
            ),
        )
    return dataset


def run_script(dataset: Dataset, *, before: str = "") -> subprocess.CompletedProcess[str]:
    """Everything in another process, after some lines of code."""
    code = (
        "import ctypes, os, resource, sys\n"
        f"{before}\n"
        f"os.execv(sys.executable, [sys.executable, '-m', 'tests.engine.whole_run', sys.argv[1]])"
    )
    return subprocess.run(
        [sys.executable, "-c", code, dataset.dir_path],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


def release_of(dataset: Dataset) -> dict[str, bytes]:
    root = dataset.releases_dir_path
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def unharmed(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """What everything is when nothing goes wrong."""
    dataset = annotated(tmp_path_factory.mktemp("unharmed") / "ds")
    done = run_script(dataset)
    assert done.returncode == 0, done.stderr
    return dataset


@pytest.mark.parametrize("limit_bytes", [700, 4_000, 9_000, 20_000, 70_000])
def test_a_full_disk_stops_the_run_with_a_clear_error_and_it_goes_on_when_there_is_space(
    tmp_path: Path, unharmed: Dataset, limit_bytes: int
) -> None:
    largest = max(path.stat().st_size for path in unharmed.dir_path.rglob("*") if path.is_file())
    assert limit_bytes < largest
    dataset = annotated(tmp_path / "ds")
    limit = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, {limit_bytes}))"
    stopped = run_script(dataset, before=limit)
    assert stopped.returncode != 0
    assert "ServiceError: cannot write" in stopped.stderr
    assert "free some space" in stopped.stderr
    for name in RECORD_FILES.values():
        path = dataset.dir_path / name
        assert not path.exists() or path.read_bytes().endswith((b"\n", b""))
    assert list(dataset.dir_path.rglob("*.part*")) == []
    resumed = run_script(dataset)
    assert resumed.returncode == 0, resumed.stderr
    assert release_of(dataset) == release_of(unharmed)
    assert live(dataset) == live(unharmed)


DROP_ROOTS_RIGHTS = (
    f"drop = [ctypes.CDLL(None).prctl({PR_CAPBSET_DROP}, cap, 0, 0, 0)"
    f" for cap in ({CAP_DAC_OVERRIDE}, {CAP_DAC_READ_SEARCH})]\n"
    "assert os.geteuid() or drop == [0, 0], 'cannot drop rights'"
)


def make_read_only(root: Path, *, is_read_only: bool) -> None:
    for path in (root, *root.rglob("*")):
        if path.is_dir():
            path.chmod(0o555 if is_read_only else 0o755)
        else:
            path.chmod(0o444 if is_read_only else 0o644)


@pytest.mark.parametrize("state", ["new", "settled but for one event"])
def test_a_folder_that_may_not_be_written_is_told_and_left_as_it_is(
    tmp_path: Path, unharmed: Dataset, state: str
) -> None:
    if state == "new":
        dataset = annotated(tmp_path / "ds")
    else:
        dataset = copy_of(unharmed, tmp_path / "ds")
        moved = MoveBoundaries(start_seconds=26.0, end_seconds=31.0)
        add_review(dataset, a_review("event", "Abuse000_E0", moved))
    before = {p: p.read_bytes() for p in dataset.dir_path.rglob("*") if p.is_file()}
    make_read_only(dataset.dir_path, is_read_only=True)
    try:
        refused = run_script(dataset, before=DROP_ROOTS_RIGHTS)
    finally:
        make_read_only(dataset.dir_path, is_read_only=False)
    if "cannot drop rights" in refused.stderr:
        pytest.skip("root here, and its right to write everywhere cannot be dropped")
    assert refused.returncode != 0
    assert "UsageError: cannot write" in refused.stderr
    assert "make the folder writable" in refused.stderr
    assert {p: p.read_bytes() for p in dataset.dir_path.rglob("*") if p.is_file()} == before


def test_two_processes_on_one_dataset_lose_nothing_and_the_loser_is_told(
    tmp_path: Path, unharmed: Dataset
) -> None:
    dataset = annotated(tmp_path / "ds")
    command = [sys.executable, "-m", "tests.engine.whole_run", str(dataset.dir_path)]
    both = [
        subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        _, said = process.communicate()
        assert process.returncode == 0 or b"another process" in said, said.decode()
    assert run_script(dataset).returncode == 0
    assert release_of(dataset) == release_of(unharmed)
    assert live(dataset) == live(unharmed)


def test_a_stage_in_use_elsewhere_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    dataset = annotated(tmp_path)
    with (
        JsonlWriter(dataset.ledger_path("propose")),
        pytest.raises(UsageError, match=r"another process is writing .*propose\.jsonl"),
    ):
        run_named(dataset, "propose")
    assert live(dataset)["events.jsonl"] == {}


def test_a_video_without_a_label_goes_through_unlabelled(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    dataset = a_dataset(tmp_path)
    add_video(dataset, "street.mp4", num_frames=60)
    reports = run_all(dataset, executor=executor)
    assert {report.num_rejected for report in reports.values()} == {0}
    [video] = (node for node in live(dataset)["videos.jsonl"].values())
    assert b'"is_anomalous":null' in video
    assert live(dataset)["instructions.jsonl"]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("video,label\nstret,Abuse\n", "line 2: there is no video 'stret'"),
        ("video,label\nstreet,normal;Abuse\n", "normal and something else"),
        ("video;label\nstreet;Abuse\n", "expected video,label"),
    ],
)
def test_a_labels_file_that_is_wrong_stops_ingest_and_names_the_line(
    tmp_path: Path, labels: str, said: str
) -> None:
    dataset = a_dataset(tmp_path, '[videos]\nlabels = "labels.csv"\n')
    add_video(dataset, "street.mp4", num_frames=10)
    (tmp_path / "labels.csv").write_text(labels)
    with pytest.raises(UsageError) as caught:
        run_named(dataset, "ingest")
    assert said in str(caught.value)
    assert "labels.csv" in str(caught.value)


def test_a_labels_file_that_is_not_there_stops_ingest_by_name(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path, '[videos]\nlabels = "labels.csv"\n')
    add_video(dataset, "street.mp4", num_frames=10)
    with pytest.raises(UsageError, match=r"labels\.csv"):
        run_named(dataset, "ingest")


@pytest.mark.parametrize("time_seconds", [60.5, -0.5])
def test_a_click_outside_its_video_is_told_by_name_and_costs_that_video_alone(
    tmp_path: Path, time_seconds: float
) -> None:
    dataset = annotated(tmp_path)
    bring_in(dataset, a_click("Abuse007_K0", time_seconds=time_seconds))
    [report] = run_named(dataset, "propose")
    assert (report.num_done, report.rejects) == (29, {"import_mismatch": 1})
    said = dataset.record_path(Reject).read_text()
    assert f"click Abuse007_K0 at {time_seconds:.3f} s lies outside Abuse007" in said
    bring_in(dataset, a_click("Abuse007_K0", time_seconds=30.0))
    assert run_named(dataset, "propose")[0].num_done == 1
    assert len(live(dataset)["events.jsonl"]) == 30


def test_a_file_that_is_no_video_is_rejected_and_the_others_go_on(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    dataset = a_dataset(tmp_path)
    add_video(dataset, "street.mp4", num_frames=60)
    (dataset.videos_dir_path / "notes.mp4").write_text("not a video")
    (dataset.videos_dir_path / "empty.mp4").touch()
    report = run_all(dataset, executor=executor)["ingest"]
    assert (report.num_done, report.num_rejected) == (1, 2)
    assert set(live(dataset)["videos.jsonl"]) == {"street"}


def test_looking_writes_nothing(tmp_path: Path) -> None:
    dataset = annotated(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    for step in FLOW:
        look_at(dataset, step)
    list(Index(dataset).all(Click))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_correction_that_cannot_be_names_itself_and_stops_before_anything_is_paid_for(
    tmp_path: Path,
) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, a_video("V"), an_event("V_E0"))
    moved = MoveBoundaries(start_seconds=5.0, end_seconds=1.0)
    add_review(dataset, a_review("event", "V_E0", moved))
    with pytest.raises(UsageError, match="event:V_E0:0"):
        run_all(dataset, executor=HERE)
    assert [path.name for path in (tmp_path / "runs").glob("*.jsonl")] == ["import.jsonl"]
