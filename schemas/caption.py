"""Captions: what is seen in a clip, said by a model or by a person."""

from schemas.base import Id, NonEmptyText, Provenance, Record, Span, Usage


class HumanCaption(Span):
    """A sentence that a person wrote about a stretch of video (UCA); id `{video_id}_H{n}`."""

    text: NonEmptyText
    provenance: Provenance


class Caption(Record):
    """The caption of one clip; id = the clip's id, so it cannot belong to another."""

    video_id: Id
    text: NonEmptyText
    provenance: Provenance
    usage: Usage | None = None
    """None for human captions and for models that count no tokens."""
