"""A file of instruction rows, or a release -> the questions that a model is measured by."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

import orjson
from pydantic import ValidationError

from engine.errors import UsageError
from engine.quality.mcq_validators import McqRow
from engine.release_changes import CONTENTS_FILE
from engine.sources.hivau_instructions import InstructionRow, read_instructions
from engine.sources.names import label_of_any_stem
from schemas import Release
from schemas.base import Granularity, Task
from train.metrics.answers import some
from train.metrics.multiple_choice import read_questions

FORMS = ("internvl", "hivau-single")
"""Of a release, the first that it has: `internvl` carries all families, the other one."""
TEXT_TASKS: tuple[Task, ...] = ("caption", "judgement", "description", "analysis")
"""Whose answers are prose, compared word by word."""
_HIVAU_PREFIX = "merge_instruction_"
"""Before the split, in the name that the published files and ours have."""
_OF_SEGMENT = re.compile(r"_E\d+(?:C\d+)?$")
_HOW = "export one with `vau-data export --format hivau-single` or `--format internvl`"

Duplicates = Literal["once", "keep"]
"""`once`: rows that ask for the same of the same segment are one question, as first asked; `keep`:
each counts, as in the published evaluations."""


@dataclass(frozen=True)
class Question:
    """One question, and what should be answered."""

    id: str
    level: Granularity
    task: Task
    segment_id: str
    text: str
    reference: str
    is_anomalous: bool | None
    """The segment's label: of the release, else of its source video's public name; None: unknown.
    Never read from the reference."""


@dataclass(frozen=True)
class Benchmark:
    """What is asked."""

    source: str
    """The file that the questions are from."""
    questions: tuple[Question, ...]
    """Those that count, in the file's order."""
    repeated_ids: frozenset[str]
    """Of rows that repeat an earlier one and do not count."""
    choices: tuple[McqRow, ...] = ()
    """Of a release's csv, where the rows ask no multiple choice themselves."""


def read_benchmark(path: Path, *, split: str, duplicates: Duplicates) -> Benchmark:
    """All questions of a JSONL file of instruction rows, or of one split of a release.

    Raises `UsageError` for a folder that is no release or has no rows of the split, rows that do
    not say their task, and ids that stand twice.
    """
    if not path.is_dir():
        return _benchmark(path, _rows(path), {}, duplicates)
    release = _release(path)
    file_path = _file_of(release, path, split)
    rows = _rows(file_path)
    benchmark = _benchmark(file_path, rows, _labels(path), duplicates)
    if any(row.task == "mcq" for row in rows):
        return benchmark
    choices = _csv_of(release, path, split)
    _refuse_doubled([str(row.id) for row in rows] + [row.id for row in choices], path)
    return replace(benchmark, choices=choices)


def _release(dir_path: Path) -> Release:
    path = dir_path / "release.json"
    try:
        return Release.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise UsageError(f"{dir_path} is no release (it has no {path.name}); {_HOW}") from error
    except ValidationError as error:
        raise UsageError(f"{path} is no description of a release: {error}") from error


def _file_of(release: Release, dir_path: Path, split: str) -> Path:
    found = {
        (file.format, Path(file.path).stem.removeprefix(_HIVAU_PREFIX)): dir_path / file.path
        for file in release.files
        if file.format in FORMS and file.path.endswith(".jsonl")
    }
    for form in FORMS:
        if (form, split) in found:
            return found[form, split]
    there = ", ".join(f"{form} {name}" for form, name in found) or "none"
    raise UsageError(
        f"the release {release.name!r} has no questions of split {split!r} in the forms "
        f"{', '.join(FORMS)} (there is: {there}); give another --split, or {_HOW}"
    )


def _csv_of(release: Release, dir_path: Path, split: str) -> tuple[McqRow, ...]:
    has_csv = any(f.format == "csv" and Path(f.path).stem == split for f in release.files)
    return tuple(read_questions(dir_path, split=split)) if has_csv else ()


def _labels(dir_path: Path) -> dict[str, bool | None]:
    """Segment -> label, of those that have one in the release's list."""
    path = dir_path / CONTENTS_FILE
    if not path.is_file():
        return {}
    rows = map(orjson.loads, path.read_bytes().splitlines())
    return {row["id"]: row["is_anomalous"] for row in rows if "is_anomalous" in row}


def _rows(path: Path) -> list[InstructionRow]:
    rows = list(read_instructions(path))
    if not rows:
        raise UsageError(f"{path} holds no question")
    if untold := [str(row.id) for row in rows if row.task is None]:
        raise UsageError(
            f"{path}: {len(untold)} rows do not say their task: {some(untold)}; without it their "
            f"answers cannot be told apart; {_HOW}"
        )
    _refuse_doubled([str(row.id) for row in rows], path)
    return rows


def _benchmark(
    path: Path,
    rows: Sequence[InstructionRow],
    labels: Mapping[str, bool | None],
    duplicates: Duplicates,
) -> Benchmark:
    repeated = _repeated(rows) if duplicates == "once" else frozenset[str]()
    questions = tuple(_question(row, labels) for row in rows if str(row.id) not in repeated)
    return Benchmark(str(path), questions, repeated)


def _refuse_doubled(ids: Sequence[str], path: Path) -> None:
    if doubled := [id_ for id_, count in Counter(ids).items() if count > 1]:
        raise UsageError(
            f"{path}: {len(doubled)} questions have an id twice: {some(doubled)}; an answer to "
            "such an id would be an answer to both"
        )


def _repeated(rows: Sequence[InstructionRow]) -> frozenset[str]:
    seen: set[tuple[object, ...]] = set()
    found = set()
    for row in rows:
        # A time or a letter is the answer to many questions; a text about a segment to one.
        asked = None if row.task in TEXT_TASKS else row.question
        key = (row.video, row.clip, row.task, row.answer, asked)
        if key in seen:
            found.add(str(row.id))
        seen.add(key)
    return frozenset(found)


def _question(row: InstructionRow, labels: Mapping[str, bool | None]) -> Question:
    assert row.task is not None
    return Question(
        id=str(row.id),
        level=row.granularity,
        task=row.task,
        segment_id=PurePosixPath(row.video).stem,
        text=row.question,
        reference=row.answer,
        is_anomalous=_label(row, labels),
    )


def _label(row: InstructionRow, labels: Mapping[str, bool | None]) -> bool | None:
    segment_id = PurePosixPath(row.video).stem
    video_id = _OF_SEGMENT.sub("", segment_id)
    if labels:
        names_video = row.granularity != "video" and segment_id == video_id
        of_video = labels.get(video_id)
        # With times, rows name the source video: its events may be normal where it is not.
        return None if names_video and of_video else labels.get(segment_id, of_video)
    named = label_of_any_stem(video_id)
    return named.is_anomalous if named is not None else None
