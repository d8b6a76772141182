"""How well people agree: clicks matched in time, seconds called abnormal, boundaries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from engine.intervals import Interval, tiou

MATCH_SECONDS = 2.0
"""Clicks farther apart than this do not mean the same moment."""
MIN_VIDEOS = 20
"""Fewer videos give no figure: it would say nothing."""


def matched(
    ones: Sequence[float], others: Sequence[float], *, within_seconds: float = MATCH_SECONDS
) -> list[tuple[int, int]]:
    """Index pairs of clicks that mean the same: as many as possible, then the nearest.

    Optimal like the Hungarian method's result: on a line some best matching never crosses, so
    walking both sorted lists finds it.
    """
    left = sorted(range(len(ones)), key=ones.__getitem__)
    right = sorted(range(len(others)), key=others.__getitem__)
    # best[i][j]: (pairs, -distance) from the first i and the first j.
    best = [[(0, 0.0)] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i, one in enumerate(left, start=1):
        for j, other in enumerate(right, start=1):
            best[i][j] = max(best[i - 1][j], best[i][j - 1])
            distance = abs(ones[one] - others[other])
            if distance <= within_seconds:
                pairs, cost = best[i - 1][j - 1]
                best[i][j] = max(best[i][j], (pairs + 1, cost - distance))
    return _pairs(best, left, right)


def _pairs(
    best: list[list[tuple[int, float]]], left: list[int], right: list[int]
) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    i, j = len(left), len(right)
    while i and j:
        if best[i][j] == best[i - 1][j]:
            i -= 1
        elif best[i][j] == best[i][j - 1]:
            j -= 1
        else:
            found.append((left[i - 1], right[j - 1]))
            i, j = i - 1, j - 1
    return found[::-1]


@dataclass(frozen=True)
class Doubled:
    """One video that two people did, neither seeing the other's work."""

    seconds: float
    """Length of the video."""
    ones: tuple[float, ...]
    """Clicks, counted from the video's start."""
    others: tuple[float, ...]


@dataclass(frozen=True)
class Agreement:
    """Figures over all videos that two people did; None below 20 videos, or where undefined."""

    num_videos: int
    num_clicks: tuple[int, int]
    num_matched: int
    precision: float | None
    """Matched share of the second person's clicks."""
    recall: float | None
    """Matched share of the first person's clicks."""
    f1: float | None
    mean_distance_seconds: float | None
    """Between matched clicks."""
    kappa: float | None
    """Cohen's, on bins of one second: holds a click or not."""
    boundary_tiou: float | None
    num_boundaries: int


def agreement_of(
    doubled: Sequence[Doubled], boundaries: Sequence[tuple[Interval, Interval]] = ()
) -> Agreement:
    """Figures of videos done twice, and of events whose boundaries two people set."""
    pairs = [matched(one.ones, one.others) for one in doubled]
    distances = [
        abs(one.ones[i] - one.others[j])
        for one, found in zip(doubled, pairs, strict=True)
        for i, j in found
    ]
    num_ones = sum(len(one.ones) for one in doubled)
    num_others = sum(len(one.others) for one in doubled)
    is_enough = len(doubled) >= MIN_VIDEOS
    return Agreement(
        num_videos=len(doubled),
        num_clicks=(num_ones, num_others),
        num_matched=len(distances),
        precision=_ratio(len(distances), num_others) if is_enough else None,
        recall=_ratio(len(distances), num_ones) if is_enough else None,
        f1=_ratio(2 * len(distances), num_ones + num_others) if is_enough else None,
        mean_distance_seconds=_ratio(sum(distances), len(distances)) if is_enough else None,
        kappa=_kappa(doubled) if is_enough else None,
        boundary_tiou=_ratio(sum(tiou(*pair) for pair in boundaries), len(boundaries))
        if len(boundaries) >= MIN_VIDEOS
        else None,
        num_boundaries=len(boundaries),
    )


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _kappa(doubled: Sequence[Doubled]) -> float | None:
    both = only_one = only_other = num_bins = 0
    for video in doubled:
        ones = {int(seconds) for seconds in video.ones}
        others = {int(seconds) for seconds in video.others}
        both += len(ones & others)
        only_one += len(ones - others)
        only_other += len(others - ones)
        num_bins += max(1, ceil(video.seconds))
    if not num_bins:
        return None
    observed = (num_bins - only_one - only_other) / num_bins
    share_one, share_other = (both + only_one) / num_bins, (both + only_other) / num_bins
    expected = share_one * share_other + (1 - share_one) * (1 - share_other)
    return None if expected >= 1 else (observed - expected) / (1 - expected)


def agreement_lines(found: Agreement) -> Iterator[str]:
    """The figures as lines, each with what it is of."""
    yield (
        f"{found.num_videos} videos marked by two people: {found.num_clicks[0]} and "
        f"{found.num_clicks[1]} clicks, {found.num_matched} of them within {MATCH_SECONDS:g} s"
    )
    if found.num_videos < MIN_VIDEOS:
        yield f"no figures below {MIN_VIDEOS} videos; have more done twice: `assign --overlap`"
    else:
        shares = f"precision {_said(found.precision)}, recall {_said(found.recall)}"
        yield f"{shares}, F1 {_said(found.f1)}"
        yield f"mean distance of matched clicks {_said(found.mean_distance_seconds)} s"
        yield f"kappa on bins of 1 s {_said(found.kappa)}"
    tiou = _said(found.boundary_tiou) if found.boundary_tiou is not None else "no figure"
    yield f"boundaries set by two people: {found.num_boundaries}, mean tIoU {tiou}"


def _said(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
