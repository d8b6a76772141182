from pathlib import Path

import pytest

from engine.dataset import Dataset
from engine.store import JsonlWriter, dump_line
from engine.text_changes import MOST_COMPARED, TextWatch, word_diff
from schemas import Caption, Instruction, Record, Summary, Turn
from schemas.review import EditText
from tests.builders import (
    VIDEO_ID,
    a_caption,
    a_dataset,
    a_review,
    a_summary,
    add_review,
    an_instruction,
)

E0, C0 = f"{VIDEO_ID}_E0", f"{VIDEO_ID}_E0C0"


def write(dataset: Dataset, *records: Record) -> None:
    with JsonlWriter(dataset.record_path(type(records[0]))) as writer:
        writer.append(map(dump_line, records))


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    made = a_dataset(tmp_path)
    write(made, a_caption(C0), a_caption(f"{VIDEO_ID}_E0C1"))
    write(made, a_summary(E0))
    return made


def test_text_that_says_something_else_is_told_old_against_new(dataset: Dataset) -> None:
    watch = TextWatch.begin(dataset, "caption")
    write(dataset, a_caption(C0, text="A man pulls a woman."), a_caption(f"{VIDEO_ID}_E0C1"))
    [change] = watch.changes().changes
    assert (change.target, change.target_id, change.field) == ("caption", C0, "text")
    assert change.before == "A man pushes a woman."
    assert change.after == "A man pulls a woman."
    assert not change.is_pinned


def test_new_texts_are_no_changes(dataset: Dataset) -> None:
    watch = TextWatch.begin(dataset, "caption")
    write(dataset, a_caption(f"{VIDEO_ID}_E0C2"))
    assert watch.changes().changes == ()


def test_only_parts_of_a_summary_that_differ_are_told_and_those_that_came_or_went(
    dataset: Dataset,
) -> None:
    watch = TextWatch.begin(dataset, "summarize")
    write(dataset, a_summary(E0, judgement="No anomaly.", analysis=None, text="x"))
    told = {change.field: change.after for change in watch.changes().changes}
    assert told == {"judgement": "No anomaly.", "analysis": None}


def test_words_of_a_person_stand_and_are_told_as_such(dataset: Dataset) -> None:
    edit = EditText(field="description", text="A man hits a woman.")
    add_review(dataset, a_review("summary", E0, edit))
    watch = TextWatch.begin(dataset, "summarize")
    write(dataset, a_summary(E0, description="A man kicks a woman.", text="x"))
    [change] = watch.changes().changes
    assert change.is_pinned
    assert (change.before, change.after) == ("A man hits a woman.", "A man kicks a woman.")


def test_answers_of_one_task_are_told_apart(dataset: Dataset) -> None:
    def asked(*answers: str) -> Instruction:
        turns = tuple(Turn(task="judgement", question="Is it?", answer=one) for one in answers)
        return an_instruction(E0, turns=turns)

    write(dataset, asked("Yes.", "No."))
    watch = TextWatch.begin(dataset, "instruct")
    write(dataset, asked("Yes.", "Yes."))
    [change] = watch.changes().changes
    assert (change.field, change.before, change.after) == ("judgement 2", "No.", "Yes.")


def test_line_that_a_crash_cut_off_is_no_text(dataset: Dataset) -> None:
    """Its bytes are gone when the next line is written, so positions count from before it."""
    path = dataset.record_path(Caption)
    with path.open("ab") as file:
        file.write(b'{"id":"' + b"x" * 40)
    watch = TextWatch.begin(dataset, "caption")
    write(dataset, a_caption(C0, text="A man pulls a woman."))
    assert len(watch.changes().changes) == 1


def test_too_many_texts_are_not_compared(dataset: Dataset) -> None:
    watch = TextWatch.begin(dataset, "caption")
    write(dataset, *(a_caption(f"{VIDEO_ID}_E0C{n}") for n in range(MOST_COMPARED + 1)))
    assert watch.changes().changes == ()
    assert not watch.changes().is_complete


def test_steps_without_texts_and_steps_that_did_nothing_change_none(dataset: Dataset) -> None:
    for name in ("ingest", "caption", "instruct"):
        assert TextWatch.begin(dataset, name).changes().changes == ()
    assert dataset.record_path(Summary).exists()


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("A man pushes a woman.", "A man pulls a woman.", "A man [-pushes-] {+pulls+} a woman."),
        ("A man runs.", "A man runs. He falls.", "A man runs. {+He falls.+}"),
        ("", "A man.", "{+A man.+}"),
        ("A man.", "", "[-A man.-]"),
        ("a b c d e f g h i X", "a b c d e f g h i Y", "… f g h i [-X-] {+Y+}"),
        ("X a b c d e f g h i", "x a b c d e f g h i", "[-X-] {+x+} a b c d …"),
        (
            "0 X a b c d e f g h i Y",
            "0 x a b c d e f g h i y",
            "0 [-X-] {+x+} a b c d … f g h i [-Y-] {+y+}",
        ),
        ("S A is B E", "S C is D E", "S [-A is B-] {+C is D+} E"),
        ("S 1 2 3 4 5 6 7 8 9 E", "S x E", "S [-1 2 3 4 … 6 7 8 9-] {+x+} E"),
    ],
)
def test_difference_is_told_word_by_word_with_what_stands_next_to_it(
    before: str, after: str, told: str
) -> None:
    assert word_diff(before, after) == told
