"""Reviews: what a person corrected. They lie over a record and never replace it."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Frozen, Id, NonEmptyText, Record, Seconds, Task


class MoveBoundaries(Frozen):
    """The person set where an event starts and ends."""

    kind: Literal["move_boundaries"] = "move_boundaries"
    start_seconds: Seconds
    end_seconds: Seconds


class Relabel(Frozen):
    """The person set whether it is abnormal, and of which categories."""

    kind: Literal["relabel"] = "relabel"
    is_anomalous: bool
    categories: tuple[str, ...]


class EditText(Frozen):
    """The person rewrote one text field; of an instruction, the answer of the task so named."""

    kind: Literal["edit_text"] = "edit_text"
    field: Literal["text", Task]
    text: NonEmptyText


class Confirm(Frozen):
    """The person looked and agreed."""

    kind: Literal["confirm"] = "confirm"


class Discard(Frozen):
    """The person took the record out of the dataset."""

    kind: Literal["discard"] = "discard"
    reason: NonEmptyText


class Withdraw(Frozen):
    """The person took the correction of the same id back; it lies over nothing any more."""

    kind: Literal["withdraw"] = "withdraw"


Correction = Annotated[
    MoveBoundaries | Relabel | EditText | Confirm | Discard | Withdraw, Field(discriminator="kind")
]


class Review(Record):
    """One correction by one person to one record; later reviews lie over earlier ones."""

    target: Literal["video", "click", "event", "clip", "caption", "summary", "instruction"]
    target_id: Id
    correction: Correction
    author: Id
    at: str
    """When, ISO 8601 in UTC."""
