"""Clip -> Caption: the human's own words where there are any, else a captioner's."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from engine.errors import ItemError
from engine.media.decode import frames_at
from engine.media.frames import FrameRequest, distinct, evenly_spaced_times
from engine.models.chat import Captioner, CaptionRequest, Json
from engine.models.connected import check_model, close_model
from engine.prompting import fill, prompt_sha256
from engine.stage import Item
from schemas import Caption, Clip, HumanCaption, Provenance, Record


@dataclass(frozen=True)
class CaptionItem:
    """A clip, where its footage lies, and what a person said about it."""

    clip: Clip
    human_caption: HumanCaption | None
    video_path: Path | None
    """None only where there is a human caption."""
    video_duration_seconds: float


@dataclass(frozen=True)
class CaptionStage:
    """Asks a captioner about the frames of each clip. Human captions win and cost nothing."""

    captioner: Captioner
    prompt: str
    """Name of the prompt file."""
    decoder: Literal["pyav", "decord"]
    base_deadline_seconds: float
    deadline_per_video_second: float
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

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """Model, which frames it is shown, and the prompt where it is sent one."""
        is_asked = not self._provenance.is_baseline
        prompt: dict[str, Json] = {"prompt_sha256": prompt_sha256(self.prompt)} if is_asked else {}
        return prompt | {
            "version": 1,
            "model": self.captioner.name,
            "model_settings": dict(self.captioner.fingerprint_parts()),
            "num_frames": self.captioner.num_frames,
            "max_side_px": self.captioner.max_side_px,
            "decoder": self.decoder,
        }

    @property
    def _provenance(self) -> Provenance:
        return Provenance(made_by="model", name=self.captioner.name)

    def load(self, items: Sequence[Item[Any]]) -> Iterator[Item[Any] | tuple[str, ItemError]]:
        """Decode the frames of clips of one video in one pass, and prepare them."""
        waiting = {item.id: item for item in items}
        for item in items:
            if item.body.human_caption is not None:
                yield waiting.pop(item.id)
        if not waiting:
            return
        video_path = next(iter(waiting.values())).body.video_path
        clips = sorted((item.body.clip for item in waiting.values()), key=_start)
        requests = [self.frame_request(clip) for clip in clips]
        for clip_id, frames in frames_at(
            video_path, requests, max_side_px=self.captioner.max_side_px, decoder=self.decoder
        ):
            yield waiting[clip_id].with_loaded(self.captioner.prepare(distinct(frames)))

    def frame_request(self, clip: Clip) -> FrameRequest:
        """Which moments of a clip the captioner sees."""
        times_seconds = evenly_spaced_times(
            clip.start_seconds, clip.end_seconds, num_frames=self.captioner.num_frames
        )
        return FrameRequest(id=clip.id, times_seconds=times_seconds)

    def deadline_seconds(self, items: Sequence[Item[Any]]) -> float:
        """For decoding the whole video, should seeking fail."""
        longest_seconds: float = max(item.body.video_duration_seconds for item in items)
        return self.base_deadline_seconds + self.deadline_per_video_second * longest_seconds

    def request(self, item: Item[CaptionItem]) -> CaptionRequest:
        """Exactly what the captioner is asked."""
        return CaptionRequest(
            id=item.id,
            duration_seconds=item.body.clip.duration_seconds,
            prompt=fill(self.prompt, {}),
            prepared=item.loaded,
        )

    def process(self, item: Item[CaptionItem]) -> Iterable[Record]:
        """One Caption, under the clip's own id."""
        human = item.body.human_caption
        if human is not None:
            yield self._caption(item, human.text, human.provenance)
            return
        reply = self.captioner.caption(self.request(item))
        if reply.id != item.id:
            raise ItemError("id_mismatch", f"asked about {item.id}, answered about {reply.id}")
        caption = self._caption(item, reply.text, self._provenance)
        yield caption.model_copy(update={"usage": reply.usage})

    def _caption(self, item: Item[CaptionItem], text: str, provenance: Provenance) -> Caption:
        video_id = item.body.clip.video_id
        return Caption(id=item.id, video_id=video_id, text=text, provenance=provenance)


def _start(clip: Clip) -> float:
    return clip.start_seconds
