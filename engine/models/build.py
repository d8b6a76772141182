"""A section of `dataset.toml` -> the captioner or summarizer it names."""

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.config import (
    BASELINE,
    AuditSection,
    CaptionSection,
    ModelSection,
    SummarizeSection,
)
from engine.models.chat import Captioner, Summarizer

if TYPE_CHECKING:
    from engine.models.openai_forms import OpenAiWriter
    from engine.models.openai_settings import OpenAiSettings

CONCURRENCY_PER_ENDPOINT = 64
"""Fills a 7B model on one GPU: 64 clips of 8 frames take 45 GiB of its cache for keys and values.
What is too much for a server waits there, and costs nothing but its pictures' memory here."""


def build_captioner(section: CaptionSection) -> Captioner:
    """`baseline`, or any other name at an OpenAI-compatible endpoint."""
    if section.model == BASELINE:
        from engine.models.baseline import BaselineCaptioner

        return BaselineCaptioner()
    from engine.models.openai_chat import OpenAiCaptioner

    settings = replace(
        _connection(section),
        video_format=section.video_format,
        num_frames=section.num_frames,
        max_side_px=section.max_side_px,
        jpeg_quality=section.jpeg_quality,
    )
    return OpenAiCaptioner(settings)


def build_summarizer(section: SummarizeSection) -> Summarizer:
    """`baseline`, or any other name at an OpenAI-compatible endpoint."""
    if section.model == BASELINE:
        from engine.models.baseline import BaselineSummarizer

        return BaselineSummarizer()
    from engine.models.openai_chat import OpenAiSummarizer

    settings = _connection(section)
    return OpenAiSummarizer(replace(settings, structured_output=section.structured_output))


def build_writer(section: SummarizeSection, *, max_tokens: int) -> "OpenAiWriter | None":
    """The summarizer's model, for forms of any kind; None: it is the baseline, which fills none."""
    if section.model == BASELINE:
        return None
    from engine.models.openai_forms import OpenAiWriter

    settings = replace(_connection(section), max_tokens=max_tokens)
    return OpenAiWriter(replace(settings, structured_output=section.structured_output))


def judge_settings(section: AuditSection) -> "OpenAiSettings | None":
    """How the judge of an audit is reached; None: rules do its work."""
    if section.model == BASELINE:
        return None
    return replace(_connection(section), structured_output=section.structured_output)


def _connection(section: ModelSection) -> "OpenAiSettings":
    from engine.models.openai_settings import OpenAiSettings

    from_environment = os.environ.get("OPENAI_BASE_URL", "")
    endpoints = section.endpoints or tuple(filter(None, [from_environment]))
    return OpenAiSettings(
        model=section.model,
        endpoints=endpoints,
        revision=section.revision,
        temperature=section.temperature,
        max_tokens=section.max_tokens,
        seed=section.seed,
        extra_body=section.extra_body,
        max_tokens_field=section.max_tokens_field,
        api_key_env=section.api_key_env,
        timeout_seconds=section.timeout_seconds,
        max_retries=section.max_retries,
        patience_seconds=section.patience_seconds,
        concurrency=section.concurrency or CONCURRENCY_PER_ENDPOINT * max(1, len(endpoints)),
    )
