"""Skimming shows a piece of every event that is long enough, wherever it lies."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator_ui.skim import MAX_SHARE, PLAYED_SECONDS, skim_parts
from annotator_ui.suggestions import Suggestion
from engine.intervals import Interval

STARTS = st.floats(0, 5)
LENGTHS = st.floats(0.1, 300)
SHORTEST = st.floats(1, 30)


def played(parts: list[Interval], event: Interval) -> float:
    """How much of the event the parts show."""
    return sum(max(0.0, min(end, event[1]) - max(start, event[0])) for start, end in parts)


def at(*seconds: float) -> tuple[Suggestion, ...]:
    return tuple(Suggestion(str(one), one, score=one) for one in seconds)


@given(STARTS, LENGTHS, SHORTEST, st.floats(0, 1), st.lists(st.floats(0, 300), max_size=12))
def test_enough_is_played_of_every_event_that_is_long_enough(
    start: float, length: float, shortest: float, place: float, peaks: list[float]
) -> None:
    whole = (start, start + length)
    peaks = [peak for peak in peaks if start <= peak <= start + length]
    parts = skim_parts(whole, at(*peaks), shortest_event_seconds=shortest)
    assert all(start <= a < b <= start + length for a, b in parts)
    assert all(one[1] < other[0] for one, other in pairwise(parts))
    first = start + place * max(0.0, length - shortest)
    event = (first, first + min(shortest, length))
    assert played(parts, event) >= min(PLAYED_SECONDS, length) - 1e-6


def test_three_eighths_are_played_where_no_score_points() -> None:
    parts = skim_parts((0, 200), shortest_event_seconds=2)
    assert played(parts, (0, 200)) == pytest.approx(75)


def test_best_suggestions_are_played_whole_until_half_of_the_video_is() -> None:
    parts = skim_parts((0, 90), at(*range(2, 90, 4)), shortest_event_seconds=2)
    assert MAX_SHARE - 0.03 < played(parts, (0, 90)) / 90 <= MAX_SHARE
    assert played(parts, (85, 87)) == pytest.approx(2)
    assert played(parts, (1, 3)) < 1.5
