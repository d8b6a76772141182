"""The events of one video as its pages show them now, those included that were just split off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from annotator_ui.boundaries import EventEdits
from annotator_ui.frames import FrameTable
from annotator_ui.library import Library
from engine.intervals import Interval
from engine.proposals import ClickGrowth, events_from_clicks_and_scores
from schemas import Click, Event, ScoreTrack, Video


@dataclass(frozen=True)
class EventNow:
    """One event."""

    key: str
    """What acts call it: its record's id, or the uuid of the split that made it."""
    extent: Interval
    click_seconds: tuple[float, ...]
    origin: str
    categories: tuple[str, ...]
    is_anomalous: bool | None
    is_confirmed: bool


def events_now(library: Library, video: Video, edits: EventEdits) -> dict[str, EventNow]:
    """Key -> event, in order of time, after these edits."""
    recorded = library.events(video.id)
    clicks = _click_times(library, recorded)
    found = {event.id: _as_edited(event, edits, clicks) for event in recorded}
    for key, birth in edits.born.items():
        found[key] = _born(key, edits, found.get(birth.parent))
    standing = [event for event in found.values() if event.key not in edits.gone]
    return {event.key: event for event in sorted(standing, key=lambda event: event.extent)}


def _as_edited(event: Event, edits: EventEdits, clicks: Mapping[str, float]) -> EventNow:
    return EventNow(
        key=event.id,
        extent=edits.extents.get(event.id, (event.start_seconds, event.end_seconds)),
        click_seconds=tuple(clicks[id_] for id_ in event.click_ids if id_ in clicks),
        origin=event.origin,
        categories=event.categories,
        is_anomalous=event.is_anomalous,
        is_confirmed=event.is_confirmed or event.id in edits.confirmed,
    )


def _born(key: str, edits: EventEdits, parent: EventNow | None) -> EventNow:
    return EventNow(
        key=key,
        extent=edits.extents[key],
        click_seconds=(),
        origin="human",
        categories=parent.categories if parent else (),
        is_anomalous=parent.is_anomalous if parent else None,
        is_confirmed=True,
    )


def _click_times(library: Library, events: Sequence[Event]) -> dict[str, float]:
    ids = [id_ for event in events for id_ in event.click_ids]
    with library.reading:
        clicks = library.facts().index.many(Click, ids)
    return {id_: click.time_seconds for id_, click in clicks.items()}


def events_wire(
    events: Mapping[str, EventNow], table: FrameTable, track: ScoreTrack | None, video: Video
) -> list[dict[str, object]]:
    """As JSON; `proposal` is the extent by the paper's rule, where there are scores."""
    proposals = _proposals(events, track, video)
    return [
        {
            "id": event.key,
            "start_seconds": event.extent[0],
            "end_seconds": event.extent[1],
            "start_frame": table.frame_at(event.extent[0]),
            "end_frame": table.frame_at(event.extent[1]),
            "click": _click_wire(event, table),
            "clicks": event.click_seconds,
            "origin": event.origin,
            "categories": event.categories,
            "is_anomalous": event.is_anomalous,
            "is_confirmed": event.is_confirmed,
            "proposal": proposals.get(event.key),
        }
        for event in events.values()
    ]


def _click_wire(event: EventNow, table: FrameTable) -> dict[str, object] | None:
    if not event.click_seconds:
        return None
    frame = table.frame_at(event.click_seconds[0])
    return {"frame": frame, "time_seconds": event.click_seconds[0]}


def _proposals(
    events: Mapping[str, EventNow], track: ScoreTrack | None, video: Video
) -> dict[str, Interval]:
    """Key -> extent grown from the event's clicks, or from its middle where it has none."""
    if track is None or not track.scores or not events:
        return {}
    seeds = {
        key: event.click_seconds[0] if event.click_seconds else sum(event.extent) / 2
        for key, event in events.items()
    }
    inside = {
        key: min(max(seconds, video.start_seconds), video.end_seconds)
        for key, seconds in seeds.items()
    }
    grown = events_from_clicks_and_scores(
        list(inside.values()),
        track.scores,
        track.snippet_starts_seconds,
        end_seconds=max(track.end_seconds, video.end_seconds),
        settings=ClickGrowth(),
    )
    keys = list(inside)
    return {keys[index]: interval for interval, indices in grown for index in indices}
