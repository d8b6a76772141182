"""The four ways to fail, and what each does to a run.

`UsageError`: a person can mend it now; nothing was done; exit 2.
`ItemError`: this item alone; it becomes a `Reject` and the run goes on.
`ServiceError`: what all items need is gone (endpoint, disk); stop, resumable; exit 3.
`TooManyRejectsError`: the run ended, but too much of it is missing; exit 4.
"""

from typing import ClassVar

from schemas.reject import RejectReason


class VauDataError(Exception):
    """Any failure whose message is meant for the person at the keyboard."""

    exit_code: ClassVar[int] = 1


class UsageError(VauDataError):
    """A setting, a flag or an input file is wrong, and the message says how to mend it."""

    exit_code = 2


class ServiceError(VauDataError):
    """Something that every item needs is gone; what is done is kept, and a re-run goes on."""

    exit_code = 3


class MixedUpError(ServiceError):
    """Replies reach other items than they are about.

    `item_ids` are the items answered since that could last be ruled out: none of it may stay.
    """

    def __init__(self, detail: str, item_ids: tuple[str, ...]) -> None:
        super().__init__(detail)
        self.item_ids = item_ids


class TooManyRejectsError(VauDataError):
    """More items were rejected than `--max-reject-rate` allows."""

    exit_code = 4


class ItemError(VauDataError):
    """One item cannot be done. `reason` is from the fixed list in `schemas.reject`."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: RejectReason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["ItemError"], tuple[RejectReason, str]]:
        return type(self), (self.reason, self.detail)


class MediaError(ItemError):
    """A file or a stretch of it cannot be decoded."""


class ReplyError(ItemError):
    """A model's reply cannot be used, or the model refused the request."""
