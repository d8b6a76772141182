"""An event: a stretch of a video that is one thing happening."""

from typing import Literal

from schemas.base import Provenance, Span


class Event(Span):
    """A proposed or confirmed event; id `{video_id}_E{n}`, given once and never reused."""

    is_anomalous: bool | None
    """None: the video has no label; the summarizer judges."""
    categories: tuple[str, ...]
    origin: Literal["click", "score", "normal_sample", "whole_video", "human"]
    is_confirmed: bool
    """False: a proposal that no person has confirmed."""
    click_ids: tuple[str, ...]
    """The clicks it was grown from; empty otherwise."""
    provenance: Provenance
