"""Findings: what an audit of the texts suspects. They change and drop nothing."""

from typing import Literal

from schemas.base import Id, NonEmptyText, Provenance, Record


class Finding(Record):
    """One suspicion of one text; id `{rule}:{target}:{target_id}`, with `:{part}` where it has one.

    Unlike a reject, the record it is about stays as it is, and in the dataset.
    """

    rule: Id
    """A key of `engine.quality.rules.RULES`."""
    target: Literal["video", "event", "clip", "caption", "summary", "instruction"]
    target_id: Id
    part: str | None
    """A task of an instruction; None: all of the record."""
    video_id: Id
    segment_id: Id
    """The clip, event or video that the text is about."""
    detail: NonEmptyText
    """The values seen."""
    provenance: Provenance
