"""Abnormal event -> its twin: as long a stretch of the same video before it, captioned alike.

Nothing has happened there yet, so that an anomaly in the twin's caption is the captioner's own.
Twins are records of their own kind, with a ledger of their own: neither the flow nor an export
looks at them. They are made only when `vau-data audit --twins` asks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from engine import flow
from engine.categories import load_domain
from engine.census import Census
from engine.config import Config
from engine.dataset import Dataset
from engine.errors import ItemError
from engine.index import Index
from engine.intervals import Interval
from engine.joins.facts import Facts
from engine.ledger import TWIN_LEDGER
from engine.models.chat import Json
from engine.progress import Vitals
from engine.quality.category_words import DomainWords
from engine.runner import Executor, RunOptions, StageReport
from engine.stage import Item, Pending, canonical_json, digest
from engine.stages.caption import CaptionItem, CaptionStage
from schemas import Caption, Clip, Event, Provenance, Record, Twin, Video

MARGIN_SECONDS = 1.0
"""Left between a twin and its event: where an event begins is known about so well."""
FEWEST_SECONDS = 2.0
"""An event with less room before it has no twin."""
_STRETCH = Provenance(made_by="rule", name="rule/twin")


@dataclass(frozen=True)
class TwinStage:
    """Captions a twin as the caption stage does, and tells no label."""

    stage: CaptionStage
    name: ClassVar[str] = TWIN_LEDGER
    writes: ClassVar[type[Record]] = Twin

    @property
    def concurrency(self) -> int:
        """The captioner's."""
        return self.stage.concurrency

    def check(self) -> None:
        """Ask the captioner's endpoint whether it can be used."""
        self.stage.check()

    def close(self) -> None:
        """Let the captioner's connections go."""
        self.stage.close()

    def vitals(self) -> Vitals | None:
        """How the captioner's servers are."""
        return self.stage.vitals()

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """How it captions."""
        return self.stage.fingerprint_parts()

    def load(self, items: Sequence[Item[Any]]) -> Iterator[Item[Any] | tuple[str, ItemError]]:
        """Decode the twins' frames."""
        return self.stage.load(items)

    def deadline_seconds(self, items: Sequence[Item[Any]]) -> float:
        """For decoding."""
        return self.stage.deadline_seconds(items)

    def process(self, item: Item[CaptionItem]) -> Iterable[Record]:
        """One Twin."""
        reply, clip = self.stage.ask(item), item.body.clip
        yield Twin(
            id=clip.id,
            video_id=clip.video_id,
            start_seconds=clip.start_seconds,
            end_seconds=clip.end_seconds,
            event_id=clip.event_id,
            text=reply.text,
            provenance=Provenance(made_by="model", name=self.stage.captioner.name),
            usage=reply.usage,
        )


def twin(config: Config) -> TwinStage:
    """Events -> twins."""
    stage = flow.caption(config)
    assert isinstance(stage, CaptionStage)
    return TwinStage(replace(stage, hint="none"))


def to_twin(facts: Facts, census: Census) -> Iterator[Pending[CaptionItem]]:
    """Abnormal events of videos with footage that have room before them; one video's together."""
    for video_id, video in facts.videos.items():
        events = facts.index.many(Event, facts.event_ids_of.get(video_id, ()))
        spans = [
            (one.start_seconds, one.end_seconds)
            for one in events.values()
            if one.is_anomalous is not False
        ]
        for event in events.values():
            stretch = stretch_before((event.start_seconds, event.end_seconds), spans, video)
            if not event.is_anomalous or stretch is None:
                continue
            twin_id = f"{event.id}T"
            if video.media is None:
                census.waits(twin_id, "the video file")
                continue
            told = canonical_json(list(stretch))
            input_sha256 = digest(told, facts.media_digest(video_id))
            if census.wants(twin_id, input_sha256):
                build = partial(_item, facts.index.dataset, video, event.id, stretch)
                yield Pending(twin_id, input_sha256.hex(), video_id, build)


def stretch_before(event: Interval, events: Sequence[Interval], video: Video) -> Interval | None:
    """As long as the event where there is room: since the video's start, or the event before.

    None: there is no room, or another event lasts until this one begins.
    """
    end = event[0] - MARGIN_SECONDS
    earlier = [other for other in events if other[0] < event[0]]
    start = max([video.start_seconds, *(other[1] + MARGIN_SECONDS for other in earlier)])
    start = max(start, end - (event[1] - event[0]))
    return (start, end) if end - start >= FEWEST_SECONDS else None


def _item(dataset: Dataset, video: Video, event_id: str, stretch: Interval) -> CaptionItem:
    clip = Clip(
        id=f"{event_id}T",
        video_id=video.id,
        start_seconds=stretch[0],
        end_seconds=stretch[1],
        event_id=event_id,
        human_caption_id=None,
        provenance=_STRETCH,
    )
    return CaptionItem(
        clip=clip,
        human_caption=None,
        video_path=dataset.video_file(video),
        video_duration_seconds=video.duration_seconds,
    )


TWINS = flow.Step(TWIN_LEDGER, twin, to_twin)


def make_twins(dataset: Dataset, *, executor: Executor, options: RunOptions) -> StageReport:
    """Caption the twins that are new or stale; those whose event is gone are retired."""
    return flow.run_step(dataset, TWINS, executor=executor, options=options)


@dataclass(frozen=True)
class TwinReport:
    """What a captioner tells of an anomaly before it, and in it."""

    num_twins: int
    num_twins_with_claims: int
    num_events: int
    """Those that have a twin and a caption."""
    num_events_with_claims: int
    """Of which any caption tells of an anomaly: without it, few claims in twins mean little."""
    claims: dict[str, int]
    """Claim -> twins that make it, most first."""
    examples: tuple[tuple[str, str], ...]
    """(twin's id, its text) of the first that make any."""


_MOST_EXAMPLES = 5


def report_on_twins(dataset: Dataset) -> TwinReport:
    """Claims by the words of the category file; what a clause denies does not count."""
    index = Index(dataset)
    claims_in = DomainWords.of(load_domain(dataset.config.categories.file)).claims_in
    twins = list(index.all(Twin))
    claimed = {one.id: claims_in(one.text) for one in twins}
    clip_ids_of = Facts(index).clip_ids_of
    captions = [
        [one.text for one in index.many(Caption, clip_ids_of.get(twin.event_id, ())).values()]
        for twin in twins
    ]
    counts: dict[str, int] = {}
    for claims in claimed.values():
        for claim in claims:
            counts[claim] = counts.get(claim, 0) + 1
    telling = [one for one in twins if claimed[one.id]]
    return TwinReport(
        num_twins=len(twins),
        num_twins_with_claims=len(telling),
        num_events=sum(bool(texts) for texts in captions),
        num_events_with_claims=sum(any(map(claims_in, texts)) for texts in captions),
        claims=dict(sorted(counts.items(), key=lambda one: (-one[1], one[0]))),
        examples=tuple((one.id, one.text) for one in telling[:_MOST_EXAMPLES]),
    )
