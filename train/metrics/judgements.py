"""Judgements in words -> how often they are right, by the label and by the reference's words."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Judged(NamedTuple):
    """One judgement; each part None where nobody, or nothing, says it."""

    answer: bool | None
    """Whether the answer says that there is an anomaly."""
    reference: bool | None
    """Whether the reference says so."""
    label: bool | None
    """Whether the segment is labelled so; texts and labels disagree in places."""


@dataclass(frozen=True)
class JudgementFigures:
    """Judgement Accuracy. An answer that says neither is right by no measure."""

    num: int
    num_labelled: int
    accuracy_by_label: float | None
    """Of the labelled ones. None: there is none."""
    num_readable_references: int
    accuracy_by_reference: float | None
    """Of those whose reference says one or the other. None: there is none."""
    num_unparsed: int
    unparsed: float
    """Share of answers that say neither."""


def judgement_figures(judged: Iterable[Judged]) -> JudgementFigures | None:
    """All figures; None: nothing was judged."""
    listed = list(judged)
    if not listed:
        return None
    by_label = [one.answer is one.label for one in listed if one.label is not None]
    by_reference = [one.answer is one.reference for one in listed if one.reference is not None]
    num_unparsed = sum(one.answer is None for one in listed)
    return JudgementFigures(
        num=len(listed),
        num_labelled=len(by_label),
        accuracy_by_label=sum(by_label) / len(by_label) if by_label else None,
        num_readable_references=len(by_reference),
        accuracy_by_reference=sum(by_reference) / len(by_reference) if by_reference else None,
        num_unparsed=num_unparsed,
        unparsed=num_unparsed / len(listed),
    )
