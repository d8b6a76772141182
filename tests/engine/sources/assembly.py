"""Imported records -> the tree that exporters and validators read, in order of ids."""

from collections.abc import Iterable
from typing import TypeVar

from engine.sources.imported import ImportedVideo, UnfitVideo
from engine.tree import ClipNode, EventNode, VideoNode
from schemas import Caption, Clip, Event, Record, Summary

AnyRecord = TypeVar("AnyRecord", bound=Record)


def node_of(imported: ImportedVideo) -> VideoNode:
    """One video's tree; the imported records stand in order of their ids."""
    assert imported.stand_in is not None
    summaries = _by_id(imported, Summary)
    captions = _by_id(imported, Caption)
    clips = _by_id(imported, Clip).values()
    events = tuple(
        EventNode(
            event=event,
            clips=tuple(
                ClipNode(clip, captions.get(clip.id)) for clip in clips if clip.event_id == event.id
            ),
            summary=summaries.get(event.id),
        )
        for event in _by_id(imported, Event).values()
    )
    return VideoNode(imported.stand_in, events, summaries.get(imported.video_id), ())


def all_fit(imported: Iterable[ImportedVideo | UnfitVideo]) -> list[ImportedVideo]:
    """The imported videos, asserting that none was unfit."""
    everything = list(imported)
    unfit = [one for one in everything if isinstance(one, UnfitVideo)]
    assert unfit == []
    return [one for one in everything if isinstance(one, ImportedVideo)]


def _by_id(imported: ImportedVideo, kind: type[AnyRecord]) -> dict[str, AnyRecord]:
    return {record.id: record for record in imported.records if isinstance(record, kind)}
