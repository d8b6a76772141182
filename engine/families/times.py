"""A video and when things happen in it -> what families about times share."""

from collections.abc import Iterable
from typing import NamedTuple

from engine.intervals import Interval, merge_overlapping, tiou
from schemas.base import Granularity

_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth"),
    *("seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"),
)
ANY_EVENT = "abnormal event"
SAME_TIOU = 0.9
"""From this overlap on, two events of one category are taken for one, as validators take them."""
_PLACES = 1
"""Decimals of a time or a percentage in an answer."""


class TimedEvent(NamedTuple):
    """A stretch of a video."""

    interval_seconds: Interval
    is_anomalous: bool | None
    """The label, or what was judged where there is none."""
    called: str | None = None
    """Its category, as a sentence would say it; None: it has none, or several."""


class TimesSubject(NamedTuple):
    """A video and its events."""

    video_id: str
    interval_seconds: Interval
    is_anomalous: bool | None
    """The label, or what was judged where there is none."""
    events: tuple[TimedEvent, ...]
    absent: str | None = None
    """What does not happen in a normal video, as a sentence would say it."""

    @property
    def segment_id(self) -> str:
        """The video's."""
        return self.video_id

    @property
    def granularity(self) -> Granularity:
        """Always of the whole video: its times are what is asked for."""
        return "video"

    @property
    def verdict(self) -> bool | None:
        """Whether it is abnormal."""
        return self.is_anomalous

    @property
    def duration_seconds(self) -> float:
        """Of the video."""
        return self.interval_seconds[1] - self.interval_seconds[0]

    @property
    def abnormal(self) -> list[TimedEvent]:
        """The events that are known to be abnormal, in order of time, as far as the video goes.

        What stands there twice, as in six videos of HIVAU-70k's test set, is one event.
        """
        known = (self._within(one) for one in self.events if one.is_anomalous)
        lasting = (one for one in known if one.interval_seconds[0] < one.interval_seconds[1])
        found: list[TimedEvent] = []
        for event in sorted(lasting, key=_interval):
            if not any(_is_same(event, other) for other in found):
                found.append(event)
        return found

    def _within(self, event: TimedEvent) -> TimedEvent:
        (first, last), (start, end) = self.interval_seconds, event.interval_seconds
        return event._replace(interval_seconds=(max(first, start), min(last, end)))

    @property
    def spans(self) -> list[Interval]:
        """When anything abnormal happens, counted from the first frame; what overlaps is one."""
        start = self.interval_seconds[0]
        merged = merge_overlapping(one.interval_seconds for one in self.abnormal)
        return [(a - start, b - start) for a, b in merged]


def _interval(event: TimedEvent) -> Interval:
    return event.interval_seconds


def _is_same(one: TimedEvent, other: TimedEvent) -> bool:
    is_alike = one.called == other.called
    return is_alike and tiou(one.interval_seconds, other.interval_seconds) >= SAME_TIOU


def names_of(events: Iterable[TimedEvent]) -> list[str]:
    """For events in order of time, a noun for each that no other has: `fight`, `second fight`.

    An event without a category is counted among all of them: `third abnormal event`.
    """
    found = list(events)
    kinds = [event.called for event in found]
    names = []
    for place, kind in enumerate(kinds):
        rank = place if kind is None else kinds[:place].count(kind)
        num_alike = len(kinds) if kind is None else kinds.count(kind)
        name = ANY_EVENT if kind is None else kind
        names.append(name if num_alike == 1 else f"{ordinal(rank)} {name}")
    return names


def ordinal(rank: int) -> str:
    """0 -> first; from the thirteenth on, in figures."""
    if rank < len(_ORDINALS):
        return _ORDINALS[rank]
    number = rank + 1
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ending}"


def shown(value: float) -> str:
    """A time or a percentage, as answers write it: `8.6`, `12`."""
    return f"{value:.{_PLACES}f}".removesuffix(".0")
