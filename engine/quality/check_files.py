"""Answers to be judged elsewhere <-> csv, a row each."""

import csv
from itertools import islice
from pathlib import Path

from engine.errors import UsageError
from engine.quality.spot_check import CheckItem, SpotChecks, problem_of
from engine.sources.bad_rows import bad_rows

COLUMNS = (
    "item",
    "video",
    "start_seconds",
    "end_seconds",
    "task",
    "question",
    "answer",
    "answer_sha256",
    "verdict",
    "reason",
)
_NEEDED = ("item", "answer_sha256", "verdict", "reason")


def write_items(path: Path, checks: SpotChecks, *, num: int) -> None:
    """The next answers, verdicts left empty. Raises `UsageError` where the file exists.

    It does not say which of them are suspects, so that who judges is not told what to find.
    """
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for item in sorted(_distinct(checks, num), key=lambda one: one.id):
                writer.writerow(_row(item))
    except FileExistsError as error:
        raise UsageError(
            f"{path} exists; choose another name, or take it in with --read"
        ) from error
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def _distinct(checks: SpotChecks, num: int) -> list[CheckItem]:
    found: dict[str, CheckItem] = {}
    for item in islice(checks.upcoming(), 2 * num):
        if len(found) < num:
            found.setdefault(item.id, item)
    return list(found.values())


def _row(item: CheckItem) -> tuple[object, ...]:
    row = item.instruction
    return (
        item.id,
        row.video_id,
        row.start_seconds,
        row.end_seconds,
        item.turn.task,
        item.turn.question,
        item.turn.answer,
        item.answer_sha256,
        "",
        "",
    )


def read_verdicts(path: Path, checks: SpotChecks) -> list[tuple[CheckItem, str, str | None]]:
    """The rows that have a verdict. Raises `UsageError` naming every row that does not fit."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise UsageError(f"{path} has no column {', '.join(missing)}; write it with --write")
        rows = [(reader.line_num, row) for row in reader if (row["verdict"] or "").strip()]
    taken: list[tuple[CheckItem, str, str | None]] = []
    problems: list[str] = []
    for line, row in rows:
        item = checks.item(row["item"])
        verdict = row["verdict"].strip().casefold()
        reason = (row["reason"] or "").strip().casefold() or None
        problem = _problem(item, row["answer_sha256"], verdict, reason)
        if item is not None and problem is None:
            taken.append((item, verdict, reason))
        else:
            problems.append(f"line {line}: {row['item']!r}: {problem}")
    if problems:
        raise bad_rows("verdicts", path=path, problems=problems)
    return taken


def _problem(item: CheckItem | None, sha256: str, verdict: str, reason: str | None) -> str | None:
    if item is None:
        return "there is no such answer now; leave the row out"
    if sha256 != item.answer_sha256:
        return "the answer was changed since it was judged; leave the row out, and judge it anew"
    return problem_of(verdict, reason)
