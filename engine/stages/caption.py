"""Clip -> Caption: the human's own words where there are any, else a captioner's.

A canary (`engine/identity.py`) passes through as a clip does, but for its pictures and its prompt.
What is said about it is no Caption, so that none can come to lie among the captions.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from engine.errors import ItemError
from engine.media.decode import frames_at
from engine.media.frames import Frame, FrameRequest, distinct, evenly_spaced_times
from engine.media.remote import VideoFile, at_hand, fetch_deadline_seconds
from engine.models.canary import CANARY_PROMPT, SECONDS_PER_FRAME, canary_frames, code_of
from engine.models.chat import Captioner, CaptionReply, CaptionRequest, Json
from engine.models.connected import check_model, close_model, vitals_of
from engine.progress import Vitals
from engine.prompting import fill, prompt_sha256
from engine.stage import Item
from schemas import Caption, Clip, HumanCaption, Provenance, Record


@dataclass(frozen=True)
class CaptionItem:
    """A clip, where its footage lies, and what a person said about it."""

    clip: Clip
    human_caption: HumanCaption | None
    video_path: VideoFile | None
    """None only where there is a human caption."""
    video_duration_seconds: float
    is_anomalous: bool | None = None
    categories: tuple[str, ...] = ()
    """The event's label: what `hint` tells the captioner."""


class CanaryReply(Record):
    """What a captioner said about a canary; id = the canary's id. Never stored with captions."""

    text: str
    endpoint: str | None
    """Where it was said; None: the captioner does not tell."""
    is_named: bool
    """Whether the server repeated the request's id."""
    seconds: float
    """From asking to the reply."""


@dataclass(frozen=True)
class CaptionStage:
    """Asks a captioner about the frames of each clip. Human captions win and cost nothing."""

    captioner: Captioner
    prompt: str
    """Name of the prompt file."""
    decoder: Literal["pyav", "decord"]
    base_deadline_seconds: float
    deadline_per_video_second: float
    hint: Literal["none", "category"] = "none"
    """Whether the prompt tells the event's label; Holmes-VAU's does not."""
    name: ClassVar[str] = "caption"
    writes: ClassVar[type[Record]] = Caption

    @property
    def concurrency(self) -> int:
        """As much as the captioner takes."""
        return self.captioner.concurrency

    def check(self) -> None:
        """Ask the captioner's endpoint whether it can be used; the baseline always can."""
        check_model(self.captioner)

    def close(self) -> None:
        """Let the captioner's connections go."""
        close_model(self.captioner)

    def vitals(self) -> Vitals | None:
        """How the captioner's servers are."""
        return vitals_of(self.captioner)

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """Model, which frames it is shown, and the prompt where it is sent one."""
        return self._prompt_parts() | {
            "version": 1,
            "model": self.captioner.name,
            "model_settings": dict(self.captioner.fingerprint_parts()),
            "num_frames": self.captioner.num_frames,
            "max_side_px": self.captioner.max_side_px,
            "decoder": self.decoder,
        }

    def _prompt_parts(self) -> dict[str, Json]:
        if self._provenance.is_baseline:
            return {}
        parts: dict[str, Json] = {"prompt_sha256": prompt_sha256(self.prompt)}
        if self.hint == "category":
            names = [f"{self.prompt}.{variant}" for variant in ("abnormal", "normal")]
            parts["hint_prompts_sha256"] = {name: prompt_sha256(name) for name in names}
        return parts

    @property
    def _provenance(self) -> Provenance:
        return Provenance(made_by="model", name=self.captioner.name)

    def load(self, items: Sequence[Item[Any]]) -> Iterator[Item[Any] | tuple[str, ItemError]]:
        """Decode the frames of clips of one video in one pass, and prepare them."""
        waiting = {item.id: item for item in items}
        for item in items:
            if code := code_of(item.id):
                yield waiting.pop(item.id).with_loaded(self.captioner.prepare(self._frames(code)))
            elif item.body.human_caption is not None:
                yield waiting.pop(item.id)
        if not waiting:
            return
        clips = sorted((item.body.clip for item in waiting.values()), key=_start)
        requests = [self.frame_request(clip) for clip in clips]
        with at_hand(next(iter(waiting.values())).body.video_path) as path:
            for clip_id, frames in frames_at(
                path, requests, max_side_px=self.captioner.max_side_px, decoder=self.decoder
            ):
                yield waiting[clip_id].with_loaded(self.captioner.prepare(distinct(frames)))

    def _frames(self, code: str) -> tuple[Frame, ...]:
        captioner = self.captioner
        return canary_frames(
            code, num_frames=captioner.num_frames, max_side_px=captioner.max_side_px
        )

    def frame_request(self, clip: Clip) -> FrameRequest:
        """Which moments of a clip the captioner sees."""
        times_seconds = evenly_spaced_times(
            clip.start_seconds, clip.end_seconds, num_frames=self.captioner.num_frames
        )
        return FrameRequest(id=clip.id, times_seconds=times_seconds)

    def deadline_seconds(self, items: Sequence[Item[Any]]) -> float:
        """For decoding the whole video, should seeking fail."""
        longest_seconds: float = max(item.body.video_duration_seconds for item in items)
        fetch_seconds = max(fetch_deadline_seconds(item.body.video_path) for item in items)
        reading_seconds = self.deadline_per_video_second * longest_seconds
        return self.base_deadline_seconds + reading_seconds + fetch_seconds

    def request(self, item: Item[CaptionItem]) -> CaptionRequest:
        """Exactly what the captioner is asked."""
        return CaptionRequest(
            id=item.id,
            duration_seconds=item.body.clip.duration_seconds,
            prompt=fill(*self._prompt_and_values(item)),
            prepared=item.loaded,
        )

    def _prompt_and_values(self, item: Item[CaptionItem]) -> tuple[str, dict[str, str]]:
        body = item.body
        if code_of(item.id):
            return CANARY_PROMPT, {}
        if self.hint == "none" or body.is_anomalous is None:
            return self.prompt, {}
        if not body.is_anomalous:
            return f"{self.prompt}.normal", {}
        return f"{self.prompt}.abnormal", {"categories": ", ".join(body.categories) or "unknown"}

    def process(self, item: Item[CaptionItem]) -> Iterable[Record]:
        """One Caption, under the clip's own id; for a canary, one CanaryReply."""
        human = item.body.human_caption
        if human is not None:
            yield self._caption(item, human.text, human.provenance)
            return
        asked_at = time.monotonic()
        reply = self.ask(item)
        if code_of(item.id):
            yield CanaryReply(
                id=item.id,
                text=reply.text,
                endpoint=reply.endpoint,
                is_named=reply.is_named,
                seconds=time.monotonic() - asked_at,
            )
            return
        caption = self._caption(item, reply.text, self._provenance)
        yield caption.model_copy(update={"usage": reply.usage})

    def ask(self, item: Item[CaptionItem]) -> CaptionReply:
        """What the captioner says. Raises `ItemError("id_mismatch")` where it names another."""
        reply = self.captioner.caption(self.request(item))
        if reply.id != item.id:
            raise ItemError("id_mismatch", f"asked about {item.id}, answered about {reply.id}")
        return reply

    def _caption(self, item: Item[CaptionItem], text: str, provenance: Provenance) -> Caption:
        video_id = item.body.clip.video_id
        return Caption(id=item.id, video_id=video_id, text=text, provenance=provenance)


def canary_item(canary_id: str, *, num_frames: int) -> CaptionItem:
    """A canary as an item: a clip of no video."""
    clip = Clip(
        id=canary_id,
        video_id=canary_id,
        start_seconds=0.0,
        end_seconds=num_frames * SECONDS_PER_FRAME,
        event_id=canary_id,
        human_caption_id=None,
        provenance=Provenance(made_by="rule", name="rule/canary"),
    )
    return CaptionItem(clip, human_caption=None, video_path=None, video_duration_seconds=0.0)


def _start(clip: Clip) -> float:
    return clip.start_seconds
