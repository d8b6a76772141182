"""Answers about times, in words -> how well the stretches they tell meet the references'."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from engine.intervals import Interval, merge_overlapping, tiou
from engine.quality.polarity import judgement_polarity

HIT_TIOU = 0.5
Unit = Literal["s", "%"]

_TIME = r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)\s*(%|percent\b|s\b|secs?\b|seconds?\b)?"
_JOINT = (
    r"[\s,]*(?:[-–—~]|to|until|till|through|and)[\s,]*"
    r"(?:(?:it\s+)?(?:ends?|stops?|finish(?:es)?|lasts?)\s*)?(?:(?:at|by|until|about|around)\s+)?"
)
_SPAN = re.compile(rf"(?<![\d.:]){_TIME}{_JOINT}{_TIME}", re.IGNORECASE)
_NONE = re.compile(r"\b(?:no|nothing|none|not|never)\b|n't\b", re.IGNORECASE)


class Told(NamedTuple):
    """What an answer says of times."""

    spans: tuple[Interval, ...]
    unit: Unit | None
    """None: it tells no span."""
    denies: bool
    """It tells no span and says that there is none."""


def spans_in(text: str) -> Told:
    """The stretches that an answer tells, in seconds or in percent of the video.

    `from 8.6s to 11.3s and 33.3s to 36.8s`, `starts at 3 s and ends at 7.5 s`, `between 0:12 and
    1:05`, `12 % … 30 %`. Two numbers without a unit or a colon are no times; a stretch that ends
    before it starts is none, and where units are mixed, those of the first alone are taken.
    """
    found = [read for match in _SPAN.finditer(text) if (read := _read(match)) is not None]
    if not found:
        return Told((), None, judgement_polarity(text) is False or bool(_NONE.search(text)))
    unit = found[0][0]
    return Told(tuple(span for other, span in found if other == unit), unit, denies=False)


def _read(match: re.Match[str]) -> tuple[Unit, Interval] | None:
    groups = match.groups()
    units = {_unit(groups[3]), _unit(groups[7])} - {None}
    has_colon = groups[1] is not None or groups[5] is not None
    if len(units) > 1 or not (units or has_colon):
        return None
    start, end = _seconds(groups[:3]), _seconds(groups[4:7])
    unit: Unit = "%" if "%" in units else "s"
    return (unit, (start, end)) if start < end else None


def _unit(written: str | None) -> Unit | None:
    if written is None:
        return None
    return "%" if written.casefold() in ("%", "percent") else "s"


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds = (float(part or 0) for part in parts)
    return 3600 * hours + 60 * minutes + seconds


@dataclass(frozen=True)
class SpanFigures:
    """How well answers name times."""

    num_questions: int
    """Whose reference tells a span."""
    mean_tiou: float | None
    """Mean over them of what answer and reference both cover, over what either covers; an answer
    without a span has 0. None: no such question."""
    num_spans: int
    """Of the references."""
    recall: float | None
    """Share of them that a span of the answer, each taken once, meets with a tIoU of 0.5."""
    num_unparsed: int
    """Answers that neither tell a span in the reference's unit nor say that there is none."""
    num_absent: int
    """Questions whose reference says that there is none."""
    num_absent_right: int
    """Of these, those that were answered so."""


class TimedPair(NamedTuple):
    """What was answered about times, and what should have been."""

    answer: Told
    reference: Told


def span_figures(pairs: Iterable[TimedPair]) -> SpanFigures:
    """All figures; references without a span are those that say that there is none."""
    listed = list(pairs)
    asked = [pair for pair in listed if pair.reference.spans]
    absent = [pair for pair in listed if not pair.reference.spans]
    num_spans = sum(len(pair.reference.spans) for pair in asked)
    num_hits = sum(_num_hits(_comparable(pair), pair.reference.spans) for pair in asked)
    overlaps = [_overlap(_comparable(pair), pair.reference.spans) for pair in asked]
    return SpanFigures(
        num_questions=len(asked),
        mean_tiou=float(np.mean(overlaps)) if overlaps else None,
        num_spans=num_spans,
        recall=num_hits / num_spans if num_spans else None,
        num_unparsed=sum(_is_unparsed(pair) for pair in listed),
        num_absent=len(absent),
        num_absent_right=sum(pair.answer.denies for pair in absent),
    )


def _comparable(pair: TimedPair) -> tuple[Interval, ...]:
    return pair.answer.spans if pair.answer.unit == pair.reference.unit else ()


def _is_unparsed(pair: TimedPair) -> bool:
    wanted = pair.reference.unit
    has_other_unit = wanted is not None and pair.answer.unit not in (None, wanted)
    return has_other_unit or not (pair.answer.spans or pair.answer.denies)


def _overlap(answer: Sequence[Interval], reference: Sequence[Interval]) -> float:
    """tIoU of two sets of stretches."""
    either = _covered([*answer, *reference])
    both = _covered(answer) + _covered(reference) - either
    return max(0.0, both) / either


def _covered(spans: Iterable[Interval]) -> float:
    return sum(end - start for start, end in merge_overlapping(spans))


def _num_hits(answer: Sequence[Interval], reference: Sequence[Interval]) -> int:
    """How many stretches are met, the best matches first."""
    pairs = sorted(
        (
            (tiou(one, other), i, j)
            for i, one in enumerate(answer)
            for j, other in enumerate(reference)
        ),
        reverse=True,
    )
    taken, met = set[int](), set[int]()
    for overlap, i, j in pairs:
        if overlap >= HIT_TIOU and i not in taken and j not in met:
            taken.add(i)
            met.add(j)
    return len(met)
