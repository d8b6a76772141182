"""What several joins look up in a dataset, each computed at most once."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import orjson

from engine.categories import Domain, load_domain
from engine.ids import event_id_of, parent_id
from engine.index import Index, import_scope, natural_order
from engine.ledger import ANNOTATE_LEDGER, IMPORT_LEDGER, highest_numbers
from engine.store import parse_object, parse_record, read_lines
from schemas import (
    Caption,
    Click,
    Clip,
    Event,
    HumanCaption,
    Instruction,
    Record,
    Summary,
    Video,
)
from schemas.base import Granularity

AnyRecord = TypeVar("AnyRecord", bound=Record)

_USED_CLICK_STATES = ("confirmed", "added_in_review")


@dataclass
class Facts:
    """Look-ups over one reading of a dataset; made anew after a stage has run."""

    index: Index
    _media_digests: dict[str, bytes] = field(default_factory=dict)
    _numbers: dict[str, dict[str, int]] = field(default_factory=dict)

    @cached_property
    def videos(self) -> dict[str, Video]:
        """Live videos in natural order of their ids."""
        return {video_id: self.index.get(Video, video_id) for video_id in self.video_ids}

    @cached_property
    def video_ids(self) -> list[str]:
        """Of live videos in natural order; for who needs the videos one by one."""
        return sorted(self.index.lines(Video), key=natural_order)

    @cached_property
    def domain(self) -> Domain:
        """What the category file says."""
        path = self.index.dataset.config.categories.file
        if path is not None:
            self.index.note(Path(path))
        return load_domain(path)

    def media_digest(self, video_id: str) -> bytes:
        """What a video's pictures depend on: its file's bytes. Empty for annotation-only videos."""
        if video_id not in self._media_digests:
            media = self.index.fields(Video, video_id)["media"]
            self._media_digests[video_id] = bytes.fromhex(media["sha256"]) if media else b""
        return self._media_digests[video_id]

    @cached_property
    def clicks_of(self) -> dict[str, list[str]]:
        """Video id -> ids of the clicks that count."""
        by_video: dict[str, list[str]] = defaultdict(list)
        for click in self.index.all(Click):
            if click.state in _USED_CLICK_STATES:
                by_video[click.video_id].append(click.id)
        return {id_: sorted(clicks, key=natural_order) for id_, clicks in by_video.items()}

    @cached_property
    def videos_with_imported_events(self) -> set[str]:
        """Videos whose events came from outside, be it that there are none.

        Nothing is proposed for them. But a normal video in which nobody marked anything is as
        other normal ones: its segments are drawn at random.
        """
        ledger, scope = self.index.ledger(IMPORT_LEDGER), import_scope(Event)
        item_ids = [item_id for item_id in ledger.item_ids() if item_id.startswith(scope)]
        found = {item_id.removeprefix(scope): ledger.record_ids(item_id) for item_id in item_ids}
        return {id_ for id_, event_ids in found.items() if event_ids or not self._is_normal(id_)}

    def _is_normal(self, video_id: str) -> bool:
        is_known = video_id in self.index.lines(Video)
        return is_known and self.index.fields(Video, video_id)["is_anomalous"] is False

    def needs_scores(self, video: Video) -> bool:
        """Whether its events can only come from scores: nobody marked it or called it normal."""
        is_marked = video.id in self.clicks_of or video.id in self.videos_with_imported_events
        return not is_marked and video.is_anomalous is not False

    @cached_property
    def event_ids_of(self) -> dict[str, list[str]]:
        """Video id -> ids of its live events, in order of time."""
        return self._in_order_of_time(Event, "video_id")

    @cached_property
    def clip_ids_of(self) -> dict[str, list[str]]:
        """Event id -> ids of its live clips, in order of time."""
        return self._in_order_of_time(Clip, "event_id")

    @cached_property
    def segment_ids(self) -> dict[Granularity, list[str]]:
        """All clips, events and videos that hang together: whose parents are live too."""
        videos, events = self.index.lines(Video), self.index.lines(Event)
        event_ids = [id_ for id_ in events if parent_id(id_, mark="_E") in videos]
        live_event_ids = set(event_ids)
        clip_ids = [
            id_ for id_ in self.index.lines(Clip) if parent_id(id_, mark="C") in live_event_ids
        ]
        return {"clip": clip_ids, "event": event_ids, "video": list(videos)}

    @cached_property
    def families(self) -> tuple[str, ...]:
        """Those of which there are instructions."""
        ids = self.index.lines(Instruction)
        return tuple(sorted({id_[: id_.find(":")] for id_ in ids}))

    def instruction_ids(self, segment_ids: Iterable[str]) -> list[str]:
        """Of these segments in their order, families in order of their names.

        Asked of the index each time: at a million clips, a table of them takes 350 MB.
        """
        lines, families = self.index.lines(Instruction), self.families
        ids = (f"{family}:{id_}" for id_ in segment_ids for family in families)
        return [id_ for id_ in ids if id_ in lines]

    def _in_order_of_time(self, record_type: type[Record], parent: str) -> dict[str, list[str]]:
        by_parent: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        path = self.index.dataset.record_path(record_type)
        reviewed = self.index.reviewed_ids(record_type)
        for record_id, line in self.index.lines(record_type).items():
            is_reviewed = record_id in reviewed
            parts = (
                self.index.fields(record_type, record_id)
                if is_reviewed
                else parse_object(line, path=path)
            )
            by_parent[parts[parent]].append(
                (parts["start_seconds"], parts["end_seconds"], len(record_id), record_id)
            )
        return {id_: [place[-1] for place in sorted(found)] for id_, found in by_parent.items()}

    @cached_property
    def human_captions_of(self) -> dict[str, list[HumanCaption]]:
        """Video id -> what people wrote about it."""
        by_video: dict[str, list[HumanCaption]] = defaultdict(list)
        for caption in self.index.all(HumanCaption):
            by_video[caption.video_id].append(caption)
        return by_video

    @cached_property
    def earlier_events_of(self) -> dict[str, list[Event]]:
        """Video id -> all events that `propose` ever gave it, as made."""
        by_video: dict[str, list[Event]] = defaultdict(list)
        for event in self._ever_given(Event, "propose"):
            by_video[event.video_id].append(event)
        return by_video

    @cached_property
    def earlier_clips_of(self) -> dict[str, list[Clip]]:
        """Event id -> all clips that `clip` ever gave it, as made."""
        by_event: dict[str, list[Clip]] = defaultdict(list)
        for clip in self._ever_given(Clip, "clip"):
            by_event[clip.event_id].append(clip)
        return by_event

    def ids_given(self, ledger_name: str) -> set[str]:
        """Every id that a line of this ledger ever listed."""
        given: set[str] = set()
        for line in read_lines(self.index.dataset.ledger_path(ledger_name)):
            given.update(orjson.loads(line)["records"])
        return given

    def _ever_given(self, record_type: type[AnyRecord], stage_name: str) -> Iterable[AnyRecord]:
        given = self.ids_given(stage_name)
        path = self.index.dataset.record_path(record_type)
        newest: dict[str, AnyRecord] = {}
        for line in read_lines(path):
            record = parse_record(record_type, line, path=path)
            if record.id in given:
                newest[record.id] = record
        return newest.values()

    @cached_property
    def reviewed_event_ids(self) -> set[str]:
        """Events that a person reviewed, or anything of which one did."""
        targets = self.index.reviewed_ids(Event, Clip, Caption, Summary)
        return {event_id for target in targets if (event_id := event_id_of(target))}

    @cached_property
    def _kept_event_ids_of(self) -> dict[str, set[str]]:
        kept: dict[str, set[str]] = defaultdict(set)
        for event_id in self.reviewed_event_ids - set(self.index.discarded_ids(Event)):
            kept[parent_id(event_id, mark="_E")].add(event_id)
        return kept

    def events_to_bring_back(self, video_id: str) -> list[str]:
        """Events of `propose` that a person wants kept, but that its last outcome lacks.

        Such is an event that was discarded, then left out of a newer outcome, then taken back.
        """
        ledger = self.index.ledger("propose")
        if video_id not in ledger or video_id in ledger.rejects():
            return []
        missing = self._kept_event_ids_of.get(video_id, set()) - {*ledger.record_ids(video_id)}
        if not missing:
            return []
        return sorted(missing & {event.id for event in self.earlier_events_of.get(video_id, ())})

    @cached_property
    def pinned_clip_ids(self) -> frozenset[str]:
        """Clips that a person reviewed, or whose captions one edited."""
        discarded = set(self.index.discarded_ids(Clip))
        return frozenset(self.index.reviewed_ids(Clip, Caption) - discarded)

    def clips_to_bring_back(self, event_id: str) -> list[Clip]:
        """The same for clips of `clip`, after an event was cut anew; be they inside it or not."""
        ledger = self.index.ledger("clip")
        if event_id not in ledger or event_id in ledger.rejects():
            return []
        missing = self._pinned_clip_ids_of.get(event_id, set()) - {*ledger.record_ids(event_id)}
        if not missing:
            return []
        return [clip for clip in self.earlier_clips_of.get(event_id, ()) if clip.id in missing]

    @cached_property
    def _pinned_clip_ids_of(self) -> dict[str, set[str]]:
        pinned: dict[str, set[str]] = defaultdict(set)
        for clip_id in self.pinned_clip_ids:
            pinned[parent_id(clip_id, mark="C")].add(clip_id)
        return pinned

    def next_number(self, parent_id: str, *, stage_name: str, mark: str) -> int:
        """The lowest number that no id `{parent_id}{mark}{number}` was ever given."""
        key = f"{stage_name}{mark}"
        if key not in self._numbers:
            highest: dict[str, int] = {}
            for name in {stage_name, IMPORT_LEDGER, ANNOTATE_LEDGER}:
                path = self.index.dataset.ledger_path(name)
                for parent, number in highest_numbers(path, mark=mark).items():
                    highest[parent] = max(number, highest.get(parent, -1))
            self._numbers[key] = highest
        return self._numbers[key].get(parent_id, -1) + 1
