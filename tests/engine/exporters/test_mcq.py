"""Multiple choice as csv: opened with pandas, by our own validator, and scored."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.exporters.mcq import COLUMNS, csv_head, csv_rows
from engine.import_files import ImportTask, import_hivau
from engine.mcq import LETTERS
from engine.quality.file_validation import report_on_file
from engine.quality.published import Against
from engine.quality.release_validation import report_on_release
from engine.release import ExportOptions, export
from engine.statistics import dataset_tables
from engine.tree import VideoNode
from schemas import Turn
from tests.builders import a_dataset, a_summary, a_video, an_instruction, reconfigured
from tests.engine.families.test_mcq import instruct, marked
from tests.engine.sources.reference import needs_reference_data, reference
from train.metrics.multiple_choice import read_answers, read_questions, report_on

FAMILY = '[instruct]\nfamilies = ["mcq"]\n'


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    made = marked(tmp_path, a_summary("Abuse000_E0", description='A man, "drunk", falls.'))
    instruct(made)
    return made


@pytest.fixture
def released(dataset: Dataset) -> Path:
    return export(dataset, ExportOptions(formats=("csv",), name="v1")).dir_path


def test_csv_opens_in_pandas_with_vau_r1s_columns_and_an_id(released: Path) -> None:
    table = pd.read_csv(released / "csv" / "train.csv", keep_default_na=False)
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 20
    row = table[table["Question Id"] == "Abuse000:1"].iloc[0]
    right = row[f"Option {LETTERS.index(row['Correct Option (A-D)']) + 1}"]
    assert right == "Abuse, from 10.2 s to 18.7 s"
    assert (row["Video Name"], row["Anomaly Class"]) == ("Abuse000.mp4", "Abuse")
    assert (row["Start Time"], row["End Time"]) == (10.2, 18.7)
    assert row["Description"] == 'A man, "drunk", falls.'
    assert row["Reasoning"] == "Pushing is violence."
    assert "\n" not in row["Question"]


def test_every_form_that_carries_multiple_choice_is_free_of_defects(dataset: Dataset) -> None:
    forms: Any = ("csv", "llava", "internvl", "swift", "llama-factory")
    export(dataset, ExportOptions(formats=forms, name="v2"))
    report = report_on_release(dataset, "v2")
    assert "csv/train.csv" in report.files
    assert report.defects == ()


def test_card_and_tables_state_how_evenly_letters_are_right(
    dataset: Dataset, released: Path
) -> None:
    card = (released / "README.md").read_text()
    assert "Right letters of multiple choice: A " in card
    assert "with 3 degrees of freedom, p = " in card
    [row] = dataset_tables(dataset)["letters"]
    assert row["questions"] == sum(int(str(row[letter])) for letter in LETTERS) == 20
    assert 0 < float(str(row["p"])) <= 1


def test_questions_of_a_release_are_scored(released: Path, tmp_path: Path) -> None:
    questions = read_questions(released)
    assert [row.id for row in read_questions(released, split="train")] == [q.id for q in questions]
    path = tmp_path / "answers.jsonl"
    lines = (json.dumps({"id": row.id, "answer": f"({row.answer})"}) for row in questions)
    path.write_text("\n".join(lines))
    report = report_on(questions, read_answers(path, questions))
    assert (report.every.num, report.every.share) == (20, 1.0)
    assert set(report.by_kind) <= {"category", "interval", "both"}
    with pytest.raises(UsageError, match="no multiple choice of split 'test'"):
        read_questions(released, split="test")


def test_form_is_refused_where_no_multiple_choice_is_exported(dataset: Dataset) -> None:
    other = reconfigured(dataset, '[instruct]\nfamilies = ["grounding"]\n')
    with pytest.raises(UsageError, match="csv carries instructions of mcq alone"):
        export(other, ExportOptions(formats=("csv",), name="v3"))


def test_times_change_nothing_in_it(dataset: Dataset, released: Path) -> None:
    options = ExportOptions(formats=("csv",), name="v4", with_times=True)
    again = export(dataset, options).dir_path
    name = "csv/train.csv"
    assert (again / name).read_bytes() == (released / name).read_bytes()


def test_question_without_printed_options_has_no_row() -> None:
    turns = (Turn(task="mcq", question="Which?", answer="A"),)
    instruction = an_instruction("Abuse1", family="mcq", granularity="video", turns=turns)
    node = VideoNode(a_video("Abuse1"), (), None, (instruction,))
    assert list(csv_rows(node, node.instructions)) == []
    assert csv_head().decode().split(",")[0] == "Video Name"


@needs_reference_data
def test_published_events_make_questions_without_defects(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path, FAMILY)
    path = reference("hivau/ucf_database_test_part.json")
    import_hivau(ImportTask(dataset, path), source=None, split=None)
    instruct(dataset)
    root = export(dataset, ExportOptions(formats=("csv",), name="v1")).dir_path
    report = report_on_file(root / "csv" / "test.csv", Against())
    assert report.defects == ()
    assert report.counts["rows"] > 40
