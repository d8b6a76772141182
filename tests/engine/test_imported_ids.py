"""Ids of imported events: the published ones, but never another stretch's."""

import json
from pathlib import Path

import pytest

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.executors.local import LocalExecutor
from engine.import_files import ImportTask, import_events, import_hivau, import_uca
from engine.index import Index
from engine.status import dataset_status
from engine.store import JsonlWriter
from schemas import Caption, Clip, Event, Video
from schemas.review import EditText, MoveBoundaries
from tests.builders import (
    a_click,
    a_dataset,
    a_review,
    add_review,
    add_video,
    bring_in,
    live,
    run_all,
)

VIDEO = "Abuse001_x264"
ENTRY = {
    "n_frames": 1000,
    "fps": 25.0,
    "label": ["Abuse"],
    "events": [[30.0, 39.0]],
    "clips": [[[30.0, 39.0]]],
    "clips_caption": [["They shout."]],
    "events_summary": ["The anomaly exists."],
    "video_summary": "The anomaly exists.",
    "events_summary_split": [{"judgement": "The anomaly exists.", "description": "They shout"}],
    "video_summary_split": {"judgement": "The anomaly exists.", "description": "They shout"},
}


@pytest.fixture
def proposed(tmp_path: Path) -> Dataset:
    """A clicked video, all steps run, and its proposal E0 reviewed by a person."""
    dataset = a_dataset(tmp_path / "dataset")
    add_video(dataset, f"{VIDEO}.mp4", num_frames=1000)
    bring_in(dataset, a_click(f"{VIDEO}_K0", time_seconds=8.0, frame=200))
    run_everything(dataset)
    return dataset


def run_everything(dataset: Dataset) -> None:
    with LocalExecutor(workers=1) as executor:
        run_all(dataset, executor=executor)


def raw_file(dataset: Dataset) -> Path:
    path = dataset.dir_path / "ucf_database_test.json"
    path.write_text(json.dumps({VIDEO: ENTRY}), encoding="utf-8")
    return path


def import_raw(dataset: Dataset) -> None:
    import_hivau(ImportTask(dataset, raw_file(dataset)), source=None, split=None)


def test_published_ids_are_kept_where_they_are_free(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path / "dataset")
    import_raw(dataset)
    index = Index(dataset)
    assert list(index.lines(Event)) == [f"{VIDEO}_E0"]
    assert list(index.lines(Clip)) == list(index.lines(Caption)) == [f"{VIDEO}_E0C0"]


def test_a_published_id_that_stood_for_another_stretch_is_not_given_again(
    proposed: Dataset,
) -> None:
    add_review(
        proposed,
        a_review("event", f"{VIDEO}_E0", MoveBoundaries(start_seconds=5.0, end_seconds=11.0)),
        a_review(
            "caption", f"{VIDEO}_E0C0", EditText(field="text", text="At 8 s a man falls."), number=1
        ),
    )
    import_raw(proposed)
    run_everything(proposed)
    index = Index(proposed)
    [event], [clip], [caption] = index.all(Event), index.all(Clip), index.all(Caption)
    assert (event.id, event.start_seconds, event.end_seconds) == (f"{VIDEO}_E1", 30.0, 39.0)
    assert (clip.id, clip.event_id) == (f"{VIDEO}_E1C0", event.id)
    assert (caption.id, caption.text) == (clip.id, "They shout.")


def test_a_video_called_like_an_event_is_refused_and_told_how_to_be_called(
    tmp_path: Path,
) -> None:
    """The summary of a video `X_E0` and of the event E0 of `X` would have the same id."""
    dataset = a_dataset(tmp_path / "dataset")
    path = dataset.dir_path / "ucf_database_test.json"
    path.write_text(json.dumps({VIDEO: ENTRY, f"{VIDEO}_E0": ENTRY, "S01_E0C1": ENTRY}))
    done = import_hivau(ImportTask(dataset, path), source=None, split=None)
    assert [unfit.video_id for unfit in done.report.unfit] == [f"{VIDEO}_E0", "S01_E0C1"]
    assert f"call it {VIDEO}_E0_v" in done.report.unfit[0].detail
    assert list(Index(dataset).lines(Video)) == [VIDEO]
    planned = import_hivau(ImportTask(dataset, path, is_dry_run=True), source=None, split=None)
    assert len(planned.report.unfit) == 2


def test_files_of_every_kind_say_that_a_video_has_no_events(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path / "dataset")
    import_raw(dataset)
    assert list(Index(dataset).lines(Event)) == [f"{VIDEO}_E0"]
    path = dataset.dir_path / "events.json"
    path.write_text(json.dumps({VIDEO: []}))
    import_events(ImportTask(dataset, path), author="me")
    assert list(Index(dataset).lines(Event)) == []
    import_raw(dataset)
    assert list(Index(dataset).lines(Event)) == [f"{VIDEO}_E0"]
    path.write_text(f"{VIDEO}.mp4 Abuse -1 -1 -1 -1\n")
    import_events(ImportTask(dataset, path), author="me")
    assert list(Index(dataset).lines(Event)) == []


def test_a_second_import_of_the_same_file_gives_the_same_ids(proposed: Dataset) -> None:
    import_raw(proposed)
    before = live(proposed)
    import_raw(proposed)
    assert live(proposed) == before


def test_an_event_imported_at_a_reviewed_proposal_is_not_moved_by_its_review(
    proposed: Dataset,
) -> None:
    event = Index(proposed).get(Event, f"{VIDEO}_E0")
    moved = MoveBoundaries(start_seconds=20.0, end_seconds=30.0)
    add_review(proposed, a_review("event", event.id, moved))
    path = proposed.dir_path / "events.json"
    path.write_text(json.dumps({VIDEO: [[event.start_seconds, event.end_seconds]]}))
    import_events(ImportTask(proposed, path), author="me")
    run_everything(proposed)
    [imported] = Index(proposed).all(Event)
    assert (imported.start_seconds, imported.end_seconds) == (
        event.start_seconds,
        event.end_seconds,
    )


def test_an_import_that_cannot_write_every_file_writes_none(proposed: Dataset) -> None:
    before = live(proposed)
    with (
        JsonlWriter(proposed.record_path(Caption)),
        pytest.raises(UsageError, match="another process"),
    ):
        import_raw(proposed)
    assert live(proposed) == before


def test_a_file_of_another_kind_is_refused_and_leaves_nothing_behind(proposed: Dataset) -> None:
    with pytest.raises(UsageError, match="another kind"):
        import_uca(ImportTask(proposed, raw_file(proposed)))
    assert not proposed.ledger_path("import").read_bytes().count(b"unfit")


def test_a_stand_in_never_hides_the_video_that_has_a_file(proposed: Dataset) -> None:
    import_raw(proposed)
    video = Index(proposed).get(Video, VIDEO)
    assert video.media is not None


def test_a_record_whose_line_was_deleted_is_made_again(proposed: Dataset) -> None:
    before = live(proposed)
    for name in ("captions.jsonl", "videos.jsonl"):
        path = proposed.dir_path / name
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    run_everything(proposed)
    assert live(proposed) == before


def test_status_says_that_a_deleted_record_is_to_be_made_again(proposed: Dataset) -> None:
    path = proposed.record_path(Caption)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    assert dataset_status(proposed).has_work
