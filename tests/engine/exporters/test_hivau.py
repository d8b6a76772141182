import json
from pathlib import Path

import orjson
import pytest

from engine.exporters.hivau import (
    held_out_rows,
    in_release_order,
    multi_row,
    raw_entry,
    single_rows,
)
from engine.exporters.llava import llava_row
from engine.sources.hivau import read_raw
from engine.tree import ClipNode, EventNode, VideoNode
from schemas import Instruction, Turn
from schemas.base import Granularity
from tests.engine.sources.assembly import all_fit, node_of
from tests.engine.sources.builders import HUMAN, RAW_ENTRY, a_raw_file, a_video

TURNS = (
    Turn(task="judgement", question="Is there one?", answer="Yes."),
    Turn(task="analysis", question="Why?", answer="A blow."),
)


def an_instruction(
    segment_id: str = "Abuse001_x264_E0",
    granularity: Granularity = "event",
    turns: tuple[Turn, ...] = TURNS,
) -> Instruction:
    return Instruction(
        id=f"hivau:{segment_id}",
        video_id="Abuse001_x264",
        start_seconds=0.0,
        end_seconds=1.0,
        segment_id=segment_id,
        granularity=granularity,
        family="hivau",
        is_anomalous=True,
        turns=turns,
        provenance=HUMAN,
    )


def nodes(folder: Path) -> list[VideoNode]:
    path = folder / "ucf_database_test.json"
    path.write_text(json.dumps(a_raw_file()))
    return [node_of(video) for video in all_fit(read_raw(path))]


def test_training_rows_have_one_question_each_and_count_from_the_given_id() -> None:
    rows = list(single_rows(a_video(split="train"), an_instruction(), start_id=8))
    assert orjson.dumps(rows[0]) == (
        b'{"id":8,"type":"event","task":"judgement",'
        b'"video":"ucf-crime/events/train/Abuse001_x264_E0.mp4",'
        b'"conversations":[{"from":"human","value":"<video>\\nIs there one?"},'
        b'{"from":"gpt","value":"Yes."}]}'
    )
    assert [(row["id"], row["task"]) for row in rows] == [(8, "judgement"), (9, "analysis")]


def test_test_rows_have_the_published_keys_and_the_right_spelling() -> None:
    (row, _) = single_rows(a_video(), an_instruction(), start_id=7, form="test")
    assert orjson.dumps(row) == (
        b'{"id":7,"type":"event","task":"judgement",'
        b'"video":"ucf-crime/events/test/Abuse001_x264_E0.mp4",'
        b'"prompt":"Is there one?","answer":"Yes."}'
    )


def test_compat_writes_the_published_spelling() -> None:
    (row, _) = held_out_rows(a_video(), an_instruction(), start_id=7, compat=True)
    assert list(row) == ["id", "type", "task", "video", "prompt", "anwser"]


def test_video_without_a_split_is_written_to_train() -> None:
    instruction = an_instruction("Abuse001_x264_E0C1", "clip")
    (row, _) = single_rows(a_video(split=None), instruction, start_id=0)
    assert row["video"] == "ucf-crime/clips/train/Abuse001_x264_E0C1.mp4"


def test_multi_row_is_the_papers_conversation_without_a_video_tag() -> None:
    assert orjson.dumps(multi_row(a_video(split="train"), an_instruction())) == (
        b'{"id":"Abuse001_x264_E0","type":"event",'
        b'"video":"ucf-crime/events/train/Abuse001_x264_E0.mp4",'
        b'"conversations":[{"from":"human","value":"Is there one?"},{"from":"gpt","value":"Yes."},'
        b'{"from":"human","value":"Why?"},{"from":"gpt","value":"A blow."}]}'
    )


def test_llava_row_names_the_video_once_in_its_first_question() -> None:
    row = llava_row(a_video(), an_instruction("Abuse001_x264", "video"))
    assert list(row) == ["id", "video", "conversations"]
    assert row["video"] == "ucf-crime/videos/test/Abuse001_x264.mp4"
    questions = [message["value"] for message in row["conversations"][::2]]
    assert questions == ["<video>\nIs there one?", "Why?"]


def test_release_order_is_clips_events_video() -> None:
    kinds: list[Granularity] = ["video", "event", "clip", "event", "clip"]
    made = [an_instruction(f"s{number}", kind) for number, kind in enumerate(kinds)]
    ordered = [instruction.segment_id for instruction in in_release_order(made)]
    assert ordered == ["s2", "s4", "s1", "s3", "s0"]


def test_raw_entry_is_what_was_imported_key_by_key(tmp_path: Path) -> None:
    abnormal, normal = nodes(tmp_path)
    assert json.dumps(raw_entry(abnormal)) == json.dumps(RAW_ENTRY)
    assert json.dumps(raw_entry(normal)) == json.dumps(a_raw_file()["Normal_Videos_003_x264"])


def test_times_count_from_the_first_frame_with_three_decimals(tmp_path: Path) -> None:
    node = nodes(tmp_path)[0]
    event = node.events[1]
    late = event.event.model_copy(update={"start_seconds": 5.10004, "end_seconds": 9.1})
    entry = raw_entry(
        VideoNode(
            video=a_video(start_seconds=0.1, end_seconds=10.1),
            events=(EventNode(late, event.clips, event.summary),),
            summary=node.summary,
            instructions=(),
        )
    )
    assert entry is not None
    assert entry["events"] == [[5.0, 9.0]]
    assert entry["clips"] == [[[4.9, 8.9]]]


def test_clip_without_caption_and_event_without_summary_are_left_out(tmp_path: Path) -> None:
    node = nodes(tmp_path)[0]
    first, second = node.events
    mute = ClipNode(first.clips[0].clip, None)
    broken = VideoNode(
        node.video,
        (
            EventNode(first.event, (mute, first.clips[1]), first.summary),
            EventNode(second.event, second.clips, None),
        ),
        node.summary,
        (),
    )
    entry = raw_entry(broken)
    assert entry is not None
    assert entry["events"] == [[1.0, 4.0]]
    assert entry["clips"] == [[[2.5, 4.0]]]
    assert entry["clips_caption"] == [["He strikes a woman."]]
    assert len(entry["events_summary"]) == len(entry["events_summary_split"]) == 1


def test_video_without_a_summary_has_no_raw_entry(tmp_path: Path) -> None:
    node = nodes(tmp_path)[0]
    assert raw_entry(VideoNode(node.video, node.events, None, ())) is None


@pytest.mark.parametrize(
    ("label", "judged", "expected"),
    [
        (True, True, ["Anomaly"]),
        (None, True, ["Anomaly"]),
        (None, False, []),
        (False, True, []),
    ],
)
def test_label_of_a_video_without_categories(
    tmp_path: Path, label: bool | None, judged: bool | None, expected: list[str]
) -> None:
    node = nodes(tmp_path)[0]
    assert node.summary is not None
    summary = node.summary.model_copy(update={"is_anomalous": judged})
    video = a_video(is_anomalous=label, categories=())
    entry = raw_entry(VideoNode(video, node.events, summary, ()))
    assert entry is not None
    assert entry["label"] == expected


def test_a_video_of_which_nobody_could_tell_is_not_written_as_normal(tmp_path: Path) -> None:
    node = nodes(tmp_path)[0]
    assert node.summary is not None
    summary = node.summary.model_copy(update={"is_anomalous": None})
    video = a_video(is_anomalous=None, categories=())
    assert raw_entry(VideoNode(video, node.events, summary, ())) is None
