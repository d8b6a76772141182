"""Event -> Clips: by human captions' intervals, in equal parts, or in parts of random length."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from engine.ids import Interval, allot_ids, to_milliseconds
from engine.models.chat import Json
from engine.proposals import split_random, split_uniform
from engine.stage import Item
from schemas import Clip, Event, HumanCaption, Provenance, Record

Cut = tuple[Interval, str | None]
"""An interval and the human caption it was taken from."""

_SHORTEST_SECONDS = 0.1
"""What is left of a human caption's interval at an event's edge must be at least this long."""

_ROUNDING_SECONDS = 0.001
"""A clip may reach past its event by this much: ends were once rounded without a look at it."""


@dataclass(frozen=True)
class ClipItem:
    """An event with all that bears on its division."""

    event: Event
    human_captions: tuple[HumanCaption, ...]
    """Those of its video that overlap it, in order of time."""
    earlier: tuple[Clip, ...]
    """Clips it ever had, so that equal stretches keep their ids."""
    pinned_ids: frozenset[str]
    """Clips that a person reviewed, or whose captions one edited: kept as they are."""
    next_number: int


@dataclass(frozen=True)
class ClipStage:
    """Divides events. The method `auto` follows human captions where they give any clip."""

    method: Literal["auto", "uniform", "random", "human"]
    target_seconds: float
    min_seconds: float
    max_seconds: float
    seed: int
    name: ClassVar[str] = "clip"
    writes: ClassVar[type[Record]] = Clip
    concurrency: ClassVar[int] = 1

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """Only what the chosen method looks at."""
        parts: dict[str, Json] = {"version": 2, "method": self.method}
        if self.method in ("auto", "uniform"):
            parts["target_seconds"] = self.target_seconds
        if self.method == "random":
            parts |= {"min": self.min_seconds, "max": self.max_seconds, "seed": self.seed}
        return parts

    def process(self, item: Item[ClipItem]) -> Iterable[Record]:
        """The event's clips in order of time."""
        body = item.body
        all_cuts = self._cuts(body)
        live_ids = {caption.id for caption in body.human_captions}
        pinned = [
            clip if clip.human_caption_id in live_ids else _captioned_anew(clip, all_cuts)
            for clip in body.earlier
            if clip.id in body.pinned_ids and is_inside(clip, body.event)
        ]
        cuts = [cut for cut in all_cuts if not _is_covered(cut[0], pinned)]
        ids = allot_ids(
            [interval for interval, _ in cuts],
            prefix=f"{body.event.id}C",
            known={(clip.start_seconds, clip.end_seconds): clip.id for clip in body.earlier},
            next_number=body.next_number,
        )
        made = [
            self._clip(body.event, cut, clip_id) for cut, clip_id in zip(cuts, ids, strict=True)
        ]
        return sorted([*pinned, *made], key=lambda clip: (clip.start_seconds, clip.end_seconds))

    def _cuts(self, body: ClipItem) -> list[Cut]:
        event = body.event
        human = _human_cuts(event, body.human_captions)
        if self.method == "human" or (self.method == "auto" and human):
            return human
        if self.method == "random":
            parts = split_random(
                event.start_seconds,
                event.end_seconds,
                seed=f"{self.seed}/{event.id}",
                min_seconds=self.min_seconds,
                max_seconds=self.max_seconds,
            )
        else:
            parts = split_uniform(
                event.start_seconds, event.end_seconds, target_seconds=self.target_seconds
            )
        return [(_tidy(part, event), None) for part in parts]

    def _clip(self, event: Event, cut: Cut, clip_id: str) -> Clip:
        (start_seconds, end_seconds), human_caption_id = cut
        method = "human-captions" if human_caption_id else self.method.replace("auto", "uniform")
        return Clip(
            id=clip_id,
            video_id=event.video_id,
            start_seconds=start_seconds,
            end_seconds=end_seconds,
            event_id=event.id,
            human_caption_id=human_caption_id,
            provenance=Provenance(made_by="rule", name=f"rule/clip-{method}"),
        )


def is_inside(clip: Clip, event: Event) -> bool:
    """Whether a clip lies within the event as it is now; if not, it cannot be kept."""
    return (
        clip.start_seconds >= event.start_seconds - _ROUNDING_SECONDS
        and clip.end_seconds <= event.end_seconds + _ROUNDING_SECONDS
    )


def _human_cuts(event: Event, captions: Iterable[HumanCaption]) -> list[Cut]:
    """Captions' intervals cut to the event on both sides (HIVAU-70k cut only the start)."""
    cuts: dict[Interval, str] = {}
    for caption in captions:
        start_seconds = max(caption.start_seconds, event.start_seconds)
        end_seconds = min(caption.end_seconds, event.end_seconds)
        if end_seconds - start_seconds >= _SHORTEST_SECONDS:
            cuts.setdefault(_tidy((start_seconds, end_seconds), event), caption.id)
    return sorted(cuts.items())


def _tidy(interval: Interval, event: Event) -> Interval:
    """To milliseconds, but never past the event's own ends, which need not be whole ones."""
    start_seconds = max(event.start_seconds, to_milliseconds(interval[0]))
    return start_seconds, min(event.end_seconds, to_milliseconds(interval[1]))


def _captioned_anew(clip: Clip, cuts: Iterable[Cut]) -> Clip:
    """A kept clip with what people now say of the very same stretch, which may be nothing."""
    human_id = dict(cuts).get((clip.start_seconds, clip.end_seconds))
    return clip.model_copy(update={"human_caption_id": human_id})


def _is_covered(interval: Interval, pinned: Iterable[Clip]) -> bool:
    """Whether a clip that a person touched covers more than half of this stretch."""
    start_seconds, end_seconds = interval
    covered_seconds = sum(
        max(0.0, min(end_seconds, clip.end_seconds) - max(start_seconds, clip.start_seconds))
        for clip in pinned
    )
    return covered_seconds > (end_seconds - start_seconds) / 2
