"""One click: a frame that a person saw to lie inside an abnormal event."""

from typing import Literal

from pydantic import Field

from schemas.base import Id, Provenance, Record, Seconds


class Click(Record):
    """The papers' single-frame annotation (GlanceVAD's glance); id `{video_id}_K{n}`."""

    video_id: Id
    time_seconds: Seconds
    frame: int | None = Field(ge=0)
    """Ordinal of the frame shown, in presentation order; None when only a time is known."""
    is_live: bool
    """True when the video was playing, so the reaction time is in it."""
    source: Literal["human", "model_accepted", "model_moved"]
    state: Literal["confirmed", "unsure", "ignored", "added_in_review"]
    author: Id
    provenance: Provenance
