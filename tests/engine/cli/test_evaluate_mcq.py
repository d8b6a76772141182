from pathlib import Path

import orjson
import pytest

from tests.engine.cli.command_line import vau
from tests.train.metrics.test_multiple_choice import a_csv, a_question, the_answers


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    return a_csv(tmp_path / "q.csv", [a_question("q1"), a_question("q2", "B")])


def test_answers_are_scored_in_a_table_in_json_and_in_files(asked: Path, tmp_path: Path) -> None:
    answers = the_answers(tmp_path / "a.jsonl", [("q1", "The answer is (A)."), ("q2", "C")])
    command = ("evaluate", "mcq", "--questions", asked, "--answers", answers)
    outcome = vau(*command, "--out", tmp_path / "report")
    assert outcome.code == 0
    assert "| all | 2 | 50.0% | 1.3% to 98.7% |" in outcome.out
    assert (tmp_path / "report" / "mcq.md").read_text() == outcome.out
    found = vau(*command, "--json").json
    assert found == orjson.loads((tmp_path / "report" / "mcq.json").read_bytes())
    assert found["every"]["share"] == 0.5


def test_an_answer_that_cannot_be_read_is_refused_and_nothing_is_written(
    asked: Path, tmp_path: Path
) -> None:
    answers = the_answers(tmp_path / "a.jsonl", [("q1", "A"), ("q2", "A man is hit.")])
    files = ("--questions", asked, "--answers", answers, "--out", tmp_path / "report")
    outcome = vau("evaluate", "mcq", *files)
    assert outcome.code == 2
    assert "q2 ('A man is hit.')" in outcome.err
    assert not (tmp_path / "report").exists()
