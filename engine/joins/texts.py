"""Items of summarize: events, from their clips' captions; videos, from their events' summaries."""

from collections.abc import Iterator
from functools import partial

import orjson

from engine.census import Census
from engine.joins.facts import Facts
from engine.stage import Pending, digest
from engine.stages.summarize import SummarizeItem
from schemas import Caption, Event, Summary, Video

EVENT_SCOPE = "event:"
VIDEO_SCOPE = "video:"


def to_summarize_events(facts: Facts, census: Census) -> Iterator[Pending[SummarizeItem]]:
    """Events all of whose clips are captioned or rejected, at least one captioned."""
    index = facts.index
    imported = index.imported_ids(Summary)
    rejected, captions = index.ledger("caption").rejects(), index.lines(Caption)
    without_caption = rejected.keys() | set(index.discarded_ids(Caption))
    for event_id in index.lines(Event):
        clip_ids = facts.clip_ids_of.get(event_id, [])
        if event_id in imported:
            continue
        if not clip_ids and event_id not in index.ledger("clip"):
            census.waits(EVENT_SCOPE + event_id, "clip")
        elif any(id_ not in captions and id_ not in without_caption for id_ in clip_ids):
            census.waits(EVENT_SCOPE + event_id, "caption")
        elif captioned := [clip_id for clip_id in clip_ids if clip_id in captions]:
            yield from _to_summarize_event(facts, census, event_id, captioned)


def _to_summarize_event(
    facts: Facts, census: Census, event_id: str, clip_ids: list[str]
) -> Iterator[Pending[SummarizeItem]]:
    event = facts.index.get(Event, event_id)
    input_sha256 = digest(
        orjson.dumps([event.is_anomalous, event.categories]),
        *(facts.index.content(Caption, clip_id) for clip_id in clip_ids),
    )
    if census.wants(EVENT_SCOPE + event_id, input_sha256):
        build = partial(_event_summary_item, facts, event, clip_ids)
        yield Pending(EVENT_SCOPE + event_id, input_sha256.hex(), event.video_id, build)


def _event_summary_item(facts: Facts, event: Event, clip_ids: list[str]) -> SummarizeItem:
    return SummarizeItem(
        segment_id=event.id,
        video_id=event.video_id,
        granularity="event",
        texts=tuple(facts.index.get(Caption, clip_id).text for clip_id in clip_ids),
        is_anomalous=event.is_anomalous,
        categories=event.categories,
    )


def to_summarize_videos(facts: Facts, census: Census) -> Iterator[Pending[SummarizeItem]]:
    """Videos all of whose events are summarized or never will be, at least one summarized."""
    index = facts.index
    imported, summaries = index.imported_ids(Summary), index.lines(Summary)
    never = _events_never_summarized(facts)
    for video in facts.videos.values():
        event_ids = facts.event_ids_of.get(video.id, [])
        if video.id in imported:
            continue
        if any(id_ not in summaries and id_ not in never for id_ in event_ids):
            census.waits(VIDEO_SCOPE + video.id, "event summaries")
        elif summarized := [event_id for event_id in event_ids if event_id in summaries]:
            yield from _to_summarize_video(facts, census, video, summarized)


def _to_summarize_video(
    facts: Facts, census: Census, video: Video, event_ids: list[str]
) -> Iterator[Pending[SummarizeItem]]:
    input_sha256 = digest(
        orjson.dumps([video.is_anomalous, video.categories]),
        *(facts.index.content(Summary, event_id) for event_id in event_ids),
    )
    if census.wants(VIDEO_SCOPE + video.id, input_sha256):
        build = partial(_video_summary_item, facts, video, event_ids)
        yield Pending(VIDEO_SCOPE + video.id, input_sha256.hex(), video.id, build)


def _video_summary_item(facts: Facts, video: Video, event_ids: list[str]) -> SummarizeItem:
    return SummarizeItem(
        segment_id=video.id,
        video_id=video.id,
        granularity="video",
        texts=tuple(facts.index.get(Summary, event_id).text for event_id in event_ids),
        is_anomalous=video.is_anomalous,
        categories=video.categories,
    )


def _events_never_summarized(facts: Facts) -> set[str]:
    """Events whose summary, or every caption, was rejected or discarded."""
    index = facts.index
    rejected = index.ledger("summarize").rejects()
    never = {item_id.removeprefix(EVENT_SCOPE) for item_id in rejected}
    never |= set(index.discarded_ids(Summary))
    without = index.ledger("caption").rejects().keys() | set(index.discarded_ids(Caption))
    for event_id in index.lines(Event):
        clip_ids = facts.clip_ids_of.get(event_id, ())
        is_cut = clip_ids or event_id in index.ledger("clip")
        if is_cut and all(clip_id in without for clip_id in clip_ids):
            never.add(event_id)
    return never
