"""Laying people's corrections over records."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from engine.errors import UsageError
from schemas import Record, Review
from schemas.review import EditText, MoveBoundaries, Relabel

AnyRecord = TypeVar("AnyRecord", bound=Record)

_PARTS_OF_A_SUMMARY = ("judgement", "description", "analysis")


def lay_over(record: AnyRecord, reviews: Sequence[Review]) -> AnyRecord:
    """The record as people corrected it, later corrections over earlier ones.

    The whole text of a summary follows its parts, so that an edited part reaches what is made
    of the text. Raises `UsageError` where a correction does not fit the record.
    """
    if not reviews:
        return record
    fields = record.model_dump()
    for review in reviews:
        changes = _changes(review, fields)
        unknown = sorted(set(changes) - set(fields))
        if unknown:
            raise UsageError(
                f"review {review.id} changes {', '.join(unknown)} of {review.target} "
                f"{review.target_id}, which has no such field; mend it in reviews.jsonl"
            )
        fields.update(changes)
        if "is_confirmed" in fields:
            fields["is_confirmed"] = True
    try:
        return type(record).model_validate(fields)
    except ValidationError as error:
        told = ", ".join(review.id for review in reviews)
        raise UsageError(
            f"the reviews {told} make {record.id} impossible ({error.errors()[0]['msg']}); mend "
            "them in reviews.jsonl"
        ) from error


def _changes(review: Review, fields: Mapping[str, object]) -> Mapping[str, object]:
    correction = review.correction
    if isinstance(correction, MoveBoundaries):
        return {
            "start_seconds": correction.start_seconds,
            "end_seconds": correction.end_seconds,
        }
    if isinstance(correction, Relabel):
        return {"is_anomalous": correction.is_anomalous, "categories": correction.categories}
    if isinstance(correction, EditText) and "turns" in fields:
        return {"turns": _answered(review, fields["turns"], correction)}
    if isinstance(correction, EditText):
        changes: dict[str, object] = {correction.field: correction.text}
        if correction.field in _PARTS_OF_A_SUMMARY:
            parts = [{**fields, **changes}.get(name) for name in _PARTS_OF_A_SUMMARY]
            changes["text"] = " ".join(str(part) for part in parts if part)
        return changes
    return {}


def _answered(review: Review, turns: Any, correction: EditText) -> tuple[object, ...]:
    """The turns with the person's answer; a question that is not asked any more stays unasked.

    Raises `UsageError` where several questions are of the task: each has an answer of its own.
    """
    num_asked = sum(turn["task"] == correction.field for turn in turns)
    if num_asked > 1:
        raise UsageError(
            f"review {review.id} rewrites the answer of task {correction.field} in "
            f"{review.target_id}, which has {num_asked} of them; discard that instruction instead, "
            "or mend the text that it was made from"
        )
    return tuple(
        {**turn, "answer": correction.text} if turn["task"] == correction.field else turn
        for turn in turns
    )
