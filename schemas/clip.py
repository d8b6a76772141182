"""A clip: the part of an event that one caption describes. No file is cut for it."""

from schemas.base import Id, Provenance, Span


class Clip(Span):
    """A stretch of an event; id `{event_id}C{n}`, given once and never reused."""

    event_id: Id
    human_caption_id: str | None
    """The human caption whose interval this clip took; None when the clip was cut by rule."""
    provenance: Provenance
