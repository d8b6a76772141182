"""The sections of `dataset.toml` that say what is asked, and what of it an export takes."""

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from engine.formats import Family, Format
from schemas.base import Task


class Section(BaseModel):
    """A part of `dataset.toml`; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class InstructSection(Section):
    """From texts to questions and answers."""

    families: tuple[Family, ...] = Field(default=("hivau",), min_length=1)
    """Which kinds a run keeps up to date and an export takes."""
    spans: Literal["events", "scores"] = "events"
    """Where `vad-llama` has its times from: events, or, as in the paper, where the score of a
    trained scorer is at least …"""
    span_score: float = Field(default=0.5, ge=0, le=1)
    """… this."""
    max_tokens: int = Field(default=1024, gt=0)
    """Of a reply, for families that a model writes. In all else it is `[summarize]`'s model."""
    mcq_tiou: float = Field(default=0.3, gt=0, le=1)
    """A wrong interval of `mcq` overlaps what is right by less."""


class SplitsSection(Section):
    """Source videos that an export sets apart; each wholly, and the same ones every time."""

    validation: float = Field(default=0.0, ge=0, lt=1)
    """Share of those that would be trained on, official training videos among them."""
    test: float = Field(default=0.0, ge=0, lt=1)
    """Share of those that nobody gave a split; none of a public data set."""


class MixSection(Section):
    """What an export takes of the training split; what is held out is always whole."""

    seed: int | None = None
    """Default: that of `[dataset]`."""
    weights: dict[str, float] = Field(default_factory=dict)
    """Family, or `family/task` -> share that is taken, 0 to 1; of what is not named, all."""
    limits: dict[str, int] = Field(default_factory=dict)
    """Family -> most instructions; `family/task` -> most answers."""

    @field_validator("weights", "limits")
    @classmethod
    def _check_keys(cls, given: dict[str, float]) -> dict[str, float]:
        known = get_args(Family)
        for key in given:
            family, is_task, task = key.partition("/")
            if family not in known or (is_task and task not in get_args(Task)):
                why = "{key} is no family, and no family/task; families: {known}"
                told = {"key": repr(key), "known": ", ".join(known)}
                raise PydanticCustomError("mix", why, told)
        return given

    @field_validator("weights")
    @classmethod
    def _check_weights(cls, given: dict[str, float]) -> dict[str, float]:
        if any(not 0 <= weight <= 1 for weight in given.values()):
            raise PydanticCustomError("mix", "a weight is a share: 0 to 1")
        return given

    @field_validator("limits")
    @classmethod
    def _check_limits(cls, given: dict[str, int]) -> dict[str, int]:
        if any(most < 0 for most in given.values()):
            raise PydanticCustomError("mix", "a limit is a number of 0 or more")
        return given


class ExportSection(Section):
    """What `run` writes at its end."""

    formats: tuple[Format, ...] = ("hivau-raw", "hivau-single")
    name: str = "draft"
    """Releases of this name are replaced by the next run; any other name is kept."""
