"""Small captioners, summarizers and requests for tests against the fake server."""

from typing import Any

import numpy as np
import orjson

from engine.media.frames import Frame
from engine.models.chat import CaptionRequest, SummaryRequest
from engine.models.openai_chat import OpenAiCaptioner, OpenAiSummarizer
from engine.models.openai_settings import OpenAiSettings

CLIP_ID = "Abuse001_x264_E0C1"
EVENT_ID = "Abuse001_x264_E0"


def some_settings(*urls: str, **changes: Any) -> OpenAiSettings:
    """Settings with short pauses."""
    chosen: dict[str, Any] = {
        "model": "tiny",
        "endpoints": urls or ("http://127.0.0.1:9/v1",),
        "timeout_seconds": 5.0,
        "max_retries": 2,
        "patience_seconds": 1.0,
        "first_pause_seconds": 0.02,
        "concurrency": 8,
    }
    return OpenAiSettings(**(chosen | changes))


def a_captioner(*urls: str, **changes: Any) -> OpenAiCaptioner:
    return OpenAiCaptioner(some_settings(*urls, **changes))


def a_summarizer(*urls: str, **changes: Any) -> OpenAiSummarizer:
    return OpenAiSummarizer(some_settings(*urls, **changes))


def frames_of(*levels: int, first_seconds: float = 2.0) -> tuple[Frame, ...]:
    """Plain gray frames of 48×32 px, half a second apart."""
    return tuple(
        Frame(np.full((32, 48, 3), level, dtype=np.uint8), first_seconds + index / 2)
        for index, level in enumerate(levels)
    )


def a_clip_request(
    captioner: OpenAiCaptioner, *, id: str = CLIP_ID, frames: tuple[Frame, ...] | None = None
) -> CaptionRequest:
    prepared = captioner.prepare(frames or frames_of(50, 200))
    return CaptionRequest(id, 2.0, "Describe the clip.", prepared)


def an_event_request(*, is_anomalous: bool | None = True) -> SummaryRequest:
    return SummaryRequest(
        id=EVENT_ID,
        granularity="event",
        prompt="Summarize: a man falls.",
        texts=("A man falls.",),
        is_anomalous=is_anomalous,
        categories=("Abuse",) if is_anomalous else (),
    )


def a_summary_json(**changes: Any) -> str:
    parts = {
        "judgement": "There is abuse.",
        "description": "A man pushes another man to the floor.",
        "analysis": "Pushing a person is violence.",
        "is_anomalous": True,
    }
    return orjson.dumps(parts | changes).decode()
