"""The live dataset, video by video, as trees: only one video's records are parsed at a time."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from engine.ids import by_number
from engine.index import Index
from engine.joins.facts import Facts
from engine.tree import ClipNode, EventNode, VideoNode
from schemas import Caption, Clip, Event, Instruction, Summary


@dataclass
class Trees:
    """Reads trees of one dataset."""

    index: Index
    _facts: Facts = field(init=False)

    def __post_init__(self) -> None:
        self._facts = Facts(self.index)

    def all(self) -> Iterator[VideoNode]:
        """Every live video in natural order of ids, with all that hangs on it."""
        return (self.of(video_id) for video_id in self._facts.videos)

    def of(self, video_id: str) -> VideoNode:
        """One video's tree."""
        summaries = self.index.lines(Summary)
        event_ids = self._facts.event_ids_of.get(video_id, ())
        return VideoNode(
            video=self._facts.videos[video_id],
            events=tuple(self._event(event_id) for event_id in by_number(event_ids)),
            summary=self.index.get(Summary, video_id) if video_id in summaries else None,
            instructions=self._instructions(video_id),
        )

    def with_instructions_alone(self) -> Iterator[VideoNode]:
        """Every live video with its instructions; events and texts left out, which is quicker."""
        for video_id, video in self._facts.videos.items():
            yield VideoNode(video, (), None, self._instructions(video_id))

    def _instructions(self, video_id: str) -> tuple[Instruction, ...]:
        ids = self._instructions_of.get(video_id, ())
        return tuple(self.index.get(Instruction, instruction_id) for instruction_id in ids)

    def _event(self, event_id: str) -> EventNode:
        summaries = self.index.lines(Summary)
        clip_ids = self._facts.clip_ids_of.get(event_id, ())
        return EventNode(
            event=self.index.get(Event, event_id),
            clips=tuple(self._clip(id_) for id_ in by_number(clip_ids)),
            summary=self.index.get(Summary, event_id) if event_id in summaries else None,
        )

    def _clip(self, clip_id: str) -> ClipNode:
        captions = self.index.lines(Caption)
        return ClipNode(
            clip=self.index.get(Clip, clip_id),
            caption=self.index.get(Caption, clip_id) if clip_id in captions else None,
        )

    @cached_property
    def _instructions_of(self) -> dict[str, list[str]]:
        """Video id -> its instructions: clips, events, then the video; each by its number."""
        by_segment: dict[str, list[str]] = defaultdict(list)
        for instruction_id in self.index.lines(Instruction):
            by_segment[instruction_id.partition(":")[2]].append(instruction_id)
        by_video: dict[str, list[str]] = {}
        for video_id in self._facts.videos:
            segment_ids = [*self._segments_of(video_id), video_id]
            ids = [id_ for segment_id in segment_ids for id_ in sorted(by_segment[segment_id])]
            by_video[video_id] = ids
        return by_video

    def _segments_of(self, video_id: str) -> Iterator[str]:
        event_ids = by_number(self._facts.event_ids_of.get(video_id, ()))
        for event_id in event_ids:
            yield from by_number(self._facts.clip_ids_of.get(event_id, ()))
        yield from event_ids
