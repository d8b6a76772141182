"""A report on answers -> Markdown with every figure, and Holmes-VAU's Table 2 as LaTeX."""

from collections.abc import Iterable, Mapping
from typing import get_args

from schemas.base import Granularity
from train.metrics.multiple_choice import as_markdown as mcq_as_markdown
from train.metrics.reasoning import ReasoningReport
from train.metrics.spans import SpanFigures
from train.metrics.wording import WordingFigures

_LEVELS: tuple[str, ...] = get_args(Granularity)
_COLUMNS = ("BLEU", "CIDEr", "METEOR", "ROUGE")
"""The paper's; its BLEU is cumulative, its METEOR 1.5 is assumed, its ROUGE is ROUGE-L."""
_NOTHING = "-"
_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def as_markdown(report: ReasoningReport, *, name: str) -> str:
    """Every figure; `name` is that of the model in the paper's table."""
    parts = [_head(report)]
    if report.levels:
        parts += [_wording(report.levels, "level"), _paper_table(report, name)]
        parts += [_wording(report.tasks, "task"), _notes(report)]
    if report.judgement:
        parts.append(_judgement(report))
    if report.spans is not None:
        parts.append(_spans(report.spans))
    if report.mcq is not None:
        parts.append("## Multiple choice\n\n" + mcq_as_markdown(report.mcq).rstrip())
    return "\n\n".join(parts) + "\n"


def as_latex(report: ReasoningReport, *, name: str) -> str:
    """The paper's table with one row; needs no package. Empty cells were not measured."""
    heads = " & ".join(rf"\multicolumn{{3}}{{c}}{{{column}}}" for column in _COLUMNS)
    letters = " & ".join(level[0].upper() for _ in _COLUMNS for level in _LEVELS)
    cells = " & ".join(_paper_cells(report))
    return "\n".join(
        [
            r"% BLEU: BLEU-1 + BLEU-2 + BLEU-3 + BLEU-4. METEOR 1.5. ROUGE-L.",
            rf"% {_comment(report.source)}: {report.num_questions} questions",
            r"\begin{tabular}{l" + " ccc" * len(_COLUMNS) + "}",
            r"\hline",
            rf"Method & {heads} \\",
            rf" & {letters} \\",
            r"\hline",
            rf"{_escaped(name)} & {cells} \\",
            r"\hline",
            r"\end{tabular}",
            "",
        ]
    )


def _head(report: ReasoningReport) -> str:
    told = [f"{report.num_questions:,} questions of `{report.source}`"]
    if report.num_repeated:
        told.append(f"{report.num_repeated:,} rows that repeat one of them do not count")
    if report.num_empty:
        told.append(f"{report.num_empty:,} answers are empty")
    return "; ".join(told) + "."


def _wording(groups: Mapping[str, WordingFigures], kind: str) -> str:
    head = (kind, "answers", "BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "BLEU-1 + … + BLEU-4")
    rows = [
        (
            group,
            f"{found.num_answers:,}",
            *map(_number, (*found.bleu, found.bleu_cumulative, found.cider)),
            _number(found.meteor),
            _number(found.rouge_l),
        )
        for group, found in groups.items()
    ]
    return _table((*head, "CIDEr", "METEOR 1.5", "ROUGE-L"), rows)


def _paper_table(report: ReasoningReport, name: str) -> str:
    head = [f"{column} {level[0].upper()}" for column in _COLUMNS for level in _LEVELS]
    return "As in Holmes-VAU's Table 2, where BLEU is the sum of four:\n\n" + _table(
        ("Method", *head), [(name.replace("|", "\\|"), *_paper_cells(report))]
    )


def _paper_cells(report: ReasoningReport) -> list[str]:
    columns: list[list[float | None]] = [[] for _ in _COLUMNS]
    for level in _LEVELS:
        found = report.levels.get(level)
        figures = (
            (found.bleu_cumulative, found.cider, found.meteor, found.rouge_l)
            if found is not None
            else (None,) * len(_COLUMNS)
        )
        for column, figure in zip(columns, figures, strict=True):
            column.append(figure)
    return [_number(figure, places=3) for column in columns for figure in column]


def _notes(report: ReasoningReport) -> str:
    told = [f"Tokens: {report.tokenizer}. CIDEr depends on what is measured together."]
    if report.meteor_missing is not None:
        told.append(f"METEOR: not measured, {report.meteor_missing}.")
    return " ".join(told)


def _judgement(report: ReasoningReport) -> str:
    head = ("judgement", "answers", "right by the label", "right by the reference", "unparsed")
    rows = [
        (
            name,
            f"{found.num:,}",
            _share(found.accuracy_by_label, found.num_labelled),
            _share(found.accuracy_by_reference, found.num_readable_references),
            _share(found.unparsed, found.num),
        )
        for name, found in report.judgement.items()
    ]
    return "## Judgement\n\n" + _table(head, rows)


def _spans(found: SpanFigures) -> str:
    head = ("questions", "mean tIoU", "spans", "recall@0.5", "unparsed", "without, told so")
    row = (
        f"{found.num_questions:,}",
        _number(found.mean_tiou),
        f"{found.num_spans:,}",
        _number(found.recall),
        f"{found.num_unparsed:,}",
        f"{found.num_absent_right:,} of {found.num_absent:,}",
    )
    return "## Times\n\n" + _table(head, [row])


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = [*head]
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _share(value: float | None, num: int) -> str:
    return _NOTHING if value is None else f"{value:.1%} of {num:,}"


def _number(value: float | None, *, places: int = 4) -> str:
    return _NOTHING if value is None else f"{value:.{places}f}"


def _escaped(text: str) -> str:
    """Any text as LaTeX's."""
    return "".join(_SPECIAL.get(c, rf"\{c}" if c in "#$%&_{}" else c) for c in _comment(text))


def _comment(text: str) -> str:
    return " ".join(text.split())
