"""Twins: quiet footage captioned as an abnormal event's is, to see what a captioner makes up."""

from schemas.base import Id, NonEmptyText, Provenance, Span, Usage


class Twin(Span):
    """The stretch before an abnormal event, and its caption; id `{event_id}T`.

    Nothing is exported of it: it measures the captioner and is no part of the dataset.
    """

    event_id: Id
    text: NonEmptyText
    provenance: Provenance
    usage: Usage | None = None
    """None where the captioner counts no tokens."""
