"""Skimming: which parts of a video to play so that no event of some length passes unseen.

Glances at even distances show a piece of every event that is long enough, whatever the scores
say; what is played beyond them is what the scores point at.
"""

from annotator_ui.suggestions import Suggestion
from engine.intervals import Interval, merge_overlapping

GLANCE_SECONDS = 0.75
PLAYED_SECONDS = 0.75
"""Of every event: half a second tells a person that it is one, the rest is for the press."""
MAX_SHARE = 0.5
"""Of the video: suggestions are played around only while the whole stays below it."""
_AROUND_SECONDS = 1.0


def skim_parts(
    whole: Interval, suggestions: tuple[Suggestion, ...] = (), *, shortest_event_seconds: float
) -> list[Interval]:
    """Disjoint parts of `whole` in order, in seconds.

    `PLAYED_SECONDS` are played of every stretch of `shortest_event_seconds`, which is 1 or more;
    by `MAX_SHARE` that alone is never cut down.
    """
    parts = _glances(whole, shortest_event_seconds - PLAYED_SECONDS)
    limit_seconds = MAX_SHARE * (whole[1] - whole[0])
    for one in sorted(suggestions, key=lambda one: -one.score):
        around = (
            max(whole[0], one.time_seconds - _AROUND_SECONDS),
            min(whole[1], one.time_seconds + _AROUND_SECONDS),
        )
        more = merge_overlapping([*parts, around])
        if _length(more) <= limit_seconds:
            parts = more
    return parts


def _glances(whole: Interval, gap_seconds: float) -> list[Interval]:
    step_seconds = GLANCE_SECONDS + gap_seconds
    num_glances = 1 + int((whole[1] - whole[0]) / step_seconds)
    starts = (whole[0] + step_seconds * number for number in range(num_glances))
    parts = [(start, min(start + GLANCE_SECONDS, whole[1])) for start in starts]
    return [(start, end) for start, end in parts if end > start]


def _length(parts: list[Interval]) -> float:
    return sum(end - start for start, end in parts)
