"""Questions and a model's answers -> wording, judgement, times and multiple choice, in figures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from engine.errors import UsageError
from engine.mcq import LETTERS, printed
from engine.quality.mcq_validators import McqRow
from engine.quality.polarity import judgement_polarity
from schemas.base import Granularity
from train.metrics.answers import misfits, read_texts
from train.metrics.judgements import Judged, JudgementFigures, judgement_figures
from train.metrics.multiple_choice import McqReport, letters_of
from train.metrics.multiple_choice import report_on as mcq_report_on
from train.metrics.ptb import tokens
from train.metrics.references import TEXT_TASKS, Benchmark, Question
from train.metrics.spans import SpanFigures, TimedPair, span_figures, spans_in
from train.metrics.toolkit import Missing, Toolkit, meteor, tokenized
from train.metrics.wording import Pair, WordingFigures, wording_figures

JAVA_TOKENIZER = "the toolkit's (CoreNLP 3.4.1, Java)"
OWN_TOKENIZER = "built in, after the toolkit's"
ALL = "all"


@dataclass(frozen=True)
class Answered:
    """Questions with what was answered to each of them, by id."""

    benchmark: Benchmark
    choices: tuple[McqRow, ...]
    """All multiple choice, from rows or from a csv."""
    texts: Mapping[str, str]
    letters: Mapping[str, str]
    """Of multiple choice."""


@dataclass(frozen=True)
class ReasoningReport:
    """All figures of one model's answers."""

    source: str
    num_questions: int
    num_repeated: int
    """Rows that ask for the same as an earlier one and do not count."""
    num_empty: int
    """Answers without a word; they count, as what they are."""
    tokenizer: str
    meteor_missing: str | None
    """Why METEOR was not measured; None: it was, or nothing was compared word by word."""
    levels: dict[str, WordingFigures]
    """clip, event, video: all prose of a level together, as in Holmes-VAU's tables."""
    tasks: dict[str, WordingFigures]
    """`event: judgement` …: each task of a level alone; CIDEr's are on another scale for that."""
    judgement: dict[str, JudgementFigures]
    """By level, and `all`."""
    spans: SpanFigures | None
    mcq: McqReport | None


def read_answered(benchmark: Benchmark, path: Path) -> Answered:
    """The answers of a JSONL file, lined up with their questions.

    Raises `UsageError` naming every question without an answer or with two, every answer to no
    question, and multiple choice that was answered by no one letter: nothing is measured then.
    """
    rows = [_choice(question) for question in benchmark.questions if question.task == "mcq"]
    choices = (*rows, *benchmark.choices)
    asked = [question.id for question in benchmark.questions]
    wanted = dict.fromkeys((*asked, *(row.id for row in benchmark.choices)))
    said = read_texts(path)
    problems = misfits(said, wanted=wanted, allowed=benchmark.repeated_ids)
    ids = {row.id for row in choices}
    letters = letters_of([one for one in said if one[0] in ids], path=path, problems=problems)
    return Answered(benchmark, choices, dict(said), letters)


def _choice(question: Question) -> McqRow:
    read, right = printed(question.text), question.reference.strip()
    if read is None or right not in LETTERS:
        raise UsageError(
            f"question {question.id} is multiple choice, but its lines A to D or its letter cannot "
            f"be read: {question.text[:80]!r}, {right[:20]!r}"
        )
    return McqRow(
        id=question.id,
        video=question.segment_id,
        line=0,
        question=read.question,
        options=read.options,
        answer=right,
        interval=("", ""),
        category="",
    )


def report_on(answered: Answered, toolkit: Toolkit | Missing) -> ReasoningReport:
    """All figures, with the toolkit's Java programs where they are."""
    benchmark = answered.benchmark
    prose = [question for question in benchmark.questions if question.task in TEXT_TASKS]
    levels = _by_level(prose)
    pairs: dict[str, Pair] = {}
    for asked in levels.values():
        pairs |= _pairs(asked, answered, toolkit)
    groups = levels | _by_task(prose)
    figures = _figures(groups, pairs, toolkit)
    timed = [question for question in benchmark.questions if question.task == "grounding"]
    num_choices = len(benchmark.choices)
    return ReasoningReport(
        source=benchmark.source,
        num_questions=len(benchmark.questions) + num_choices,
        num_repeated=len(benchmark.repeated_ids),
        num_empty=sum(not answered.texts[q.id].strip() for q in benchmark.questions),
        tokenizer=JAVA_TOKENIZER if isinstance(toolkit, Toolkit) else OWN_TOKENIZER,
        meteor_missing=toolkit.reason if prose and isinstance(toolkit, Missing) else None,
        levels={name: figures[name] for name in levels},
        tasks={name: found for name, found in figures.items() if name not in levels},
        judgement=_judgements(prose, answered.texts),
        spans=_spans(timed, answered.texts) if timed else None,
        mcq=mcq_report_on(answered.choices, answered.letters) if answered.choices else None,
    )


def _by_level(questions: Iterable[Question]) -> dict[str, list[Question]]:
    levels: dict[str, list[Question]] = {level: [] for level in get_args(Granularity)}
    for question in questions:
        levels[question.level].append(question)
    return {level: found for level, found in levels.items() if found}


def _by_task(questions: Sequence[Question]) -> dict[str, list[Question]]:
    found: dict[str, list[Question]] = {}
    for level, asked in _by_level(questions).items():
        for task in TEXT_TASKS:
            if of_task := [question for question in asked if question.task == task]:
                found[f"{level}: {task}"] = of_task
    return found


def _pairs(
    questions: Sequence[Question], answered: Answered, toolkit: Toolkit | Missing
) -> dict[str, Pair]:
    """One level's, by question; the toolkit's tokenizer sees all of them in the file's order."""
    references = [question.reference for question in questions]
    answers = [answered.texts[question.id] for question in questions]
    if isinstance(toolkit, Toolkit):
        found = [tokenized(answers, toolkit), tokenized(references, toolkit)]
    else:
        found = [[tokens(text) for text in texts] for texts in (answers, references)]
    ids = [question.id for question in questions]
    return {id_: Pair(*both) for id_, *both in zip(ids, *found, strict=True)}


def _figures(
    groups: Mapping[str, Sequence[Question]],
    pairs: Mapping[str, Pair],
    toolkit: Toolkit | Missing,
) -> dict[str, WordingFigures]:
    listed = {name: [pairs[question.id] for question in asked] for name, asked in groups.items()}
    scores: list[float] | list[None] = [None] * len(listed)
    if listed and isinstance(toolkit, Toolkit):
        scores = meteor(
            [
                [(" ".join(p.answer), " ".join(p.reference)) for p in some]
                for some in listed.values()
            ],
            toolkit,
        )
    return {
        name: wording_figures(some, meteor=score)
        for (name, some), score in zip(listed.items(), scores, strict=True)
    }


def _judgements(
    questions: Iterable[Question], texts: Mapping[str, str]
) -> dict[str, JudgementFigures]:
    asked = [question for question in questions if question.task == "judgement"]
    groups = {ALL: asked} | _by_level(asked)
    found = {
        name: judgement_figures(
            Judged(
                answer=judgement_polarity(texts[question.id]),
                reference=judgement_polarity(question.reference),
                label=question.is_anomalous,
            )
            for question in group
        )
        for name, group in groups.items()
    }
    return {name: figures for name, figures in found.items() if figures is not None}


def _spans(questions: Iterable[Question], texts: Mapping[str, str]) -> SpanFigures:
    return span_figures(
        TimedPair(spans_in(texts[question.id]), spans_in(question.reference))
        for question in questions
    )
