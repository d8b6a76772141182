import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.quality.mcq_validators import McqRow
from train.metrics.multiple_choice import (
    as_markdown,
    letter_in,
    read_answers,
    read_questions,
    report_on,
)

ABUSE, ARSON = "Abuse, from 1.0 s to 3.0 s", "Arson, from 1.0 s to 3.0 s"
LATER_ABUSE, LATER_ARSON = "Abuse, from 7.0 s to 9.0 s", "Arson, from 7.0 s to 9.0 s"
CROSSED = (ABUSE, ARSON, LATER_ABUSE, LATER_ARSON)
TIMES = (ABUSE, LATER_ABUSE, "Abuse, from 4.0 s to 6.0 s", "Abuse, from 10.0 s to 12.0 s")


@pytest.mark.parametrize(
    "answer",
    [
        *("B", "b", "(B)", "B.", " B)\n", "B:", "Option B", "answer: B", "**B**", "`B`", "“B”"),
        *("The answer is B", "The answer is B.", "The correct option is (B).", "Answer: (B)"),
        *("B. Arson, from 1.0 s to 3.0 s", "(B) Arson", "the answer is B because it burns"),
        *("<think>A or C?</think><answer>B</answer>", r"So \boxed{B}", r"$\boxed{\text{B}}$"),
        "I looked at all of it. A man runs.\nAnswer: B",
        "A. Abuse\nB. Arson\nC. Assault\nD. Arrest\nThe answer is B.",
    ],
)
def test_a_letter_is_read_however_it_is_dressed(answer: str) -> None:
    assert letter_in(answer) == "B"


@pytest.mark.parametrize(
    "answer",
    [
        *("", "E", "A man runs", "A man is hit by B", "Arson", "none of them", "AB", "1"),
        *("A or B", "A, B", "B and C", "Option A and option C", "The answer is B or C"),
        *("The answer is not B", "A. Abuse\nB. Arson", "(A) or (B)", "<answer></answer>"),
    ],
)
def test_an_answer_that_names_no_one_letter_is_not_guessed_at(answer: str) -> None:
    assert letter_in(answer) is None


def a_question(id_: str, right: str = "A", options: tuple[str, ...] = CROSSED) -> dict[str, str]:
    row = {"Video Name": "v.mp4", "Question": "Which?", "Question Id": id_}
    row |= {f"Option {number}": text for number, text in enumerate(options, start=1)}
    return row | {"Correct Option (A-D)": right, "Start Time": "1.0", "End Time": "3.0"}


def a_csv(path: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    listed = list(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(listed[0]))
        writer.writeheader()
        writer.writerows(listed)
    return path


def the_answers(path: Path, answers: Iterable[tuple[str, object]]) -> Path:
    path.write_text("".join(json.dumps({"id": i, "answer": a}) + "\n" for i, a in answers))
    return path


@pytest.fixture
def questions(tmp_path: Path) -> list[McqRow]:
    rows = [a_question("q1"), a_question("q2", "B"), a_question("q3", "A", TIMES)]
    return read_questions(a_csv(tmp_path / "q.csv", rows))


def test_accuracy_is_told_in_all_by_category_and_by_kind(questions: list[McqRow]) -> None:
    report = report_on(questions, {"q1": "A", "q2": "A", "q3": "A"})
    assert (report.every.num, report.every.num_right) == (3, 2)
    assert {name: one.share for name, one in report.by_category.items()} == {"Abuse": 1, "Arson": 0}
    assert {name: one.share for name, one in report.by_kind.items()} == {"both": 0.5, "interval": 1}
    assert report.answered == {"A": 3, "B": 0, "C": 0, "D": 0}
    assert report.right == {"A": 2, "B": 1, "C": 0, "D": 0}


def test_interval_of_the_accuracy_is_clopper_and_pearson_s(tmp_path: Path) -> None:
    rows = [a_question(f"q{n}") for n in range(10)]
    listed = read_questions(a_csv(tmp_path / "q.csv", rows))
    answers = {row.id: "A" if n < 8 else "C" for n, row in enumerate(listed)}
    every = report_on(listed, answers).every
    assert [every.low, every.high] == pytest.approx(
        [0.4439, 0.9748],
        abs=1e-4,
    )
    all_right = report_on(listed, dict.fromkeys(answers, "A")).every
    assert all_right.high == 1.0


def test_mistakes_are_told_by_what_is_wrong(questions: list[McqRow]) -> None:
    assert report_on(questions, {"q1": "B", "q2": "C", "q3": "D"}).mistakes == {
        "both": 1,
        "category": 1,
        "interval": 1,
    }


def test_report_states_how_evenly_letters_were_answered(questions: list[McqRow]) -> None:
    said = as_markdown(report_on(questions, {"q1": "A", "q2": "A", "q3": "A"}))
    assert "| all | 3 | 66.7% |" in said
    assert "χ² 9.0 with 3 degrees of freedom" in said


def test_answers_that_cannot_be_scored_are_all_refused_by_name(
    questions: list[McqRow], tmp_path: Path
) -> None:
    path = the_answers(
        tmp_path / "a.jsonl", [("q1", "A man runs"), ("q2", "B"), ("q2", "B"), ("q9", "A")]
    )
    with pytest.raises(UsageError) as caught:
        read_answers(path, questions)
    said = str(caught.value)
    assert "1 answers name no one letter of A to D: q1 ('A man runs')" in said
    assert "1 questions have no answer: q3" in said
    assert "1 questions are answered twice: q2" in said
    assert "1 answers are to no question: q9" in said


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "q1"}', '{"id": true, "answer": "A"}'])
def test_line_that_is_no_answer_is_refused_by_number(
    line: str, questions: list[McqRow], tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(UsageError, match="line 1"):
        read_answers(path, questions)


def test_questions_without_ids_are_numbered_within_their_video(tmp_path: Path) -> None:
    rows = [a_question(""), a_question(""), a_question("") | {"Video Name": "w.mp4"}]
    read = read_questions(a_csv(tmp_path / "q.csv", rows))
    assert [row.id for row in read] == ["v.mp4:1", "v.mp4:2", "w.mp4:1"]


def test_questions_that_cannot_be_scored_are_refused(tmp_path: Path) -> None:
    path = a_csv(tmp_path / "q.csv", [a_question("q1", "-1"), a_question("q2")])
    with pytest.raises(UsageError, match=r"q1 \('-1'\)"):
        read_questions(path)
    path = a_csv(tmp_path / "q.csv", [a_question("q1"), a_question("q1")])
    with pytest.raises(UsageError, match="1 questions have an id twice: q1"):
        read_questions(path)


def test_options_in_another_form_have_no_kind_but_are_scored(tmp_path: Path) -> None:
    row = a_question("q1", "C", ("0-3 abuse", "3-5 abuse", "5-7 abuse", "7-9 abuse"))
    listed = read_questions(a_csv(tmp_path / "q.csv", [row | {"Anomaly Class": "Abuse"}]))
    report = report_on(listed, {"q1": "B"})
    assert set(report.by_kind) == {"other"}
    assert set(report.by_category) == {"Abuse"}
    assert report.mistakes == {"other": 1}
