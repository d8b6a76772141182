"""The ground every record stands on: frozen, closed, and honest about who made it."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

Id = Annotated[str, Field(min_length=1)]
NonEmptyText = Annotated[str, Field(pattern=r"\S")]
"""Text with something in it besides white space."""
Seconds = FiniteFloat
"""Seconds on the video's presentation timeline: the container's clock, so 0 need not be first."""

Split = Literal["train", "validation", "test"]
Granularity = Literal["clip", "event", "video"]
QuestionKind = Literal[
    "detection",
    "classification",
    "subject",
    "object",
    "action",
    "scene",
    "attribute",
    "sequence",
    "cause",
    "effect",
    "severity",
    "response",
]
"""What the family `question-types` asks for."""
Task = Literal[
    "caption",
    "judgement",
    "description",
    "analysis",
    "grounding",
    "question",
    "spatial",
    "reasoning",
    "mcq",
    QuestionKind,
]
"""Flat to `get_args`, which readers of published files list."""


class Frozen(BaseModel):
    """A value that never changes and has no unknown parts."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Provenance(Frozen):
    """Who made a record: a person, a model or a plain rule. The ledger has the settings."""

    made_by: Literal["human", "model", "rule"]
    name: Id
    """What exactly: `baseline/captioner-1`, `openai/llava-next`, `uca`, `rule/clip-uniform`."""

    @property
    def is_baseline(self) -> bool:
        """Whether the embedded classical models made it."""
        return self.name.startswith("baseline/")


class Usage(Frozen):
    """What one model call cost."""

    prompt_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    seconds: float = Field(ge=0)


class Record(Frozen):
    """A fact with an id, stored as one JSON line.

    Fields that say what is true come first; `provenance` and what follows it say how it came to
    be and take no part in deciding whether anything downstream is stale.
    """

    id: Id


class Span(Record):
    """A record about the stretch `[start_seconds, end_seconds)` of one video."""

    video_id: Id
    start_seconds: Seconds
    end_seconds: Seconds

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.end_seconds < self.start_seconds:
            raise ValueError(f"ends at {self.end_seconds} s, starts at {self.start_seconds} s")
        return self

    @property
    def duration_seconds(self) -> float:
        """Length of the stretch."""
        return self.end_seconds - self.start_seconds
