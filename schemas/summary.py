"""Summaries: judgement, description and analysis of an event or a whole video."""

from typing import Literal

from schemas.base import Id, NonEmptyText, Provenance, Record, Usage


class Summary(Record):
    """The summary of one event or video; id = that event's or video's id.

    The three parts carry HIVAU-70k's task names, in its spelling.
    """

    video_id: Id
    granularity: Literal["event", "video"]
    is_anomalous: bool | None
    """The label, or what the summarizer judged where there is none; None: could not tell."""
    text: NonEmptyText
    """All parts as one free text."""
    judgement: NonEmptyText
    description: str
    """Empty only in imported summaries that lack it."""
    analysis: str | None
    """Why it is abnormal; None for normal ones."""
    provenance: Provenance
    usage: Usage | None = None
