"""Laying people's corrections over records."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from engine.errors import UsageError
from schemas import Record, Review
from schemas.review import EditText, MoveBoundaries, Relabel

AnyRecord = TypeVar("AnyRecord", bound=Record)


def lay_over(record: AnyRecord, reviews: Sequence[Review]) -> AnyRecord:
    """The record as people corrected it, later corrections over earlier ones.

    Raises `UsageError` where a correction names a field that the record does not have.
    """
    if not reviews:
        return record
    fields = record.model_dump()
    for review in reviews:
        changes = _changes(review)
        unknown = sorted(set(changes) - set(fields))
        if unknown:
            raise UsageError(
                f"review {review.id} changes {', '.join(unknown)} of {review.target} "
                f"{review.target_id}, which has no such field; mend it in reviews.jsonl"
            )
        fields.update(changes)
        if "is_confirmed" in fields:
            fields["is_confirmed"] = True
    return type(record).model_validate(fields)


def _changes(review: Review) -> Mapping[str, object]:
    correction = review.correction
    if isinstance(correction, MoveBoundaries):
        return {
            "start_seconds": correction.start_seconds,
            "end_seconds": correction.end_seconds,
        }
    if isinstance(correction, Relabel):
        return {"is_anomalous": correction.is_anomalous, "categories": correction.categories}
    if isinstance(correction, EditText):
        return {correction.field: correction.text}
    return {}
