"""Rejects: items that a stage could not do, each with its reason."""

from typing import Literal, get_args

from schemas.base import Id, Record

RejectReason = Literal[
    "media_unreadable",
    "media_timeout",
    "media_empty",
    "media_unreachable",
    "request_too_long",
    "request_rejected",
    "engine_timeout",
    "engine_dead",
    "reply_truncated",
    "reply_empty",
    "reply_not_json",
    "reply_off_schema",
    "reply_repetitive",
    "reply_blocked",
    "id_mismatch",
    "import_mismatch",
    "features_unusable",
    "internal",
]
REJECT_REASONS: tuple[str, ...] = get_args(RejectReason)


class Reject(Record):
    """An item that failed; id `{stage}:{item_id}`. The run went on without it."""

    stage: Id
    item_id: Id
    reason: RejectReason
    detail: str
    """What was attempted and seen, and what to do next."""
    input_sha256: str
    fingerprint: str
