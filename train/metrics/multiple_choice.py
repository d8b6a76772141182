"""Multiple-choice questions and a model's answers -> accuracy, by category and by kind."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import UsageError
from engine.mcq import LETTERS, Option, kind_of, read_option
from engine.quality.chances import chi_squared_even, chi_squared_tail, told_evenness, upper_bound
from engine.quality.mcq_validators import McqRow, read_mcq
from schemas import Release
from train.metrics.answers import misfits, read_texts, refuse, some

_ALPHA = 0.05
OTHER_KIND = "other"
NO_CATEGORY = "none"


@dataclass(frozen=True)
class Accuracy:
    """How many answers are right, and between which shares that lies at 95 %."""

    num: int
    num_right: int
    share: float
    low: float
    high: float
    """Clopper and Pearson's two-sided interval; videos with several questions make it wider."""


@dataclass(frozen=True)
class McqReport:
    """All figures of one model's answers."""

    every: Accuracy
    by_category: dict[str, Accuracy]
    by_kind: dict[str, Accuracy]
    """Of what tells the options apart: `category`, `interval`, `both`, or `other`."""
    mistakes: dict[str, int]
    """Wrong answers: `category` wrong alone, `interval` alone, or `both`; `other`: cannot tell."""
    answered: dict[str, int]
    """Letter -> how often it was given."""
    right: dict[str, int]
    """Letter -> how often it was right."""
    chance_of_answered: float
    """Of letters so uneven, if the model preferred none; above 0.05 shows no preference."""


def read_questions(path: Path, *, split: str | None = None) -> list[McqRow]:
    """Of a csv, or of the csv files of a release's folder; `split` names one of these.

    Raises `UsageError` for a release without any, for a row whose right option is not named by
    its letter, and for an id that stands twice.
    """
    paths = _csv_files(path, split) if path.is_dir() else [path]
    rows = [row for one in paths for row in read_mcq(one)]
    if unfit := [f"{row.id} ({row.answer!r:.20})" for row in rows if row.right is None]:
        raise UsageError(
            f"{path}: {len(unfit)} rows do not name the right option by its letter: "
            f"{some(unfit)}; `vau-data validate {path}` lists them"
        )
    if doubled := [id_ for id_, count in Counter(row.id for row in rows).items() if count > 1]:
        raise UsageError(f"{path}: {len(doubled)} questions have an id twice: {some(doubled)}")
    if not rows:
        raise UsageError(f"{path} holds no question")
    return rows


def _csv_files(dir_path: Path, split: str | None) -> list[Path]:
    try:
        release = Release.model_validate_json((dir_path / "release.json").read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"{dir_path} is not the folder of a release: {error}") from error
    paths = [dir_path / file.path for file in release.files if file.format == "csv"]
    found = [path for path in paths if split in (None, path.stem)]
    if not found:
        there = ", ".join(path.stem for path in paths) or "none"
        raise UsageError(
            f"the release {release.name!r} has no multiple choice"
            + (f" of split {split!r} (there is: {there})" if split else "")
            + "; `vau-data export --family mcq --format csv` writes it"
        )
    return found


def read_answers(path: Path, questions: Iterable[McqRow]) -> dict[str, str]:
    """Question id -> letter, from lines `{"id": …, "answer": …}`.

    Raises `UsageError` naming questions without an answer or with two, answers to no question,
    and answers that name no letter or several: none of them is counted as wrong in silence.
    """
    wanted = [row.id for row in questions]
    said = read_texts(path)
    return letters_of(said, path=path, problems=misfits(said, wanted=wanted))


def letters_of(
    answers: Sequence[tuple[str, str]], *, path: Path, problems: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Question id -> letter. Raises `UsageError` for these problems and texts without a letter."""
    letters = {id_: letter_in(text) for id_, text in answers}
    unknown = set(problems.get("answers are to no question", ()))
    unparsable = [
        f"{id_} ({text!r:.60})"
        for id_, text in answers
        if letters[id_] is None and id_ not in unknown
    ]
    refuse(path, {"answers name no one letter of A to D": unparsable, **problems})
    return {id_: letter for id_, letter in letters.items() if letter is not None}


_TAGGED = re.compile(
    r"<answer>(.*?)</answer>|\\boxed\{(?:\\text\{)?(.*?)\}", re.DOTALL | re.IGNORECASE
)
_ORNAMENT = re.compile(r"[*_`\"'“”‘’$]")
_ALONE = re.compile(r"\W*(?:(?:option|answer|choice)\W+)?([A-D])\W*", re.IGNORECASE)
_AT_THE_START = re.compile(r"^\s*\(?([A-D])\s*[.):]", re.MULTILINE)
_SAID = re.compile(
    r"\b(?i:answer|option|choice)\b(?i:\s+(?:is|would\s+be|should\s+be|must\s+be))?\s*[:=]?\s*"
    r"(?i:option\s+)?\(?([A-D])(?=$|\s*[^\w\s]|\s*$|\s+(?:because|since|as)\b)"
)
_SEVERAL = re.compile(r"\b[A-D]\)?\s*(?:,|/|&|\bor\b|\band\b)\s*(?i:option\s+)?\(?[A-D]\b")
_BRACKETED = re.compile(r"\(([A-D])\)")


def letter_in(answer: str) -> str | None:
    """The one letter that an answer names; None: it names none, or several.

    `B`, `(B)`, `B.`, `b`, `Option B`, `The answer is B`, `**B**`, `B. Arson, from …`,
    `<answer>B</answer>`. The article of "A man runs" is no letter.
    """
    tagged = _TAGGED.findall(answer)
    text = _ORNAMENT.sub("", (tagged[-1][0] or tagged[-1][1]) if tagged else answer).strip()
    if alone := _ALONE.fullmatch(text):
        return alone[1].upper()
    if _SEVERAL.search(text):
        return None
    said = {match[1] for match in _SAID.finditer(text)}
    listed = {match[1] for form in (_AT_THE_START, _BRACKETED) for match in form.finditer(text)}
    found = said or listed
    return found.pop() if len(found) == 1 else None


def report_on(questions: Sequence[McqRow], answers: Mapping[str, str]) -> McqReport:
    """All figures; `answers` has a letter for each question's id."""
    options = {row.id: [read_option(option) for option in row.options] for row in questions}
    answered = Counter(answers[row.id] for row in questions)
    counts = [answered[letter] for letter in LETTERS]
    mistakes = Counter(
        _mistake(options[row.id], row, answers[row.id])
        for row in questions
        if answers[row.id] != row.answer
    )
    return McqReport(
        every=_accuracy(questions, answers),
        by_category=_by(questions, answers, lambda row: _category(row, options[row.id])),
        by_kind=_by(questions, answers, lambda row: _kind(options[row.id])),
        mistakes=dict(sorted(mistakes.items())),
        answered={letter: answered[letter] for letter in LETTERS},
        right={letter: sum(row.answer == letter for row in questions) for letter in LETTERS},
        chance_of_answered=chi_squared_tail(chi_squared_even(counts)),
    )


def _by(
    questions: Sequence[McqRow], answers: Mapping[str, str], group_of: Callable[[McqRow], str]
) -> dict[str, Accuracy]:
    groups: dict[str, list[McqRow]] = {}
    for row in questions:
        groups.setdefault(group_of(row), []).append(row)
    return {name: _accuracy(rows, answers) for name, rows in sorted(groups.items())}


def _accuracy(questions: Sequence[McqRow], answers: Mapping[str, str]) -> Accuracy:
    num, num_right = len(questions), sum(answers[row.id] == row.answer for row in questions)
    return Accuracy(
        num=num,
        num_right=num_right,
        share=num_right / num,
        low=1 - upper_bound(num - num_right, num, alpha=_ALPHA / 2),
        high=upper_bound(num_right, num, alpha=_ALPHA / 2),
    )


def _kind(options: Sequence[Option | None]) -> str:
    known = [option for option in options if option is not None]
    return (kind_of(known) if len(known) == len(LETTERS) else None) or OTHER_KIND


def _category(row: McqRow, options: Sequence[Option | None]) -> str:
    right = options[LETTERS.index(row.answer)]
    return row.category or (right.category if right is not None else NO_CATEGORY)


def _mistake(options: Sequence[Option | None], row: McqRow, letter: str) -> str:
    chosen, right = options[LETTERS.index(letter)], options[LETTERS.index(row.answer)]
    if chosen is None or right is None:
        return OTHER_KIND
    if chosen.category == right.category:
        return "interval"
    return "category" if chosen.span == right.span else "both"


def as_markdown(report: McqReport) -> str:
    """Tables for a report or a card."""
    groups = [
        ("all", report.every),
        *((f"kind: {name}", found) for name, found in report.by_kind.items()),
        *((name, found) for name, found in report.by_category.items()),
    ]
    rows = [
        f"| {name} | {one.num} | {one.share:.1%} | {one.low:.1%} to {one.high:.1%} |"
        for name, one in groups
    ]
    letters = [
        f"| {letter} | {report.answered[letter]} | {report.right[letter]} |" for letter in LETTERS
    ]
    counts = [report.answered[letter] for letter in LETTERS]
    mistakes = ", ".join(f"{name} {count}" for name, count in report.mistakes.items()) or "none"
    lines = [
        "| questions | number | right | 95 % interval |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
        "One in four is right by chance.",
        "",
        f"What is wrong in wrong answers: {mistakes}.",
        "",
        "| letter | answered | right |",
        "| --- | --- | --- |",
        *letters,
        "",
        f"Letters answered: {told_evenness(counts)}.",
    ]
    return "\n".join(lines) + "\n"
