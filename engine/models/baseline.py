"""The embedded default: a captioner and a summarizer that need no GPU and no download.

The captioner says what classical computer vision measured, never what it guesses. The summarizer
fills templates from captions, the label and those measurements. Both are a floor to compare real
models with, and every record made with them carries their `baseline/...` name.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.media.frames import Frame
from engine.models.baseline_summary import MAX_DESCRIPTION_CHARS, STRONG_SIGNS, summarize_texts
from engine.models.chat import CaptionReply, CaptionRequest, Json, SummaryReply, SummaryRequest
from engine.models.observe import Observation, observe
from engine.models.pictures import THRESHOLDS, WORKING_SIDE_PX
from engine.models.regions import MIN_AREA_SHARE, MIN_FRAMES_SEEN, RESTLESS
from engine.models.wording import MAX_HAPPENINGS, SIGN_PHRASES, caption_text

CAPTIONER_VERSION = 1
SUMMARIZER_VERSION = 1
"""Raise by hand when what they say changes, so that records made before become stale."""


@dataclass(frozen=True)
class BaselineCaptioner:
    """Describes a clip by what was measured in its frames."""

    name: str = "baseline/captioner-1"
    num_frames: int = 16
    max_side_px: int = 320
    concurrency: int = 1

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """Version, frame settings and every threshold."""
        thresholds: dict[str, Json] = dict(sorted(THRESHOLDS.items()))
        restless: dict[str, Json] = dict(sorted(RESTLESS.items()))
        return {
            "version": CAPTIONER_VERSION,
            "num_frames": self.num_frames,
            "max_side_px": self.max_side_px,
            "working_side_px": WORKING_SIDE_PX,
            "min_area_share": MIN_AREA_SHARE,
            "min_frames_seen": MIN_FRAMES_SEEN,
            "max_happenings": MAX_HAPPENINGS,
            "thresholds": thresholds,
            "restless": restless,
        }

    def prepare(self, frames: tuple[Frame, ...]) -> Observation:
        """Measure the frames; raises ValueError when there is none."""
        return observe(frames)

    def caption(self, request: CaptionRequest) -> CaptionReply:
        """Say what was measured; the prompt plays no part."""
        if not isinstance(request.prepared, Observation):
            raise TypeError(
                f"{request.id}: caption needs what this captioner's prepare() returned, "
                f"got {type(request.prepared).__name__}"
            )
        text = caption_text(request.prepared, duration_seconds=request.duration_seconds)
        return CaptionReply(request.id, text, usage=None)


@dataclass(frozen=True)
class BaselineSummarizer:
    """Fills templates from captions, label and categories."""

    name: str = "baseline/summarizer-1"
    concurrency: int = 1

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """Version, bounds, and the signs it goes by."""
        phrases: dict[str, Json] = {str(kind): text for kind, text in SIGN_PHRASES.items()}
        return {
            "version": SUMMARIZER_VERSION,
            "max_description_chars": MAX_DESCRIPTION_CHARS,
            "strong_signs": [str(kind) for kind in STRONG_SIGNS],
            "phrases": phrases,
        }

    def summarize(self, request: SummaryRequest) -> SummaryReply:
        """Summarize one event or video; the prompt plays no part."""
        parts = summarize_texts(request)
        return SummaryReply(
            id=request.id,
            is_anomalous=parts.is_anomalous,
            judgement=parts.judgement,
            description=parts.description,
            analysis=parts.analysis,
            usage=None,
        )
