"""An id -> every record of that id, who made it, where it comes from and what hangs on it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

from engine.errors import UsageError
from engine.index import LEDGERS, WORDS, Index
from engine.joins.audits import audit_item_of
from engine.joins.texts import EVENT_SCOPE, VIDEO_SCOPE
from engine.ledger import ANNOTATE_LEDGER, IMPORT_LEDGER
from engine.rejects import current_rejects
from engine.status import fingerprint_parts
from engine.store import parse_record, read_lines
from engine.tree import EventNode
from engine.trees import Trees
from schemas import (
    Caption,
    Click,
    Clip,
    Event,
    FeatureTrack,
    Finding,
    HumanCaption,
    Instruction,
    Record,
    Reject,
    Review,
    ScoreTrack,
    Summary,
    Twin,
    Video,
)

State = Literal["live", "discarded", "retired"]
_MOST_SUGGESTIONS = 5


@dataclass(frozen=True)
class Making:
    """Which run of which stage wrote a record."""

    stage: str
    fingerprint: str
    settings: object
    """What the fingerprint stands for, as nested dicts; None: it is not recorded."""


@dataclass(frozen=True)
class Sighting:
    """One record of the id that was asked for; its reviews lie over it."""

    word: str
    record: Record
    state: State
    reviews: tuple[Review, ...]
    making: Making | None
    """None: no ledger lists it."""


@dataclass(frozen=True)
class Portrait:
    """All that is known of an id."""

    id: str
    sightings: tuple[Sighting, ...]
    rejects: tuple[Reject, ...]
    parents: tuple[Record, ...] = ()
    """Nearest first, the video last."""
    events: tuple[EventNode, ...] = ()
    """What hangs on it: a video's events, or the event itself with its clips."""
    instructions: tuple[Instruction, ...] = field(default=())


def portray(index: Index, record_id: str) -> Portrait:
    """Look an id up. Raises `UsageError` with the nearest ids where there is no such record."""
    sightings = tuple(_sightings(index, record_id))
    rejects = tuple(
        reject for reject in current_rejects(index.dataset) if _is_of(reject, record_id)
    )
    if not sightings and not rejects:
        raise UsageError(_unknown(index, record_id))
    records = [seen.record for seen in sightings]
    return Portrait(
        id=record_id,
        sightings=sightings,
        rejects=rejects,
        parents=tuple(_parents(index, records)),
        events=_children(index, sightings),
        instructions=_instructions_about(index, record_id),
    )


def _sightings(index: Index, record_id: str) -> Iterator[Sighting]:
    settings_of = fingerprint_parts(index.dataset)
    for record_type, word in WORDS.items():
        record = _newest(index, record_type, record_id)
        if record is not None:
            yield Sighting(
                word=word,
                record=index.overlay(record),
                state=_state(index, record),
                reviews=index.reviews(record_type, record_id),
                making=_making(index, record, settings_of),
            )


def _newest(index: Index, record_type: type[Record], record_id: str) -> Record | None:
    """The newest line of an id, live or not."""
    path = index.dataset.record_path(record_type)
    if record_id in index.lines(record_type):
        return parse_record(record_type, index.lines(record_type)[record_id], path=path)
    newest: Record | None = None
    mark = record_id.encode()
    for line in read_lines(path):
        if mark in line:
            record = parse_record(record_type, line, path=path)
            newest = record if record.id == record_id else newest
    return newest


def _state(index: Index, record: Record) -> State:
    if record.id in index.lines(type(record)):
        return "live"
    return "discarded" if record.id in index.discarded_ids(type(record)) else "retired"


def _making(index: Index, record: Record, settings_of: dict[str, object]) -> Making | None:
    for stage_name in LEDGERS[type(record)]:
        ledger, item_id = index.ledger(stage_name), _item_of(record, stage_name)
        if item_id in ledger and record.id in ledger.record_ids(item_id):
            fingerprint = ledger.fingerprint(item_id)
            return Making(stage_name, fingerprint, settings_of.get(fingerprint))
    return None


def _item_of(record: Record, stage_name: str) -> str:
    """Which item of a ledger wrote a record."""
    if stage_name in (IMPORT_LEDGER, ANNOTATE_LEDGER):
        video_id = record.id if isinstance(record, Video) else getattr(record, "video_id", "")
        return f"{WORDS[type(record)]}:{video_id}"
    if isinstance(record, Event):
        return record.video_id
    if isinstance(record, Clip):
        return record.event_id
    if isinstance(record, Finding):
        return audit_item_of(record)
    if isinstance(record, Summary):
        return f"{EVENT_SCOPE if record.granularity == 'event' else VIDEO_SCOPE}{record.id}"
    return record.id


def _parents(index: Index, records: list[Record]) -> Iterator[Record]:
    """The way back to the video, each record once."""
    seen: set[tuple[type[Record], str]] = {(type(record), record.id) for record in records}
    ways = list(records)
    while ways:
        for record_type, parent_id in _parent_ids(ways.pop(0)):
            if (record_type, parent_id) in seen or parent_id not in index.lines(record_type):
                continue
            seen.add((record_type, parent_id))
            parent = index.get(record_type, parent_id)
            ways.append(parent)
            yield parent


def _parent_ids(record: Record) -> Iterator[tuple[type[Record], str]]:
    if isinstance(record, Caption):
        yield Clip, record.id
    elif isinstance(record, Clip):
        if record.human_caption_id:
            yield HumanCaption, record.human_caption_id
        yield Event, record.event_id
    elif isinstance(record, Summary):
        yield (Event if record.granularity == "event" else Video), record.id
    elif isinstance(record, Event):
        yield from ((Click, click_id) for click_id in record.click_ids)
        yield Video, record.video_id
    elif isinstance(record, Instruction):
        for record_type in (Caption, Summary, Clip, Event, Video):
            yield record_type, record.segment_id
    elif isinstance(record, Finding):
        for target_type in (Instruction, Caption, Summary):
            yield target_type, record.target_id
    elif isinstance(record, Twin):
        yield Event, record.event_id
    elif isinstance(record, Click | FeatureTrack | HumanCaption | ScoreTrack):
        yield Video, record.video_id


def _children(index: Index, sightings: tuple[Sighting, ...]) -> tuple[EventNode, ...]:
    trees = Trees(index)
    for seen in sightings:
        if seen.state != "live":
            continue
        if isinstance(seen.record, Video):
            return trees.of(seen.record.id).events
        if isinstance(seen.record, Event) and seen.record.video_id in index.lines(Video):
            events = trees.of(seen.record.video_id).events
            return tuple(node for node in events if node.event.id == seen.record.id)
    return ()


def _instructions_about(index: Index, segment_id: str) -> tuple[Instruction, ...]:
    ids = [id_ for id_ in index.lines(Instruction) if id_.partition(":")[2] == segment_id]
    return tuple(index.get(Instruction, id_) for id_ in ids)


def _is_of(reject: Reject, record_id: str) -> bool:
    return record_id in (reject.id, reject.item_id, reject.item_id.rpartition(":")[2])


def _unknown(index: Index, record_id: str) -> str:
    known = {id_ for record_type in WORDS for id_ in index.lines(record_type)}
    if not known:
        return f"no record {record_id!r}: the dataset is empty; `vau-data ingest` comes first"
    near = get_close_matches(record_id, known, n=_MOST_SUGGESTIONS, cutoff=0.6)
    hint = f"; near to it: {', '.join(sorted(near))}" if near else ""
    return f"no record of id {record_id!r} in {index.dataset.dir_path}{hint}"
