"""Multiple-choice files (VAU-R1's csv, ours) -> counts and defects."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import UsageError
from engine.intervals import tiou
from engine.mcq import LETTERS
from engine.quality.chances import (
    binomial_tail,
    chi_squared_even,
    chi_squared_tail,
    told_evenness,
)
from engine.quality.defects import Defect
from engine.quality.published import FileReport

COLUMNS = ("Video Name", "Question", *(f"Option {number}" for number in range(1, 5)))
ANSWER_COLUMN = re.compile(r"^Correct Option\b")
MOST_BY_CHANCE = 0.001
"""A file is called skewed where chance alone would be so uneven less often than this."""
TWO_RIGHT_TIOU = 0.5
_TIMES = re.compile(r"(\d+(?:\.\d+)?)\s*(?:s|seconds?)?\s*(?:to|-|–|—)\s*(\d+(?:\.\d+)?)")
_MISSING = ("", "-1", "-1.0", "nan")


@dataclass(frozen=True)
class McqRow:
    """One question with four options."""

    id: str
    """Of the column `Question Id`; else the video with the number, from 1, of its question."""
    video: str
    line: int
    question: str
    options: tuple[str, ...]
    answer: str
    """As it is written."""
    interval: tuple[str, str]
    category: str
    """Of the column `Anomaly Class`; empty where there is none."""

    @property
    def right(self) -> int | None:
        """Place of the right option; None: it is not named by its letter."""
        return LETTERS.index(self.answer) if self.answer in LETTERS else None


def read_mcq(path: Path) -> list[McqRow]:
    """Every row. Raises `UsageError` for a head without the columns that are needed."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        head = [name.strip() for name in reader.fieldnames or []]
        answer = next((name for name in head if ANSWER_COLUMN.match(name)), None)
        missing = [name for name in COLUMNS if name not in head]
        if missing or answer is None:
            wanted = ", ".join([*missing, *(() if answer else ("Correct Option",))])
            raise UsageError(f"{path}: no column {wanted}; it has {', '.join(head) or 'none'}")
        nth = Counter[str]()
        rows = []
        for values in reader:
            row = {(key or "").strip(): value for key, value in values.items()}
            nth[str(row["Video Name"])] += 1
            rows.append(_row(row, (reader.line_num, nth[str(row["Video Name"])]), answer))
        return rows


def _row(row: Mapping[str, object], place: tuple[int, int], answer: str) -> McqRow:
    def text(column: str) -> str:
        return str(row.get(column) or "").strip()

    return McqRow(
        id=text("Question Id") or f"{text('Video Name')}:{place[1]}",
        video=text("Video Name"),
        line=place[0],
        question=text("Question"),
        options=tuple(text(f"Option {number}") for number in range(1, 5)),
        answer=text(answer),
        interval=(text("Start Time"), text("End Time")),
        category=text("Anomaly Class"),
    )


def report_on_mcq(path: Path) -> FileReport:
    """Rows one by one, then the file as a whole."""
    rows = read_mcq(path)
    letters = Counter(row.answer for row in rows if row.right is not None)
    return FileReport(
        kind="multiple choice",
        counts={
            "rows": len(rows),
            "videos": len({row.video for row in rows}),
            **{f"right is {letter}": letters[letter] for letter in LETTERS},
        },
        defects=(
            *(defect for row in rows for defect in _row_defects(row)),
            *_repeated(rows),
            *_skewed(letters, path.stem),
            *_betrayed(rows, path.stem),
        ),
    )


def _row_defects(row: McqRow) -> Iterator[Defect]:
    where = f"line {row.line}"
    texts = {"Question": row.question, "Correct Option": row.answer}
    texts |= dict(zip(COLUMNS[2:], row.options, strict=True))
    unfilled = [f"{name} {text!r}" for name, text in texts.items() if text.casefold() in _MISSING]
    if unfilled:
        yield Defect("mcq-row-unfilled", row.video, f"{where}: {', '.join(unfilled)}")
        return
    if row.right is None:
        yield Defect("mcq-answer-not-a-letter", row.video, f"{where}: {row.answer!r:.80}")
    if len({option.casefold() for option in row.options}) < len(row.options):
        yield Defect("mcq-options-repeat", row.video, f"{where}: {row.options}")
    yield from _interval(row, where)
    yield from _two_right(row, where)


def _interval(row: McqRow, where: str) -> Iterator[Defect]:
    try:
        start, end = map(float, row.interval)
    except ValueError:
        return  # another way to write times, or none: nothing that can be reversed
    if end < start:
        yield Defect("mcq-interval-reversed", row.video, f"{where}: {start} to {end}")


def _two_right(row: McqRow, where: str) -> Iterator[Defect]:
    parsed = [_category_and_span(option) for option in row.options]
    right = None if row.right is None else parsed[row.right]
    if right is None:
        return
    for letter, option in zip(LETTERS, parsed, strict=True):
        if option is None or letter == row.answer or option[0] != right[0]:
            continue
        overlap = tiou(option[1], right[1])
        if TWO_RIGHT_TIOU <= overlap < 1:
            detail = f"{where}: {letter} overlaps the right {row.answer} by tIoU {overlap:.2f}"
            yield Defect("mcq-two-right", row.video, detail)


def _category_and_span(option: str) -> tuple[str, tuple[float, float]] | None:
    match = _TIMES.search(option)
    if match is None:
        return None
    words = re.findall(r"[a-z]+", option[: match.start()].casefold())
    return " ".join(words), (float(match[1]), float(match[2]))


def _repeated(rows: Sequence[McqRow]) -> Iterator[Defect]:
    seen: set[tuple[str, str, tuple[str, ...]]] = set()
    for row in rows:
        key = (row.video, row.question, tuple(sorted(row.options)))
        if key in seen:
            yield Defect("duplicate-row", row.video, f"line {row.line}: the same question again")
        seen.add(key)


def _skewed(letters: Counter[str], name: str) -> Iterator[Defect]:
    num = letters.total()
    if not num:
        return
    counts = [letters[letter] for letter in LETTERS]
    if chi_squared_tail(chi_squared_even(counts)) < MOST_BY_CHANCE:
        shares = ", ".join(f"{letter} {letters[letter] / num:.0%}" for letter in LETTERS)
        yield Defect("mcq-letters-skewed", name, f"{shares}; {told_evenness(counts)}")


def _betrayed(rows: Sequence[McqRow], name: str) -> Iterator[Defect]:
    """How often the right option is the only longest one, or the only one with most decimals."""
    for what, measure in (("longest", len), ("most precise", _num_decimals)):
        lettered = [row for row in rows if row.right is not None]
        places = [_only_largest([measure(option) for option in row.options]) for row in lettered]
        known = [(place, row.right) for place, row in zip(places, lettered, strict=True)]
        decided = [(place, right) for place, right in known if place is not None]
        num_right = sum(place == right for place, right in decided)
        if decided and binomial_tail(num_right, len(decided), share=0.25) < MOST_BY_CHANCE:
            detail = f"the {what} option is right in {num_right} of {len(decided)} rows"
            yield Defect("mcq-option-betrays-itself", name, detail)


def _num_decimals(option: str) -> int:
    return sum(len(decimals) for decimals in re.findall(r"\d\.(\d+)", option))


def _only_largest(values: Sequence[int]) -> int | None:
    most = max(values)
    return values.index(most) if values.count(most) == 1 else None
