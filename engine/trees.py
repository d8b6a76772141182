"""The live dataset, video by video, as trees: only one video's records are parsed at a time."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from engine.ids import by_number, parent_id
from engine.index import Index
from engine.joins.facts import Facts
from engine.tree import ClipNode, EventNode, VideoNode
from schemas import Caption, Clip, Event, Instruction, Record, Summary, Video

AnyRecord = TypeVar("AnyRecord", bound=Record)


@dataclass
class Trees:
    """Reads trees of one dataset."""

    index: Index
    are_views: bool = False
    """Of views instead of records (see `engine/views.py`): for what only looks at fields."""
    facts: Facts = field(init=False)

    def __post_init__(self) -> None:
        self.facts = Facts(self.index)

    @classmethod
    def over(cls, facts: Facts) -> "Trees":
        """Of a dataset that was read already."""
        trees = cls(facts.index)
        trees.facts = facts
        return trees

    def all(self) -> Iterator[VideoNode]:
        """Every live video in natural order of ids, with all that hangs on it."""
        return map(self.of, self.facts.video_ids)

    def of(self, video_id: str) -> VideoNode:
        """One video's tree."""
        event_ids = self._event_ids_of.get(video_id, [])
        summaries = self._many(Summary, [*event_ids, video_id])
        return VideoNode(
            video=self.index.get(Video, video_id),
            events=self._events(event_ids, summaries),
            summary=summaries.get(video_id),
            instructions=self._instructions(video_id),
        )

    def with_instructions_alone(self) -> Iterator[VideoNode]:
        """Every live video with its instructions; events and texts left out, which is quicker."""
        for video_id in self.facts.video_ids:
            video = self.index.get(Video, video_id)
            yield VideoNode(video, (), None, self._instructions(video_id))

    def _instructions(self, video_id: str) -> tuple[Instruction, ...]:
        """Those of the clips, the events, then the video; each in order of its number."""
        clip_ids_of = self._clip_ids_of
        event_ids = self._event_ids_of.get(video_id, [])
        segment_ids = [id_ for event_id in event_ids for id_ in clip_ids_of.get(event_id, ())]
        segment_ids += [*event_ids, video_id]
        ids = self.facts.instruction_ids(segment_ids)
        return tuple(self._many(Instruction, ids).values())

    def _many(self, record_type: type[AnyRecord], record_ids: list[str]) -> dict[str, AnyRecord]:
        read = self.index.views if self.are_views else self.index.many
        return read(record_type, record_ids)

    def _events(self, event_ids: list[str], summaries: dict[str, Summary]) -> tuple[EventNode, ...]:
        clip_ids_of = self._clip_ids_of
        clip_ids = [id_ for event_id in event_ids for id_ in clip_ids_of.get(event_id, ())]
        clips, captions = self._many(Clip, clip_ids), self._many(Caption, clip_ids)
        return tuple(
            EventNode(
                event=event,
                clips=tuple(
                    [ClipNode(clips[id_], captions.get(id_)) for id_ in clip_ids_of.get(id_of, ())]
                ),
                summary=summaries.get(id_of),
            )
            for id_of, event in self._many(Event, event_ids).items()
        )

    @cached_property
    def _event_ids_of(self) -> dict[str, list[str]]:
        return _by_parent(self.facts.segment_ids["event"], mark="_E")

    @cached_property
    def _clip_ids_of(self) -> dict[str, list[str]]:
        return _by_parent(self.facts.segment_ids["clip"], mark="C")


def _by_parent(record_ids: Iterable[str], *, mark: str) -> dict[str, list[str]]:
    """Parent id -> ids in order of their numbers."""
    by_parent: dict[str, list[str]] = defaultdict(list)
    for record_id in record_ids:
        by_parent[parent_id(record_id, mark=mark)].append(record_id)
    return {parent: by_number(ids) for parent, ids in by_parent.items()}
