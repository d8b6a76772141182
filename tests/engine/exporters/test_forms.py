"""Rows of trainers' forms, held to the forms' documented shapes (said here in our own words)."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from engine.cli._exports import unsettled_items
from engine.dataset import Dataset
from engine.errors import UsageError
from engine.exporters.conversations import internvl_rows, llama_factory_row, swift_row, trl_row
from engine.exporters.footage import Footage
from engine.exporters.papers import vad_instruct_rows, vad_llama_row
from engine.prompting import questions
from engine.release import ExportOptions, ExportReport, export
from engine.tree import EventNode, VideoNode
from schemas import Event, Summary, Turn, Video
from tests.builders import (
    VIDEO_ID,
    a_caption,
    a_clip,
    a_dataset,
    a_media,
    a_summary,
    a_video,
    an_event,
    an_instruction,
    bring_in,
    run_named,
)

TURNS = (
    Turn(task="judgement", question="Is there one?", answer="Yes."),
    Turn(task="analysis", question="Why?", answer="A blow."),
)
CUT = Footage()
TIMES = Footage(with_times=True)
CUT_PATH = f"ucf-crime/events/train/{VIDEO_ID}_E0.mp4"


def a_late_video() -> Video:
    """Its clock starts at 10 s, as that of a recording cut from a stream."""
    media = a_media(path=f"Abuse/{VIDEO_ID}.mp4")
    return a_video(media=media, start_seconds=10.0, end_seconds=70.0)


def test_llama_factory_row_has_as_many_videos_as_video_tags() -> None:
    row = llama_factory_row(a_video(), an_instruction(turns=TURNS), CUT)
    assert row["videos"] == [CUT_PATH]
    assert [message["from"] for message in row["conversations"]] == ["human", "gpt"] * 2
    said = "".join(message["value"] for message in row["conversations"])
    assert said.count("<video>") == len(row["videos"])
    assert row["conversations"][0]["value"].startswith("<video>\n")


def test_swift_row_has_roles_in_turn_and_one_tag_per_video() -> None:
    row = swift_row(a_video(), an_instruction(turns=TURNS), CUT)
    assert [message["role"] for message in row["messages"]] == ["user", "assistant"] * 2
    assert "".join(message["content"] for message in row["messages"]).count("<video>") == 1
    assert row["videos"] == [CUT_PATH]
    assert "chat_template_kwargs" not in row


def test_swift_row_with_times_tells_them_as_qwens_reader_takes_them() -> None:
    instruction = an_instruction(start_seconds=12.0, end_seconds=18.0)
    row = swift_row(a_late_video(), instruction, TIMES)
    assert row["videos"] == [f"Abuse/{VIDEO_ID}.mp4"]
    assert row["chat_template_kwargs"] == {"video_start": 2.0, "video_end": 8.0}


def test_internvl_rows_have_one_question_each_and_count_on() -> None:
    rows = list(internvl_rows(a_video(), an_instruction(turns=TURNS), CUT, start_id=5))
    assert [(row["id"], row["task"]) for row in rows] == [(5, "judgement"), (6, "analysis")]
    assert all(row["conversations"][0]["value"].startswith("<video>\n") for row in rows)
    assert all(len(row["conversations"]) == 2 for row in rows)
    assert "clip" not in rows[0]


def test_internvl_rows_with_times_count_from_the_first_frame() -> None:
    instruction = an_instruction(start_seconds=12.0, end_seconds=18.0)
    (row,) = internvl_rows(a_late_video(), instruction, TIMES, start_id=0)
    assert (row["video"], row["clip"]) == (f"Abuse/{VIDEO_ID}.mp4", [2.0, 8.0])


def test_trl_row_names_pictures_in_order_and_has_no_tags() -> None:
    row = trl_row(a_video(), an_instruction(turns=TURNS), Footage(num_frames=3))
    stem = f"frames/ucf-crime/events/train/{VIDEO_ID}_E0"
    assert row["images"] == [f"{stem}/{number}.jpg" for number in range(3)]
    assert [message["role"] for message in row["messages"]] == ["user", "assistant"] * 2
    assert "<" not in row["messages"][0]["content"]


def a_node(*events: tuple[Event, Summary | None], **changes: Any) -> VideoNode:
    known: dict[str, Any] = {
        "video": a_video(),
        "events": tuple(EventNode(event, (), summary) for event, summary in events),
        "summary": None,
        "instructions": (),
    }
    return VideoNode(**(known | changes))


def test_vad_instruct_item_asks_the_papers_question_about_the_events_clip() -> None:
    node = a_node((an_event(), a_summary()))
    (row,) = vad_instruct_rows(node, ())
    tag, question = row["user"][:9], row["user"][9:]
    assert tag == "<video>\n "
    assert question in questions("vad_instruct")
    assert row | {"user": ""} == {
        "id": f"{VIDEO_ID}_50_200",
        "video": CUT_PATH,
        "user": "",
        "assistant": "There is abuse. A man pushes a woman. Pushing is violence.",
    }


def test_vad_instruct_items_of_their_own_family_stand_instead_of_the_summary() -> None:
    own = an_instruction(id=f"vad-instruct:{VIDEO_ID}_E0", family="vad-instruct", turns=TURNS)
    node = a_node((an_event(), a_summary()), instructions=(own,))
    rows = list(vad_instruct_rows(node, (own,)))
    assert [(row["user"], row["assistant"]) for row in rows] == [
        ("<video>\n Is there one?", "Yes."),
        ("<video>\n Why?", "A blow."),
    ]


def test_vad_instruct_has_no_item_for_an_event_that_could_not_be_cut() -> None:
    node = a_node((an_event(), a_summary()), instructions=(an_instruction(),))
    assert list(vad_instruct_rows(node, ())) == []
    assert len(list(vad_instruct_rows(node, node.instructions))) == 1


def test_vad_llama_tells_all_spans_in_one_sentence_merged_and_from_the_first_frame() -> None:
    spans = [(43.25, 46.75), (18.55, 21.34), (21.0, 22.0)]
    events = [
        (an_event(f"{VIDEO_ID}_E{number}", start_seconds=start, end_seconds=end), None)
        for number, (start, end) in enumerate(spans)
    ]
    row = vad_llama_row(a_node(*events, video=a_late_video()))
    assert row == {
        "video": f"Abuse/{VIDEO_ID}.mp4",
        "length": 1500,
        "QA": [
            {
                "q": "Is there any anomaly in the video?",
                "a": "Yes, there exist anomalies from 8.6s to 12s and from 33.2s to 36.8s.",
            }
        ],
    }


def test_vad_llama_says_no_of_a_normal_video_and_nothing_of_what_is_not_known() -> None:
    normal_event = an_event(is_anomalous=False)
    normal = a_node((normal_event, None), video=a_video(is_anomalous=False))
    row = vad_llama_row(normal)
    assert row is not None
    assert row["QA"][0]["a"] == "No, there are no anomalies."
    assert vad_llama_row(a_node()) is None, "abnormal, but nobody marked where"
    assert vad_llama_row(a_node(video=a_video(is_anomalous=None))) is None


ALL_ROWS = ("vad-instruct", "vad-llama", "llama-factory", "swift", "internvl", "trl", "webdataset")


def a_small_dataset(dir_path: Path, *videos: Video) -> Dataset:
    dataset = a_dataset(dir_path)
    for video in videos or (a_video("A.b.1"), a_video("Normal2", split="test")):
        event, clip = f"{video.id}_E0", f"{video.id}_E0C0"
        bring_in(
            dataset,
            video,
            an_event(event),
            a_clip(clip),
            a_caption(clip),
            a_summary(event),
            a_summary(video.id, video_id=video.id, granularity="video"),
        )
    run_named(dataset, "instruct")
    return dataset


def exported(dataset: Dataset, **changes: Any) -> ExportReport:
    return export(dataset, ExportOptions(**({"formats": ALL_ROWS, "name": "draft"} | changes)))


def tree(dir_path: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(dir_path)): p.read_bytes() for p in dir_path.rglob("*") if p.is_file()
    }


def test_every_form_is_written_per_split_and_again_the_same(tmp_path: Path) -> None:
    dataset = a_small_dataset(tmp_path)
    first = exported(dataset)
    written = tree(first.dir_path)
    for name in ALL_ROWS:
        files = {path for path in written if path.startswith(f"{name}/")}
        assert any("train" in path for path in files), name
        assert any("test" in path for path in files), name
    assert {file.path for file in first.release.files} == set(written) - {"release.json"}
    assert tree(exported(dataset).dir_path) == written


def test_dataset_info_describes_each_split_under_its_own_name(tmp_path: Path) -> None:
    root = exported(a_small_dataset(tmp_path)).dir_path / "llama-factory"
    described = json.loads((root / "dataset_info.json").read_text())
    assert set(described) == {"vau_train", "vau_test"}
    for one in described.values():
        assert (root / one["file_name"]).is_file()
        assert one["formatting"] == "sharegpt"
        assert one["columns"] == {"messages": "conversations", "videos": "videos"}


def test_meta_of_internvl_counts_the_rows_of_its_file(tmp_path: Path) -> None:
    root = exported(a_small_dataset(tmp_path)).dir_path
    meta = json.loads((root / "internvl" / "meta_train.json").read_text())
    (one,) = meta.values()
    rows = (root / one["annotation"]).read_text().splitlines()
    assert set(one) == {"root", "annotation", "data_augment", "repeat_time", "length"}
    assert one["length"] == len(rows) == 7
    assert [json.loads(row)["id"] for row in rows] == list(range(7))


def test_shards_have_keys_without_dots_one_sample_a_segment(tmp_path: Path) -> None:
    root = exported(a_small_dataset(tmp_path)).dir_path
    with tarfile.open(root / "webdataset" / "train-000000.tar") as tar:
        names = tar.getnames()
        samples = [json.load(tar.extractfile(name)) for name in names]  # type: ignore[arg-type]
    assert names == ["000000000.json", "000000001.json", "000000002.json"]
    ids = [sample["instructions"][0]["segment_id"] for sample in samples]
    assert ids == ["A.b.1_E0C0", "A.b.1_E0", "A.b.1"]


def test_times_are_refused_where_a_form_cannot_tell_them_and_with_media(tmp_path: Path) -> None:
    dataset = a_small_dataset(tmp_path)
    with pytest.raises(UsageError, match=r"llama-factory, trl can name whole files only"):
        exported(dataset, formats=("swift", "trl", "llama-factory"), with_times=True)
    with pytest.raises(UsageError, match="choose one"):
        exported(dataset, formats=("swift",), with_times=True, with_media=True)
    report = exported(dataset, formats=("swift", "vad-llama", "hivau-raw"), with_times=True)
    row = json.loads((report.dir_path / "swift" / "train.jsonl").read_text().splitlines()[0])
    assert row["chat_template_kwargs"] == {"video_start": 2.0, "video_end": 8.0}
    assert not unsettled_items(dataset).get("instruct hivau")


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (
            a_video("a", media=a_media(sha256="1" * 64)),
            a_video("b", split="test", media=a_media(sha256="1" * 64)),
            r"a \(train\), b \(test\) have the same file",
        ),
        (
            a_video("RoadAccidents133_x264"),
            a_video("RoadAccidents133_x264_270_451", split="test"),
            "are cuts of RoadAccidents133_x264",
        ),
    ],
)
def test_a_source_video_in_two_splits_is_refused_by_name(
    tmp_path: Path, one: Video, other: Video, why: str
) -> None:
    dataset = a_small_dataset(tmp_path, one, other)
    with pytest.raises(UsageError, match=why):
        exported(dataset)
    assert not dataset.releases_dir_path.exists()


def test_cuts_of_one_camera_by_number_are_no_leak(tmp_path: Path) -> None:
    """`cam_1_2` and `cam_3_4` look like cuts, but of a video that nobody has."""
    videos = [
        a_video("cam_1_2", source="folder"),
        a_video("cam_3_4", source="folder", split="test"),
    ]
    assert exported(a_small_dataset(tmp_path, *videos)).release.num_videos == 2
