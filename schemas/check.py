"""Spot checks: what people say of answers drawn from a dataset, in rounds that have an aim."""

from typing import Literal

from pydantic import Field

from schemas.base import Id, Record

CheckReason = Literal["label", "time", "invented", "missed", "question", "language", "other"]


class CheckRound(Record):
    """One round of spot checks; id = its number, from 1. Its aim is fixed at its start."""

    at_most: float = Field(gt=0, lt=1)
    """The share of wrong answers that is to be ruled out."""
    confidence: float = Field(gt=0, lt=1)
    seed: int
    at: str
    """When it began, ISO 8601 in UTC."""


class SpotCheck(Record):
    """What a person says of one answer; id `{round}:{item_id}`, the newest counts."""

    round_id: Id
    item_id: Id
    """`{instruction id}:{number of the turn}`."""
    video_id: Id
    segment_id: Id
    answer_sha256: str = Field(min_length=64, max_length=64)
    """Of the stretch, the question and the answer that the person saw."""
    verdict: Literal["right", "wrong", "unsure"]
    reason: CheckReason | None
    """Why it is wrong; None where it is not."""
    author: Id
    at: str
    """When, ISO 8601 in UTC."""
