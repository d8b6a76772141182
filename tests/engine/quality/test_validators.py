import json
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

import engine.quality
from engine.models.chat import Json
from engine.quality.validators import (
    DEFECTS,
    Defect,
    count_by_code,
    defect_of_unfit,
    validate_against_official,
    validate_clicks,
    validate_human_captions,
    validate_instruction_rows,
    validate_video,
)
from engine.sources.hivau import read_raw
from engine.sources.hivau_instructions import InstructionRow
from engine.sources.imported import UnfitVideo
from engine.tree import ClipNode, EventNode, VideoNode
from schemas import Click, HumanCaption, Instruction, Turn
from tests.engine.sources.assembly import all_fit, node_of
from tests.engine.sources.builders import HUMAN, a_raw_file, a_video


def node_with(changes: dict[str, Json] | None = None) -> VideoNode:
    """The builders' abnormal video, its raw entry changed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ucf_database_test.json"
        path.write_text(json.dumps(a_raw_file(changes)))
        return node_of(all_fit(read_raw(path))[0])


def normal_node() -> VideoNode:
    node = node_with({"label": []})
    events = tuple(
        replace(event, summary=event.summary and event.summary.model_copy(update=CALM))
        for event in node.events
    )
    assert node.summary is not None
    return replace(node, events=events, summary=node.summary.model_copy(update=CALM))


CALM: dict[str, object] = {"judgement": "No anomaly exists.", "analysis": None}


def codes(defects: Iterable[Defect]) -> dict[str, int]:
    return count_by_code(defects)


def test_sound_videos_have_no_defects() -> None:
    assert list(validate_video(node_with())) == []
    assert list(validate_video(normal_node())) == []


@pytest.mark.parametrize(
    ("changes", "code", "record_id"),
    [
        (
            {"events": [[1.0, 3.9], [5.0, 9.0]]},
            "clip-outside-event",
            "Abuse001_x264_E0C1",
        ),
        ({"events": [[1.1, 4.0], [5.0, 9.0]]}, "clip-outside-event", "Abuse001_x264_E0C0"),
        (
            {"clips": [[[1.0, 2.5], [2.4, 4.0]], [[5.0, 9.0]]]},
            "overlapping-clip-windows",
            "Abuse001_x264_E0C1",
        ),
        (
            {"clips": [[[1.0, 4.0], [1.0, 4.0]], [[5.0, 9.0]]]},
            "duplicate-clip-window",
            "Abuse001_x264_E0C1",
        ),
        (
            {"clips": [[[2.5, 4.0], [1.0, 2.5]], [[5.0, 9.0]]]},
            "clips-unsorted",
            "Abuse001_x264_E0",
        ),
        (
            {"clips": [[[1.0, 4.0]], []], "clips_caption": [["A man shouts."], []]},
            "event-without-clips",
            "Abuse001_x264_E1",
        ),
        (
            {
                "video_summary_split": {
                    "judgement": "There is no anomaly.",
                    "description": "A",
                    "analysis": "B",
                }
            },
            "abnormal-judged-normal",
            "Abuse001_x264",
        ),
        (
            {"video_summary_split": {"judgement": "A fight.", "description": "A", "analysis": "B"}},
            "judgement-unclear",
            "Abuse001_x264",
        ),
        (
            {"video_summary_split": {"judgement": "Yes.", "description": " ", "analysis": "B"}},
            "empty-text",
            "Abuse001_x264",
        ),
        (
            {"video_summary_split": {"judgement": "Yes.", "description": "A"}},
            "analysis-missing",
            "Abuse001_x264",
        ),
    ],
)
def test_one_defect_is_found_alone_and_named(
    changes: dict[str, Json], code: str, record_id: str
) -> None:
    found = [(defect.code, defect.record_id) for defect in validate_video(node_with(changes))]
    assert found == [(code, record_id)]


def test_event_and_clip_past_the_end_of_the_video_are_found() -> None:
    found = list(validate_video(node_with({"n_frames": 240})))
    assert {defect.code: defect.record_id for defect in found} == {
        "event-past-video-end": "Abuse001_x264_E1",
        "clip-past-video-end": "Abuse001_x264_E1C0",
    }
    assert "[5.000, 9.000) against the video's [0.000, 8.000)" in found[0].detail


def test_near_duplicate_events_out_of_order_are_found() -> None:
    changes: dict[str, Json] = {
        "events": [[1.01, 4.0], [1.0, 4.0]],
        "clips": [[[1.01, 2.5], [2.5, 4.0]], [[1.0, 4.0]]],
    }
    assert codes(validate_video(node_with(changes))) == {
        "events-unsorted": 1,
        "near-duplicate-events": 1,
    }


def test_events_that_overlap_by_half_are_not_duplicates() -> None:
    changes: dict[str, Json] = {
        "events": [[1.0, 4.0], [2.0, 5.0]],
        "clips": [[[1.0, 2.5], [2.5, 4.0]], [[2.0, 5.0]]],
    }
    assert list(validate_video(node_with(changes))) == []


def test_rounding_to_three_decimals_is_no_defect() -> None:
    assert list(validate_video(node_with({"events": [[1.001, 4.0], [5.0, 8.999]]}))) == []


def test_missing_captions_and_summaries_are_found() -> None:
    node = node_with()
    mute = ClipNode(node.events[0].clips[0].clip, None)
    first = EventNode(node.events[0].event, (mute, *node.events[0].clips[1:]), None)
    broken = VideoNode(node.video, (first, node.events[1]), None, ())
    found = {(defect.code, defect.record_id) for defect in validate_video(broken)}
    assert found == {
        ("caption-missing", "Abuse001_x264_E0C0"),
        ("summary-missing", "Abuse001_x264_E0"),
        ("summary-missing", "Abuse001_x264"),
    }


def test_normal_video_with_an_anomalys_judgement_and_analysis_is_found() -> None:
    node = normal_node()
    assert node.summary is not None
    claimed = {"judgement": "An anomaly exists.", "analysis": "A blow."}
    wrong = replace(node, summary=node.summary.model_copy(update=claimed))
    assert codes(validate_video(wrong)) == {"analysis-on-normal": 1, "normal-judged-abnormal": 1}


def test_unlabelled_video_may_be_judged_either_way() -> None:
    node = node_with()
    unlabelled = node.video.model_copy(update={"is_anomalous": None, "categories": ()})
    assert list(validate_video(replace(node, video=unlabelled))) == []


def test_abnormal_video_of_no_named_class_is_found() -> None:
    node = node_with()
    nameless = node.video.model_copy(update={"categories": ()})
    assert codes(validate_video(replace(node, video=nameless))) == {"category-missing": 1}


def an_instruction(question: str, *, is_anomalous: bool | None) -> Instruction:
    return Instruction(
        id="hivau:Abuse001_x264",
        video_id="Abuse001_x264",
        start_seconds=0.0,
        end_seconds=10.0,
        segment_id="Abuse001_x264",
        granularity="video",
        family="hivau",
        is_anomalous=is_anomalous,
        turns=(Turn(task="description", question=question, answer="A man runs."),),
        provenance=HUMAN,
    )


def test_own_instructions_are_held_to_the_rules_for_rows() -> None:
    asked = an_instruction("Describe the anomaly events.", is_anomalous=False)
    fused = an_instruction("What happens?Describe it.", is_anomalous=False)
    node = replace(normal_node(), instructions=(asked, fused))
    assert codes(validate_video(node)) == {"fused-questions": 1, "normal-asked-for-anomaly": 1}


def test_wrong_judgement_is_reported_once_for_summary_and_instruction() -> None:
    denied: Json = {"judgement": "There is no anomaly.", "description": "A", "analysis": "B"}
    node = node_with({"video_summary_split": denied})
    asked = an_instruction("Is there one?", is_anomalous=True)
    turn = Turn(task="judgement", question="Is there one?", answer="There is no anomaly.")
    judged = asked.model_copy(update={"turns": (turn,)})
    found = validate_video(replace(node, instructions=(judged,)))
    assert codes(found) == {"abnormal-judged-normal": 1}


def a_row(**changes: object) -> InstructionRow:
    row = InstructionRow(
        id=0,
        granularity="event",
        task="description",
        video="folder/events/train/door_E0.mp4",
        question="Describe it.",
        answer="A man runs.",
        has_misspelt_key=False,
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def test_same_answer_about_another_stretch_of_the_file_is_no_duplicate() -> None:
    rows = [a_row(clip=(0.0, 2.0)), a_row(id=1, clip=(2.0, 4.0)), a_row(id=2, clip=(2.0, 4.0))]
    (defect,) = validate_instruction_rows(rows)
    assert (defect.code, defect.detail[:6]) == ("duplicate-row", "row 2:")


def test_same_answer_about_the_same_file_again_is_a_duplicate() -> None:
    rows = [a_row(), a_row(id=1), a_row(id=2, task="judgement"), a_row(id=3, video="x_E1.mp4")]
    (defect,) = validate_instruction_rows(rows)
    assert (defect.code, defect.record_id) == ("duplicate-row", "door_E0")
    assert defect.detail.startswith("row 1:")


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (a_row(answer=" "), "empty-text"),
        (a_row(question=""), "empty-text"),
        (a_row(question="What happened?Describe it."), "fused-questions"),
        (a_row(has_misspelt_key=True), "misspelt-answer-key"),
    ],
)
def test_defect_of_a_single_row_is_found(row: InstructionRow, code: str) -> None:
    assert codes(validate_instruction_rows([row])) == {code: 1}


@pytest.mark.parametrize(
    ("name", "is_defect"),
    [
        ("Normal_Videos_003_x264_E0", True),
        ("A.Film__#00-01-02_00-03-04_label_A_E1", True),
        ("Abuse001_x264_E0", False),
        ("door_E0", False),
    ],
)
def test_normal_video_known_by_its_name_is_asked_for_an_anomaly(name: str, is_defect: bool) -> None:
    row = a_row(video=f"s/events/test/{name}.mp4", question="Describe the anomaly events.")
    found = codes(validate_instruction_rows([row]))
    assert found == ({"normal-asked-for-anomaly": 1} if is_defect else {})


def test_normal_segment_known_by_its_own_judgement_is_asked_for_an_anomaly() -> None:
    rows = [
        a_row(task="judgement", answer="No anomaly exists."),
        a_row(question="Describe the anomaly events."),
    ]
    assert codes(validate_instruction_rows(rows)) == {"normal-asked-for-anomaly": 1}


def test_label_that_is_given_wins_over_judgement_and_name() -> None:
    row = a_row(task="judgement", answer="No anomaly exists.")
    labelled: Callable[[str], bool | None] = {"door_E0": True}.get
    found = validate_instruction_rows([row], is_anomalous_of=labelled)
    assert codes(found) == {"abnormal-judged-normal": 1}


def test_all_clips_listed_once_per_event_are_found() -> None:
    def clip_row(clip: str) -> InstructionRow:
        return a_row(granularity="clip", task="caption", video=f"{clip}.mp4", answer=clip)

    event_rows = [a_row(video="door_E0.mp4"), a_row(video="door_E1.mp4")]
    clips = [clip_row("door_E0C0"), clip_row("door_E1C0")]
    assert list(validate_instruction_rows([*event_rows, *clips])) == []
    assert codes(validate_instruction_rows([*event_rows, *clips, *clips])) == {
        "clips-repeated-under-each-event": 1,
        "duplicate-row": 2,
    }


def a_click(time_seconds: float, frame: int | None) -> Click:
    return Click(
        id="Abuse001_x264_K0",
        video_id="Abuse001_x264",
        time_seconds=time_seconds,
        frame=frame,
        is_live=False,
        source="human",
        state="confirmed",
        author="ann",
        provenance=HUMAN,
    )


@pytest.mark.parametrize(
    ("click", "is_defect"),
    [
        (a_click(9.9, 299), False),
        (a_click(9.9, None), False),
        (a_click(10.0, None), True),
        (a_click(5.0, 300), True),
        (a_click(-0.1, 0), True),
    ],
)
def test_click_outside_its_video_is_found(click: Click, is_defect: bool) -> None:
    found = codes(validate_clicks(a_video(), [click]))
    assert found == ({"click-past-video-end": 1} if is_defect else {})


def a_human_caption(number: int, start: float, end: float) -> HumanCaption:
    return HumanCaption(
        id=f"Abuse001_x264_H{number}",
        video_id="Abuse001_x264",
        start_seconds=start,
        end_seconds=end,
        text="A man runs.",
        provenance=HUMAN,
    )


def test_human_captions_out_of_order_and_past_the_end_are_found() -> None:
    captions = [a_human_caption(0, 5.0, 9.0), a_human_caption(1, 4.0, 10.5)]
    assert codes(validate_human_captions(a_video(), captions)) == {
        "human-caption-past-video-end": 1,
        "human-captions-unsorted": 1,
    }
    assert list(validate_human_captions(a_video(), captions[:1])) == []


def test_official_event_that_no_event_matches_is_lost() -> None:
    node = node_with()
    official = [event.event for event in node.events]
    assert list(validate_against_official(node, official)) == []
    (defect,) = validate_against_official(replace(node, events=node.events[:1]), official)
    assert (defect.code, defect.record_id) == ("event-lost", "Abuse001_x264")


def test_entry_that_an_importer_refused_is_a_finding() -> None:
    defect = defect_of_unfit(UnfitVideo("a", "2 events, but clips has 1 entries"))
    assert (defect.code, defect.record_id) == ("entry-contradicts-itself", "a")


def test_validators_use_exactly_the_codes_that_are_documented() -> None:
    folder = Path(engine.quality.__file__).parent
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("*valid*.py")]
    named = {code for text in texts for code in re.findall(r'"([a-z]+(?:-[a-z]+)+)"', text)}
    given = {code for text in texts for code in re.findall(r'Defect\(\s*"([a-z-]+)"', text)}
    assert given <= set(DEFECTS) <= named


def test_every_defect_says_what_to_do() -> None:
    assert all(kind.meaning and kind.remedy for kind in DEFECTS.values())
    assert Defect("duplicate-row", "a", "row 1").remedy == DEFECTS["duplicate-row"].remedy
