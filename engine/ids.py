"""Ids like HIVAU's: `Abuse001_x264`, `…_E0`, `…_E0C1`; given once, never to another stretch."""

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

Interval = tuple[float, float]
Place = TypeVar("Place", bound=Hashable)

_EVENT_OF = re.compile(r"^(?P<event>.+_E\d+)(?:C\d+)?$")


def event_id_of(record_id: str) -> str | None:
    """The event that an event's, clip's, caption's or event summary's id belongs to."""
    match = _EVENT_OF.match(record_id)
    return match["event"] if match else None


def parent_id(record_id: str, *, mark: str) -> str:
    """The video of an event (mark `_E`), or the event of a clip (mark `C`)."""
    return record_id.rpartition(mark)[0]


def allot_ids(
    places: Sequence[Place],
    *,
    prefix: str,
    known: Mapping[Place, str],
    next_number: int,
) -> list[str]:
    """One id per place (an interval, mostly): the one it had, else the next number never given.

    `prefix` stands before the number (`Abuse001_x264_E`); `known` maps places that had an id to
    it.
    """
    ids: list[str] = []
    taken: set[str] = set()
    for place in places:
        record_id = known.get(place)
        if record_id is None or record_id in taken:
            record_id = f"{prefix}{next_number}"
            next_number += 1
        taken.add(record_id)
        ids.append(record_id)
    return ids


def by_number(sibling_ids: Iterable[str]) -> list[str]:
    """Ids of one parent, which differ in their number alone, so that `E2` precedes `E10`."""
    return sorted(sibling_ids, key=_length_first)


def _length_first(record_id: str) -> tuple[int, str]:
    return len(record_id), record_id


def to_milliseconds(seconds: float) -> float:
    """Rounded to three decimals, as HIVAU-70k's files are."""
    return round(seconds, 3)
