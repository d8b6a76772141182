"""The whole engine on small videos, with the embedded models."""

from pathlib import Path

import orjson
import pytest

from engine.dataset import Dataset
from engine.executors.local import LocalExecutor
from engine.flow import FLOW
from engine.index import Index
from engine.release import ExportOptions, export
from schemas import Caption, Clip, Event, Instruction, Summary, Video
from tests.builders import (
    a_click,
    a_dataset,
    a_human_caption,
    add_video,
    bring_in,
    copy_of,
    label_of,
    run_all,
)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory, executor: LocalExecutor) -> Dataset:
    dataset = a_dataset(tmp_path_factory.mktemp("flow") / "ds")
    for name in ("Abuse001.mp4", "normal/park.mp4", "street.mkv", "Fighting002.avi"):
        add_video(dataset, name, num_frames=200)
    bring_in(
        dataset,
        a_click("Abuse001_K0", time_seconds=4.0),
        a_human_caption("Abuse001_H0", start_seconds=3.0, end_seconds=5.0, text="He runs."),
    )
    reports = run_all(dataset, executor=executor)
    assert {report.num_rejected for report in reports.values()} == {0}
    return dataset


def test_a_second_run_does_nothing(settled: Dataset, executor: LocalExecutor) -> None:
    for label, report in run_all(settled, executor=executor).items():
        assert (label, report.num_done, report.num_retired) == (label, 0, 0)
        assert report.num_settled_before > 0


def test_every_video_reaches_the_end_whatever_is_known_of_it(settled: Dataset) -> None:
    index = Index(settled)
    labels = {video.id: video.is_anomalous for video in index.all(Video)}
    assert labels == {"Abuse001": True, "Fighting002": True, "park": False, "street": None}
    summarized = {summary.id for summary in index.all(Summary)}
    asked = {instruction.segment_id for instruction in index.all(Instruction)}
    assert set(labels) <= summarized & asked


def test_a_persons_words_are_the_caption_of_the_clip_they_were_said_of(settled: Dataset) -> None:
    index = Index(settled)
    [clip] = [clip for clip in index.all(Clip) if clip.human_caption_id]
    assert index.get(Caption, clip.id).text == "He runs."
    assert clip.event_id == "Abuse001_E0"


def test_every_clip_lies_in_its_event_and_every_event_in_its_video(settled: Dataset) -> None:
    index = Index(settled)
    for clip in index.all(Clip):
        event = index.get(Event, clip.event_id)
        video = index.get(Video, clip.video_id)
        assert event.start_seconds <= clip.start_seconds < clip.end_seconds <= event.end_seconds
        assert video.start_seconds <= event.start_seconds < event.end_seconds <= video.end_seconds


def test_two_machines_make_the_same_release(
    settled: Dataset, executor: LocalExecutor, tmp_path: Path
) -> None:
    """The same inputs, another number of processes, another order of work."""
    other = a_dataset(tmp_path / "other")
    again = copy_of(settled, tmp_path / "again")
    for path in sorted(settled.videos_dir_path.rglob("*.*"), reverse=True):
        target = other.videos_dir_path / path.relative_to(settled.videos_dir_path)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    bring_in(
        other,
        a_human_caption("Abuse001_H0", start_seconds=3.0, end_seconds=5.0, text="He runs."),
        a_click("Abuse001_K0", time_seconds=4.0),
    )
    with LocalExecutor(workers=1) as single:
        run_all(other, executor=single)
    options = ExportOptions(("hivau-raw", "hivau-single", "hivau-multi", "llava"), "draft")
    first, second = (
        {p.name: p.read_bytes() for p in export(one, options).dir_path.rglob("*") if p.is_file()}
        for one in (again, other)
    )
    assert first == second


def test_the_ledger_names_every_step_and_each_fingerprint_is_explained(settled: Dataset) -> None:
    runs = settled.dir_path / "runs"
    names = {path.stem for path in runs.glob("*.jsonl")} - {"import", "fingerprints"}
    assert names == {step.name for step in FLOW}
    explained = {
        orjson.loads(line)["id"]: orjson.loads(line)["parts"]["stage"]
        for line in (runs / "fingerprints.jsonl").read_bytes().splitlines()
    }
    for name in names:
        for line in (runs / f"{name}.jsonl").read_bytes().splitlines():
            assert explained[orjson.loads(line)["fingerprint"]] == name


def test_steps_are_known_by_their_labels() -> None:
    assert [label_of(step) for step in FLOW] == [
        *("ingest", "score", "propose", "clip", "caption"),
        *("summarize event:", "summarize video:", "instruct"),
    ]
