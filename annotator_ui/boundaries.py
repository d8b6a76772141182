"""Boundary acts on one video, in order; which events they moved, made, joined or took out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from annotator_ui.acts import (
    Act,
    BoundaryConfirm,
    BoundaryDeed,
    BoundaryDiscard,
    BoundaryMerge,
    BoundarySet,
    BoundarySplit,
)
from engine.intervals import Interval
from schemas.review import Confirm, Correction, Discard, MoveBoundaries


@dataclass(frozen=True)
class Birth:
    """An event that a person made by splitting another; its key is the split's uuid."""

    extent: Interval
    """When it was made."""
    act: Act
    parent: str
    """Key of the event that it was a part of."""


@dataclass(frozen=True)
class Ruling:
    """One correction of one event, by one act."""

    act: Act
    event: str
    """Its key: a record's id, or the uuid of the split that made it."""
    correction: Correction


@dataclass(frozen=True)
class EventEdits:
    """What people made of one video's events."""

    extents: dict[str, Interval] = field(default_factory=dict)
    """Of every event that was touched and is still there."""
    born: dict[str, Birth] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    confirmed: set[str] = field(default_factory=set)
    rulings: list[Ruling] = field(default_factory=list)
    """One or two per act, in order."""


def fold_boundaries(acts: Sequence[Act]) -> EventEdits:
    """What stands after acts that all stand (see `session.standing`)."""
    edits = EventEdits()
    for act in acts:
        if isinstance(act.do, BoundaryDeed):
            _take(edits, act, act.do)
    return edits


def touched_events(do: BoundaryDeed) -> tuple[str, ...]:
    """Keys of the events that an act is about."""
    return (do.event, do.other) if isinstance(do, BoundaryMerge) else (do.event,)


def _take(edits: EventEdits, act: Act, do: BoundaryDeed) -> None:
    match do:
        case BoundarySet():
            _move(edits, act, do.event, (do.start_seconds, do.end_seconds))
        case BoundarySplit():
            extent = _extent(edits, act, do.event)
            if extent is None:
                return
            start_seconds, end_seconds = extent
            _move(edits, act, do.event, (start_seconds, do.at_seconds))
            edits.born[act.id] = Birth((do.at_seconds, end_seconds), act, do.event)
            edits.extents[act.id] = (do.at_seconds, end_seconds)
        case BoundaryMerge():
            one, other = _extent(edits, act, do.event), _extent(edits, act, do.other)
            if one is None or other is None:
                return
            _move(edits, act, do.event, (min(one[0], other[0]), max(one[1], other[1])))
            _discard(edits, act, do.other, f"merged into {do.event}")
        case BoundaryConfirm():
            edits.confirmed.add(do.event)
            edits.rulings.append(Ruling(act, do.event, Confirm()))
        case BoundaryDiscard():
            _discard(edits, act, do.event, do.reason)


def _extent(edits: EventEdits, act: Act, event: str) -> Interval | None:
    """Where an event stood just before an act: by the acts so far, else as the act noted.

    None where neither tells, as in a log that somebody mended by hand: the act has no effect then.
    """
    return edits.extents.get(event) or act.extents_before.get(event)


def _move(edits: EventEdits, act: Act, event: str, extent: Interval) -> None:
    edits.extents[event] = extent
    edits.confirmed.add(event)
    edits.gone.discard(event)
    moved = MoveBoundaries(start_seconds=extent[0], end_seconds=extent[1])
    edits.rulings.append(Ruling(act, event, moved))


def _discard(edits: EventEdits, act: Act, event: str, reason: str) -> None:
    edits.gone.add(event)
    edits.rulings.append(Ruling(act, event, Discard(reason=reason)))
