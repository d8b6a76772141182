import json
from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.models.chat import Json
from engine.sources.hivau_instructions import InstructionRow, read_instructions
from tests.engine.sources.reference import needs_reference_data, reference

VIDEO = "ucf-crime/clips/test/Abuse001_x264_E0C1.mp4"
TEST_ROW: dict[str, Json] = {
    "id": 7,
    "type": "clip",
    "task": "caption",
    "video": VIDEO,
    "prompt": "What happened?",
    "anwser": "A fall.",
}


def rows_of(folder: Path, *lines: dict[str, Json]) -> list[InstructionRow]:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return list(read_instructions(path))


@pytest.mark.parametrize(("key", "is_misspelt"), [("anwser", True), ("answer", False)])
def test_both_spellings_of_answer_are_read(tmp_path: Path, key: str, is_misspelt: bool) -> None:
    line = {name: value for name, value in TEST_ROW.items() if name != "anwser"} | {key: "A fall."}
    (row,) = rows_of(tmp_path, line)
    assert (row.answer, row.has_misspelt_key) == ("A fall.", is_misspelt)
    assert row.segment_id == "Abuse001_x264_E0C1"


def test_training_row_loses_its_video_tag(tmp_path: Path) -> None:
    line: dict[str, Json] = {
        "id": 0,
        "type": "clip",
        "task": "caption",
        "video": VIDEO,
        "conversations": [
            {"from": "human", "value": "<video>\nWhat happened?"},
            {"from": "gpt", "value": "A fall."},
        ],
    }
    (row,) = rows_of(tmp_path, line)
    assert (row.question, row.answer, row.task) == ("What happened?", "A fall.", "caption")


def test_stretch_of_a_source_video_is_read_where_the_row_tells_it(tmp_path: Path) -> None:
    told, whole = rows_of(tmp_path, TEST_ROW | {"clip": [1.5, 4]}, TEST_ROW)
    assert (told.clip, whole.clip) == ((1.5, 4.0), None)


def test_multi_turn_line_gives_one_row_per_question_of_unknown_task(tmp_path: Path) -> None:
    messages: list[Json] = [
        {"from": speaker, "value": value}
        for speaker, value in (("human", "Q1"), ("gpt", "A1"), ("human", "Q2"), ("gpt", "A2"))
    ]
    line: dict[str, Json] = {"id": "x", "type": "event", "video": VIDEO, "conversations": messages}
    rows = rows_of(tmp_path, line)
    assert [(row.id, row.question, row.answer, row.task) for row in rows] == [
        ("x", "Q1", "A1", None),
        ("x", "Q2", "A2", None),
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "shot"}, "type is 'shot', expected one of clip, event, video"),
        ({"task": "guess"}, "task is 'guess'"),
        ({"anwser": None}, "answer is a null"),
        ({"clip": [1.5]}, "clip has 1 numbers, expected"),
        ({"id": None}, "id is None"),
        ({"conversations": [{"from": "human", "value": "Q"}]}, "1 messages are not pairs"),
        (
            {"conversations": [{"from": "gpt", "value": "Q"}, {"from": "gpt", "value": "A"}]},
            "a message is from 'gpt', expected 'human'",
        ),
    ],
)
def test_line_that_is_no_instruction_is_refused_by_number(
    tmp_path: Path, changes: dict[str, Json], message: str
) -> None:
    with pytest.raises(UsageError, match=f"line 2: no instruction row: .*{message}"):
        rows_of(tmp_path, TEST_ROW, TEST_ROW | changes)


@needs_reference_data
def test_published_files_are_read_whole() -> None:
    assert (
        len(list(read_instructions(reference("hivau/merge_instruction_test_part.jsonl")))) == 2022
    )
    assert len(list(read_instructions(reference("hivau/train_example.jsonl")))) == 17
