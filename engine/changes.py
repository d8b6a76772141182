"""Events and scores before and after -> what changed, video by video."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.index import natural_order
from engine.intervals import Interval, tiou
from schemas import Event, ScoreTrack

_SAME_SECONDS = 0.0005
"""Boundaries are kept to the millisecond."""


@dataclass(frozen=True)
class EventChange:
    """One event that is no longer as it was."""

    video_id: str
    kind: Literal["moved", "added", "gone"]
    before: Interval | None
    """None: added."""
    after: Interval | None
    """None: gone."""


@dataclass(frozen=True)
class ScoreChange:
    """How far a video's scores are from what they were."""

    video_id: str
    mean_change: float | None
    """Mean absolute difference, at the new snippets' middles; None: it had no scores."""
    peak_before_seconds: float | None
    peak_after_seconds: float
    """Middle of the highest snippet."""


def event_changes(before: Iterable[Event], after: Iterable[Event]) -> tuple[EventChange, ...]:
    """Moved, added and gone events in order of video and time.

    An event is taken for the one that shares a click with it, else for the one that it overlaps
    most; each is taken once.
    """
    old, new = _by_video(before), _by_video(after)
    changes: list[EventChange] = []
    for video_id in sorted(old.keys() | new.keys(), key=natural_order):
        found = _video_changes(video_id, old.get(video_id, []), new.get(video_id, []))
        changes += sorted(found, key=lambda one: one.after or one.before or (0.0, 0.0))
    return tuple(changes)


def _by_video(events: Iterable[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        found[event.video_id].append(event)
    return found


def _video_changes(
    video_id: str, before: Sequence[Event], after: Sequence[Event]
) -> Iterator[EventChange]:
    pairs = _pairs(before, after)
    for old, new in pairs:
        was, now = _extent(old), _extent(new)
        if max(abs(was[0] - now[0]), abs(was[1] - now[1])) > _SAME_SECONDS:
            yield EventChange(video_id, "moved", was, now)
    kept, taken = {old.id for old, _ in pairs}, {new.id for _, new in pairs}
    for event in before:
        if event.id not in kept:
            yield EventChange(video_id, "gone", _extent(event), None)
    for event in after:
        if event.id not in taken:
            yield EventChange(video_id, "added", None, _extent(event))


def _pairs(before: Sequence[Event], after: Sequence[Event]) -> list[tuple[Event, Event]]:
    likeness = sorted(
        (
            (-_num_shared_clicks(old, new), -tiou(_extent(old), _extent(new)), i, j)
            for i, old in enumerate(before)
            for j, new in enumerate(after)
        ),
    )
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for clicks, overlap, i, j in likeness:
        if (clicks or overlap) and i not in pairs and j not in taken:
            pairs[i] = j
            taken.add(j)
    return [(before[i], after[j]) for i, j in pairs.items()]


def _num_shared_clicks(one: Event, other: Event) -> int:
    return len(set(one.click_ids) & set(other.click_ids))


def _extent(event: Event) -> Interval:
    return event.start_seconds, event.end_seconds


def score_changes(
    before: Mapping[str, ScoreTrack], after: Mapping[str, ScoreTrack]
) -> tuple[ScoreChange, ...]:
    """Videos whose scores are not what they were, the greatest change first, then new ones."""
    changed = [
        _score_change(before.get(video_id), track)
        for video_id, track in after.items()
        if track.scores and _is_other(before.get(video_id), track)
    ]
    return tuple(
        sorted(changed, key=lambda one: (-(one.mean_change or -1.0), natural_order(one.video_id)))
    )


def _is_other(old: ScoreTrack | None, new: ScoreTrack) -> bool:
    if old is None:
        return True
    return (old.scores, old.snippet_starts_seconds) != (new.scores, new.snippet_starts_seconds)


def _score_change(old: ScoreTrack | None, new: ScoreTrack) -> ScoreChange:
    middles = _middles(new)
    peak_after = float(middles[int(np.argmax(new.scores))])
    if old is None or not old.scores:
        return ScoreChange(new.video_id, None, None, peak_after)
    places = np.searchsorted(old.snippet_starts_seconds, middles, side="right") - 1
    values = np.array(old.scores)[np.clip(places, 0, len(old.scores) - 1)]
    change = float(np.abs(np.array(new.scores) - values).mean())
    peak_before = float(_middles(old)[int(np.argmax(old.scores))])
    return ScoreChange(new.video_id, change, peak_before, peak_after)


def _middles(track: ScoreTrack) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    edges = np.array([*track.snippet_starts_seconds, track.end_seconds])
    return np.asarray((edges[:-1] + edges[1:]) / 2, np.float64)
