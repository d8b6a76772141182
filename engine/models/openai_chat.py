"""A captioner and a summarizer behind any OpenAI-compatible endpoint (vLLM, SGLang, llama.cpp …).

Frames and filled prompts in, checked replies out. Both are made from `OpenAiSettings` alone,
can be pickled (the decoding processes need `prepare`), and connect on first use.
"""

from collections.abc import Mapping

from engine.media.frames import Frame
from engine.models.chat import CaptionReply, CaptionRequest, Json, SummaryReply, SummaryRequest
from engine.models.forms import REPAIR_PROMPT
from engine.models.openai_check import check_models
from engine.models.openai_forms import LazyClient, OpenAiWriter
from engine.models.openai_media import (
    TICKS_PER_SECOND,
    EncodeFrame,
    PreparedClip,
    as_base64,
    as_note,
    media_io_kwargs,
    media_parts,
    prepare_clip,
)
from engine.models.openai_settings import OpenAiSettings
from engine.models.openai_summary import SUMMARY_FORM, SUMMARY_SCHEMA_SHA256
from engine.models.replies import check_repetition, checked_text, total_usage
from engine.progress import Vitals
from engine.prompting import prompt_sha256

CAPTIONER_VERSION = 1
SUMMARIZER_VERSION = 1
"""Raised by hand when what is sent, or how a reply is read, changes."""


class OpenAiCaptioner:
    """Describes clips from their frames; implements `Captioner`.

    The reply is free text: constraining a small captioner costs it words.
    """

    def __init__(self, settings: OpenAiSettings) -> None:
        self.settings = settings
        self._lazy = LazyClient(settings)

    @property
    def name(self) -> str:
        """`openai/<model>`."""
        return self.settings.name

    @property
    def num_frames(self) -> int:
        """How many frames of a clip it looks at."""
        return self.settings.num_frames

    @property
    def max_side_px(self) -> int:
        """The longer side of the frames it sends, at most."""
        return self.settings.max_side_px

    @property
    def concurrency(self) -> int:
        """How many requests may be under way at once, over all endpoints."""
        return self.settings.concurrency

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """All that changes what it says. Not endpoints, timeouts, retries or concurrency."""
        return self.settings.sampling_parts() | {
            "captioner_version": CAPTIONER_VERSION,
            "video_format": self.settings.video_format,
            "num_frames": self.settings.num_frames,
            "max_side_px": self.settings.max_side_px,
            "jpeg_quality": self.settings.jpeg_quality,
            "ticks_per_second": TICKS_PER_SECOND,
        }

    def check(self) -> None:
        """Ask every endpoint whether it serves the model.

        Raises `UsageError` with what is served, `ServiceError` where nothing answers.
        """
        check_models(self._lazy.reopened(), self.settings)

    def prepare(self, frames: tuple[Frame, ...]) -> PreparedClip:
        """Encode frames as JPEG, without repeats of the same moment; no network."""
        return prepare_clip(
            frames, max_side_px=self.settings.max_side_px, jpeg_quality=self.settings.jpeg_quality
        )

    def messages(self, request: CaptionRequest) -> list[Json]:
        """What would be sent, each picture replaced by a note of its size and time."""
        return self._messages(request, as_note)

    def body(self, request: CaptionRequest) -> dict[str, Json]:
        """All that is sent, pictures included."""
        body = self.settings.sampling_fields() | {"messages": self._messages(request, as_base64)}
        if self.settings.video_format == "video_url":
            body["media_io_kwargs"] = media_io_kwargs(
                _prepared(request), duration_seconds=request.duration_seconds
            )
        return body

    def caption(self, request: CaptionRequest) -> CaptionReply:
        """Describe one clip. Raises `ReplyError` for this clip, `ServiceError` for all."""
        done = self._lazy.get().complete(request.id, self.body(request))
        text = checked_text(done.reply, request.id, max_tokens=self.settings.max_tokens)
        check_repetition(text, request.id)
        usage = total_usage([(done.reply.usage, done.seconds)])
        return CaptionReply(request.id, text, usage, endpoint=done.url, is_named=done.is_named)

    def close(self) -> None:
        """Break off what is under way, which raises `ServiceError`; `check` opens anew."""
        self._lazy.close()

    def vitals(self) -> Vitals:
        """How the endpoints are."""
        return self._lazy.get().vitals()

    def _messages(self, request: CaptionRequest, encode: EncodeFrame) -> list[Json]:
        parts = media_parts(
            _prepared(request), video_format=self.settings.video_format, encode=encode
        )
        return [{"role": "user", "content": [*parts, {"type": "text", "text": request.prompt}]}]


class OpenAiSummarizer:
    """Judges, describes and explains segments from texts; implements `Summarizer`.

    Replies are held to a JSON schema by the server and validated here. What the model judged is
    returned as it is, also where it contradicts the label; but a segment that is normal by its
    label, or by the model's judgement where there is no label, has no analysis: one that the
    model gave is dropped.
    """

    def __init__(self, settings: OpenAiSettings) -> None:
        self.settings = settings
        self._writer = OpenAiWriter(settings)

    @property
    def name(self) -> str:
        """`openai/<model>`."""
        return self.settings.name

    @property
    def concurrency(self) -> int:
        """How many requests may be under way at once, over all endpoints."""
        return self.settings.concurrency

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """All that changes what it says. Not endpoints, timeouts, retries or concurrency."""
        return self.settings.sampling_parts() | {
            "summarizer_version": SUMMARIZER_VERSION,
            "structured_output": self.settings.structured_output,
            "schema_sha256": SUMMARY_SCHEMA_SHA256,
            "repair_prompt_sha256": prompt_sha256(REPAIR_PROMPT),
        }

    def check(self) -> None:
        """Ask every endpoint whether it serves the model and enforces the schema.

        Raises `UsageError` where it does not, `ServiceError` where nothing answers.
        """
        self._writer.check()

    def body(self, request: SummaryRequest) -> dict[str, Json]:
        """All that is sent."""
        return self._writer.body(request.prompt, SUMMARY_FORM)

    def summarize(self, request: SummaryRequest) -> SummaryReply:
        """Summarize one segment. Raises `ReplyError` for this one, `ServiceError` for all.

        A reply of the wrong form is shown to the model once more, with what is wrong about it.
        """
        parts, usage = self._writer.write(request.id, request.prompt, SUMMARY_FORM)
        judged = parts.is_anomalous if request.is_anomalous is None else request.is_anomalous
        return SummaryReply(
            id=request.id,
            is_anomalous=parts.is_anomalous,
            judgement=parts.judgement,
            description=parts.description,
            analysis=parts.analysis if judged else None,
            usage=usage,
        )

    def close(self) -> None:
        """Break off what is under way, which raises `ServiceError`; `check` opens anew."""
        self._writer.close()

    def vitals(self) -> Vitals:
        """How the endpoints are."""
        return self._writer.vitals()


def _prepared(request: CaptionRequest) -> PreparedClip:
    if not isinstance(request.prepared, PreparedClip):
        raise TypeError(
            f"{request.id}: prepared is a {type(request.prepared).__name__}; it must come from "
            "this captioner's own prepare()"
        )
    return request.prepared
