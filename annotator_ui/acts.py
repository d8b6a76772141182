"""What a person can do on the pages: JSON from a browser in, one closed and checked `Act` out."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from schemas.base import Frozen, Id, Record, Seconds

Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""A name that the browser gave: a uuid, mostly."""
RecordId = Annotated[str, Field(min_length=1, max_length=300)]
Words = Annotated[str, Field(pattern=r"\S", max_length=20_000)]
Frame = Annotated[int, Field(ge=0, lt=2**31)]
TextField = Literal["text", "caption", "judgement", "description", "analysis"]
"""Of an instruction: the task whose answer it is."""
TextTarget = Literal["caption", "summary", "instruction"]
MarkState = Literal["confirmed", "ignored", "unsure"]
VideoStateWord = Literal["todo", "done", "unsure", "flagged", "nothing"]
MOST_RANGES = 2000


class MarkAdd(Frozen):
    """A frame inside an abnormal event."""

    op: Literal["mark.add"] = "mark.add"
    mark: Key
    frame: Frame
    time_seconds: Seconds
    is_live: bool
    speed: float = Field(default=1.0, ge=-16, le=16)
    source: Literal["human", "model_accepted", "model_moved"]
    suggestion: Key | None = None
    page: Literal["clicks", "review"] = "clicks"
    """`review`: the second round added what the first had missed."""


class MarkMove(Frozen):
    """The mark stands at another frame."""

    op: Literal["mark.move"] = "mark.move"
    mark: Key
    frame: Frame
    time_seconds: Seconds


class MarkDelete(Frozen):
    """The mark was a mistake."""

    op: Literal["mark.delete"] = "mark.delete"
    mark: Key


class MarkDecide(Frozen):
    """What a person thinks of a mark; of somebody else's, it is a review."""

    op: Literal["mark.state"] = "mark.state"
    mark: RecordId
    """Of a mark, or the id of a click that was imported."""
    state: MarkState


class SuggestionReject(Frozen):
    """Nothing abnormal at a suggested place."""

    op: Literal["suggestion.reject"] = "suggestion.reject"
    suggestion: Key


class SuggestionUnsure(Frozen):
    """The person cannot tell about a suggested place."""

    op: Literal["suggestion.unsure"] = "suggestion.unsure"
    suggestion: Key


class VideoDecide(Frozen):
    """How far the person is with a video; `nothing`: seen, no abnormal event in it."""

    op: Literal["video.state"] = "video.state"
    state: VideoStateWord


class VideoSeen(Frozen):
    """Stretches that were on the screen, in seconds."""

    op: Literal["video.seen"] = "video.seen"
    ranges: Annotated[tuple[tuple[Seconds, Seconds], ...], Field(max_length=MOST_RANGES)]


class Undo(Frozen):
    """One of the person's own acts no longer counts."""

    op: Literal["undo"] = "undo"
    uuid: Key


class Redo(Frozen):
    """It counts again."""

    op: Literal["redo"] = "redo"
    uuid: Key


class BoundarySet(Frozen):
    """Where an event starts and ends."""

    op: Literal["boundary.set"] = "boundary.set"
    event: RecordId
    start_seconds: Seconds
    end_seconds: Seconds
    start_frame: Frame | None = None
    end_frame: Frame | None = None


class BoundarySplit(Frozen):
    """One event becomes two; the act's uuid is the key of the second."""

    op: Literal["boundary.split"] = "boundary.split"
    event: RecordId
    at_seconds: Seconds


class BoundaryMerge(Frozen):
    """Two events are one, which keeps the key of the first."""

    op: Literal["boundary.merge"] = "boundary.merge"
    event: RecordId
    other: RecordId


class BoundaryConfirm(Frozen):
    """The event is right as it stands."""

    op: Literal["boundary.confirm"] = "boundary.confirm"
    event: RecordId


class BoundaryDiscard(Frozen):
    """There is no such event."""

    op: Literal["boundary.discard"] = "boundary.discard"
    event: RecordId
    reason: Words


class TextEdit(Frozen):
    """One field of a text, rewritten."""

    op: Literal["text.edit"] = "text.edit"
    target: TextTarget
    target_id: RecordId
    field: TextField
    text: Words
    base_rev: Key


class TextAccept(Frozen):
    """The text is right."""

    op: Literal["text.accept"] = "text.accept"
    target: TextTarget
    target_id: RecordId
    reason: str | None = Field(default=None, max_length=2000)
    base_rev: Key


class TextReject(Frozen):
    """The text is not to be used."""

    op: Literal["text.reject"] = "text.reject"
    target: TextTarget
    target_id: RecordId
    reason: Words
    base_rev: Key


class TextHallucinated(Frozen):
    """Characters `[start, end)` of a field speak of what is not to be seen."""

    op: Literal["text.hallucinated"] = "text.hallucinated"
    target: TextTarget
    target_id: RecordId
    field: TextField
    start: int = Field(ge=0)
    end: int = Field(gt=0)
    base_rev: Key


class Vote(Frozen):
    """Which of the anonymous answers is best in one respect."""

    op: Literal["vote"] = "vote"
    item: Key
    aspect: Literal["content_perception", "anomaly_explanatory"]
    choice: Annotated[str, Field(pattern=r"^([A-Z]|tie|none)$")]


class Play(Frozen):
    """The clip of an item was watched to its end once; voting on it is open."""

    op: Literal["play"] = "play"
    item: Key


Deed = Annotated[
    MarkAdd
    | MarkMove
    | MarkDelete
    | MarkDecide
    | SuggestionReject
    | SuggestionUnsure
    | VideoDecide
    | VideoSeen
    | Undo
    | Redo
    | BoundarySet
    | BoundarySplit
    | BoundaryMerge
    | BoundaryConfirm
    | BoundaryDiscard
    | TextEdit
    | TextAccept
    | TextReject
    | TextHallucinated
    | Vote
    | Play,
    Field(discriminator="op"),
]
BoundaryDeed = BoundarySet | BoundarySplit | BoundaryMerge | BoundaryConfirm | BoundaryDiscard
TextDeed = TextEdit | TextAccept | TextReject | TextHallucinated

DEEDS: TypeAdapter[Deed] = TypeAdapter(Deed)
KEYS: TypeAdapter[str] = TypeAdapter(Key)


class Act(Record):
    """One line of `annotations.jsonl`; its id is the uuid that the browser gave it."""

    user: Id
    video_id: Id
    at: str
    """When the server took it, ISO 8601 in UTC."""
    client_time: str | float | None = None
    """When it was done, by the browser's clock."""
    do: Deed
    extents_before: dict[str, tuple[Seconds, Seconds]] = Field(default_factory=dict)
    """Of the events that a boundary act touched, just before it."""
    text_before: str | None = None
    """Of the field that was edited or the text that was judged, just before it."""
    voted_for: tuple[Id, Id] | None = None
    """Item, and the model behind the label that was chosen (or `tie`, `none`); never told to a
    browser."""
