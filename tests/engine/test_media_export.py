import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.dataset import Dataset
from engine.executors.local import LocalExecutor
from engine.index import Index
from engine.media.decode import all_frames
from engine.release import ExportOptions, ExportReport, export
from schemas import Instruction
from schemas.review import Discard
from tests.builders import (
    a_click,
    a_dataset,
    a_human_caption,
    a_review,
    a_video,
    add_review,
    add_video,
    bring_in,
    copy_of,
    reconfigured,
    run_all,
)
from tests.videos import read_index


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory, executor: LocalExecutor) -> Dataset:
    """A clicked video, a normal one, and one without a file; all steps run."""
    dataset = a_dataset(tmp_path_factory.mktemp("media") / "ds", "[clip]\ntarget_seconds = 1.5\n")
    for name in ("Abuse001", "Normal_Videos002"):
        add_video(dataset, f"{name}.mp4", num_frames=150)
    bring_in(
        dataset,
        a_click("Abuse001_K0", time_seconds=3.0, frame=75),
        a_video("Arson003", source="folder"),
        a_click("Arson003_K0", time_seconds=30.0),
        a_human_caption("Arson003_H0", start_seconds=26.0, end_seconds=33.0),
    )
    run_all(dataset, executor=executor)
    return dataset


def exported(dataset: Dataset, executor: LocalExecutor, **changes: Any) -> ExportReport:
    known: dict[str, Any] = {"formats": ("llava",), "name": "draft", "with_media": True}
    return export(dataset, ExportOptions(**(known | changes)), executor=executor)


def rows_of(report: ExportReport) -> list[dict[str, Any]]:
    paths = sorted(report.dir_path.glob("llava/*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def test_every_row_names_a_file_that_shows_its_segment_and_no_file_is_unnamed(
    settled: Dataset, executor: LocalExecutor, tmp_path: Path
) -> None:
    dataset = copy_of(settled, tmp_path / "ds")
    report = exported(dataset, executor)
    spans = {i.id: (i.start_seconds, i.end_seconds) for i in Index(dataset).all(Instruction)}
    rows = rows_of(report)
    assert {row["video"] for row in rows} == set(_videos(report.dir_path))
    assert len(rows) > 6
    for row in rows:
        start, end = spans[row["id"]]
        shown = [read_index(frame.image) for frame in all_frames(report.dir_path / row["video"])]
        assert shown == [i for i in range(150) if start <= i / 25 < end], row


def _videos(root: Path) -> Iterator[str]:
    for path in root.rglob("*"):
        if path.is_file() and path.suffix not in (".jsonl", ".json", ".md", ".html"):
            yield str(path.relative_to(root))


def test_segments_of_a_video_without_a_file_are_left_out_and_counted(
    settled: Dataset, executor: LocalExecutor, tmp_path: Path
) -> None:
    dataset = copy_of(settled, tmp_path / "ds")
    report = exported(dataset, executor)
    missing = {"Arson003", "Arson003_E0", "Arson003_E0C0"}
    assert set(report.failed_media) == missing
    assert not [row for row in rows_of(report) if "Arson003" in row["video"]]
    assert report.release.num_rejects == {"export": 3}
    num_rows = len(rows_of(report))
    assert len(rows_of(exported(dataset, executor, with_media=False))) == num_rows + 3


def test_a_segment_whose_text_was_discarded_is_not_cut_even_before_the_next_run(
    settled: Dataset, executor: LocalExecutor, tmp_path: Path
) -> None:
    dataset = copy_of(settled, tmp_path / "ds")
    num_files = len(set(_videos(exported(dataset, executor).dir_path)))
    add_review(dataset, a_review("caption", "Abuse001_E0C0", Discard(reason="privacy")))
    report = exported(dataset, executor)
    assert "hivau:Abuse001_E0C0" not in [row["id"] for row in rows_of(report)]
    assert len(set(_videos(report.dir_path))) == num_files - 1


def test_a_release_with_media_is_byte_for_byte_the_same_every_time(
    settled: Dataset, executor: LocalExecutor, tmp_path: Path
) -> None:
    dataset = copy_of(settled, tmp_path / "ds")

    def tree() -> dict[str, bytes]:
        root = exported(dataset, executor).dir_path
        return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}

    assert tree() == tree()


def test_a_file_that_was_lost_costs_its_own_rows_alone(
    settled: Dataset, executor: LocalExecutor, tmp_path: Path
) -> None:
    dataset = copy_of(settled, tmp_path / "ds")
    (dataset.videos_dir_path / "Abuse001.mp4").write_bytes(b"rotten")
    report = exported(dataset, executor)
    lost = {row["id"].rpartition(":")[2] for row in rows_of(exported(settled, executor))}
    lost = {segment_id for segment_id in lost if segment_id.startswith("Abuse001")}
    assert lost <= set(report.failed_media)
    assert rows_of(report)
    assert not [row for row in rows_of(report) if "Abuse001" in row["video"]]


def test_cutting_that_takes_too_long_is_stopped_and_leaves_no_half_a_file(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    patient = a_dataset(tmp_path / "ds")
    # Long enough that no machine has cut it before the next look at the clock, 0.1 s later.
    add_video(patient, "Normal_Videos002.mp4", num_frames=2500)
    run_all(patient, executor=executor)
    hasty = "[media]\ndeadline_seconds = 0.02\ndeadline_per_video_second = 0.0\n"
    report = exported(reconfigured(patient, hasty), executor, formats=("hivau-raw", "llava"))
    assert "Normal_Videos002" in report.failed_media
    assert list(_videos(report.dir_path)) == []
    assert rows_of(report) == []
