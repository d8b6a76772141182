"""Lines of a dataset that a person edited by hand: used if they say something, refused if not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.release import ExportOptions, ExportReport, export
from schemas import Summary
from tests.builders import (
    VIDEO_ID,
    a_caption,
    a_clip,
    a_dataset,
    a_summary,
    a_video,
    an_event,
    bring_in,
    run_named,
)

Edit = Callable[[dict[str, Any]], object]


def a_video_summary() -> Summary:
    return a_summary(VIDEO_ID, granularity="video")


def a_whole_dataset(dir_path: Path) -> Dataset:
    """One video with an event, a clip, a caption and summaries from outside."""
    dataset = a_dataset(dir_path)
    bring_in(dataset, a_video(), an_event(), a_clip(), a_caption(), a_summary(), a_video_summary())
    run_named(dataset, "instruct")
    return dataset


def edit(dataset: Dataset, name: str, change: Edit) -> None:
    """Change the first line of a file, with spaces between its parts as editors leave them."""
    path = dataset.dir_path / name
    first, *others = path.read_text().splitlines(keepends=True)
    fields = json.loads(first)
    change(fields)
    path.write_text("".join([json.dumps(fields, ensure_ascii=False) + "\n", *others]))


def exported(dataset: Dataset) -> ExportReport:
    return export(dataset, ExportOptions(("hivau-raw", "hivau-single"), "draft"))


INVALID: list[tuple[str, Edit]] = [
    ("clips.jsonl", lambda fields: fields.update(end_seconds=-1.0)),
    ("clips.jsonl", lambda fields: fields.update(start_seconds="0")),
    ("clips.jsonl", lambda fields: fields.update(mood="sad")),
    ("captions.jsonl", lambda fields: fields.update(text=" ")),
    ("captions.jsonl", lambda fields: fields.pop("text")),
    ("captions.jsonl", lambda fields: fields.pop("provenance")),
    ("summaries.jsonl", lambda fields: fields.update(judgement=None)),
    ("summaries.jsonl", lambda fields: fields["provenance"].update(name="")),
    ("events.jsonl", lambda fields: fields.update(is_confirmed="yes")),
    ("videos.jsonl", lambda fields: fields.update(fps=0.0)),
    ("instructions.jsonl", lambda fields: fields.update(turns=[])),
    ("instructions.jsonl", lambda fields: fields["turns"][0].update(answer="\n")),
    ("instructions.jsonl", lambda fields: fields["turns"][0].update(task="sing")),
]


@pytest.mark.parametrize(("name", "change"), INVALID)
def test_a_line_that_was_edited_into_no_record_is_refused_at_export_by_name(
    tmp_path: Path, name: str, change: Edit
) -> None:
    dataset = a_whole_dataset(tmp_path)
    edit(dataset, name, change)
    with pytest.raises(UsageError, match=name.replace(".", r"\.")):
        exported(dataset)
    assert not (dataset.releases_dir_path / "draft").exists()


@pytest.mark.parametrize("name", ["clips.jsonl", "captions.jsonl", "summaries.jsonl"])
def test_a_line_that_was_edited_into_no_record_makes_no_instruction(
    tmp_path: Path, name: str
) -> None:
    dataset = a_whole_dataset(tmp_path)
    edit(dataset, name, lambda fields: fields.update(mood="sad"))
    with pytest.raises(UsageError, match=name.replace(".", r"\.")):
        run_named(dataset, "instruct")


@pytest.mark.parametrize(
    "name", ["clips.jsonl", "captions.jsonl", "summaries.jsonl", "events.jsonl", "videos.jsonl"]
)
def test_a_line_that_was_only_laid_out_anew_exports_the_same(tmp_path: Path, name: str) -> None:
    dataset = a_whole_dataset(tmp_path)
    report = exported(dataset)
    before = {file.path: file.sha256 for file in report.release.files}
    edit(dataset, name, lambda _: None)
    again = exported(dataset)
    assert {file.path: file.sha256 for file in again.release.files} == before
    assert again.release.makers == report.release.makers


def test_a_text_that_was_edited_by_hand_is_the_one_exported(tmp_path: Path) -> None:
    dataset = a_whole_dataset(tmp_path)
    edit(dataset, "captions.jsonl", lambda fields: fields.update(text="Zwei Männer laufen."))
    run_named(dataset, "instruct")
    [raw] = (exported(dataset).dir_path / "hivau-raw").glob("*.json")
    [entry] = json.loads(raw.read_text()).values()
    assert entry["clips_caption"][0][0] == "Zwei Männer laufen."
