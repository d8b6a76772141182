"""Files found, and what is on record of them: ids, moves, labels and splits."""

import logging
from pathlib import Path, PurePosixPath

import pytest

from engine.dataset import Dataset
from engine.executors.local import LocalExecutor
from engine.flow import look_at
from engine.index import Index
from engine.joins.files import give_ids
from engine.release import ExportOptions, export
from schemas import Caption, Click, Event, Video
from schemas.review import EditText
from tests.builders import (
    a_caption,
    a_click,
    a_clip,
    a_dataset,
    a_review,
    a_summary,
    a_video,
    add_review,
    add_video,
    an_event,
    bring_in,
    run_all,
    run_named,
    step_named,
)

LABELS = '[videos]\nlabels = "labels.csv"\n'


def to_do(dataset: Dataset) -> list[str]:
    return [pending.id for pending in look_at(dataset, step_named("ingest"))[1]]


def ingested(dataset: Dataset, executor: LocalExecutor, video_id: str = "cam") -> Video:
    run_named(dataset, "ingest", executor=executor)
    return Index(dataset).get(Video, video_id)


def labelled(dir_path: Path, rows: str) -> Dataset:
    dataset = a_dataset(dir_path, LABELS)
    (dir_path / "labels.csv").write_text(f"video,label,split\n{rows}\n")
    return dataset


@pytest.mark.parametrize(
    ("name", "video_id"),
    [
        ("A_E0.mp4", "A_E0_v"),
        ("A_E0C12.mp4", "A_E0C12_v"),
        ("S01_E02.mkv", "S01_E02_v"),
        ("A_E.mp4", "A_E"),
        ("A_E0_x264.mp4", "A_E0_x264"),
        ("E0.mp4", "E0"),
    ],
)
def test_no_video_gets_an_id_that_reads_as_an_event_or_a_clip(name: str, video_id: str) -> None:
    assert give_ids([PurePosixPath(name)], {}) == {PurePosixPath(name): video_id}


def test_namesakes_of_an_event_get_ids_of_their_own() -> None:
    paths = [PurePosixPath(name) for name in ("A_E0.mp4", "A_E0_v.mp4", "b/A_E0.mp4")]
    ids = list(give_ids(paths, {}).values())
    assert ids[0] == "A_E0_v"
    assert ids[2] == "b_A_E0_v"
    assert len(set(ids)) == 3


def test_a_file_named_as_an_event_of_its_neighbour_stops_no_run(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    dataset = labelled(tmp_path, "A,Abuse,\nA_E0,normal,")
    add_video(dataset, "A.mp4", num_frames=250)
    add_video(dataset, "A_E0.mp4", num_frames=150)
    bring_in(dataset, a_click("A_K0", time_seconds=4.0, frame=None))
    run_all(dataset, executor=executor)
    index = Index(dataset)
    assert sorted(index.lines(Video)) == ["A", "A_E0_v"]
    assert sorted(index.lines(Event)) == ["A_E0", "A_E0_v_E0"]


def test_a_file_moved_into_a_folder_keeps_its_id_and_all_that_people_did(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    dataset = labelled(tmp_path, "Abuse001.mp4,Abuse,")
    path = add_video(dataset, "Abuse001.mp4", num_frames=250)
    add_video(dataset, "other.mp4", num_frames=50)
    bring_in(dataset, a_click("Abuse001_K0", time_seconds=4.0, frame=None))
    run_all(dataset, executor=executor)
    edit = EditText(field="text", text="A man shouts.")
    add_review(dataset, a_review("caption", "Abuse001_E0C0", edit))
    (dataset.videos_dir_path / "train").mkdir()
    path.rename(dataset.videos_dir_path / "train" / "moved.mp4")
    (tmp_path / "labels.csv").write_text("video,label\ntrain/moved.mp4,Abuse\n")
    reports = run_all(dataset, executor=executor)
    index = Index(dataset)
    media = index.get(Video, "Abuse001").media
    assert media is not None
    assert media.path == "train/moved.mp4"
    assert sorted(index.lines(Video)) == ["Abuse001", "other"]
    assert list(index.lines(Click)) == ["Abuse001_K0"]
    assert index.get(Event, "Abuse001_E0").click_ids == ("Abuse001_K0",)
    assert index.get(Caption, "Abuse001_E0C0").text == "A man shouts."
    assert list(index.orphaned_reviews()) == []
    assert reports["caption"].num_done == 0, "the pictures are the same"
    assert to_do(dataset) == []


def test_a_copy_is_a_video_of_its_own(tmp_path: Path, executor: LocalExecutor) -> None:
    dataset = a_dataset(tmp_path)
    path = add_video(dataset, "a.mp4", num_frames=10)
    run_named(dataset, "ingest", executor=executor)
    (path.parent / "b.mp4").write_bytes(path.read_bytes())
    assert to_do(dataset) == ["b"]


def test_another_file_of_the_size_of_one_that_is_gone_is_another_video(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    dataset = a_dataset(tmp_path)
    path = add_video(dataset, "a.mp4", num_frames=10)
    run_named(dataset, "ingest", executor=executor)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.unlink()
    (path.parent / "b.mp4").write_bytes(content)
    assert to_do(dataset) == ["b"]


def test_equal_files_that_moved_together_keep_an_id_each(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    dataset = a_dataset(tmp_path)
    first = add_video(dataset, "a.mp4", num_frames=10)
    second = first.with_name("b.mp4")
    second.write_bytes(first.read_bytes())
    run_named(dataset, "ingest", executor=executor)
    (first.parent / "new").mkdir()
    for path in (first, second):
        path.rename(path.parent / "new" / path.name)
    assert to_do(dataset) == ["a", "b"]
    run_named(dataset, "ingest", executor=executor)
    assert sorted(Index(dataset).lines(Video)) == ["a", "b"]


def test_a_file_put_where_a_moved_one_lay_is_another_video(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    dataset = a_dataset(tmp_path)
    path = add_video(dataset, "a.mp4", num_frames=10)
    run_named(dataset, "ingest", executor=executor)
    path.rename(path.with_name("b.mp4"))
    assert ingested(dataset, executor, "a").num_frames == 10
    add_video(dataset, "a.mp4", num_frames=20)
    [new_id] = to_do(dataset)
    assert ingested(dataset, executor, new_id).num_frames == 20
    assert Index(dataset).get(Video, "a").num_frames == 10


def an_imported_test_video(dataset: Dataset) -> None:
    bring_in(
        dataset,
        a_video("cam", split="test"),
        an_event("cam_E0"),
        a_clip("cam_E0C0"),
        a_caption("cam_E0C0"),
        a_summary("cam_E0"),
        a_summary("cam"),
    )


@pytest.mark.parametrize("is_file_first", [False, True])
def test_a_test_video_of_an_import_does_not_leak_into_train_when_its_file_comes(
    tmp_path: Path, executor: LocalExecutor, is_file_first: bool
) -> None:
    dataset = a_dataset(tmp_path)
    if is_file_first:
        add_video(dataset, "cam.mp4")
        assert ingested(dataset, executor).split is None
        an_imported_test_video(dataset)
        assert to_do(dataset) == ["cam"]
    else:
        an_imported_test_video(dataset)
        add_video(dataset, "cam.mp4")
    run_all(dataset, executor=executor)
    video = Index(dataset).get(Video, "cam")
    assert (video.split, video.media is not None) == ("test", True)
    assert to_do(dataset) == []
    options = ExportOptions(("hivau-raw", "hivau-single"), "draft", allow_baseline=True)
    files = export(dataset, options).release.files
    assert files
    assert not [file.path for file in files if "train" in file.path]


def test_a_label_and_public_source_of_an_import_stand_where_the_folder_says_nothing(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, a_video("cam"))
    add_video(dataset, "cam.mp4")
    video = ingested(dataset, executor)
    assert (video.source, video.is_anomalous, video.categories) == ("ucf-crime", True, ("Abuse",))


def test_what_a_file_s_own_labels_say_stands_whatever_an_import_says(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    dataset = labelled(tmp_path, "cam,normal,train")
    bring_in(dataset, a_video("cam", split="train"))
    add_video(dataset, "cam.mp4")
    video = ingested(dataset, executor)
    assert (video.is_anomalous, video.categories) == (False, ())


def test_where_labels_and_import_contradict_on_the_split_the_labels_stand_and_it_is_said(
    tmp_path: Path, executor: LocalExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = labelled(tmp_path, "cam,Abuse,train")
    bring_in(dataset, a_video("cam", split="test"))
    add_video(dataset, "cam.mp4")
    with caplog.at_level(logging.WARNING):
        assert ingested(dataset, executor).split == "train"
    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith("cam is train by its folder, list or labels csv, but test by what")
    caplog.clear()
    assert to_do(dataset) == []
    assert caplog.records == [], "said once, not at every look"


def test_the_split_for_all_that_nothing_else_names_gives_way_to_an_import(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    dataset = a_dataset(tmp_path, '[videos]\nsplit = "train"\n')
    bring_in(dataset, a_video("cam", split="test"))
    add_video(dataset, "cam.mp4")
    add_video(dataset, "other.mp4", num_frames=10)
    assert ingested(dataset, executor).split == "test"
    assert Index(dataset).get(Video, "other").split == "train"
