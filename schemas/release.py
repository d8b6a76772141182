"""A release: exported files, and what they were made of."""

from pydantic import Field

from schemas.base import Frozen, Id, NonEmptyText


class ReleaseFile(Frozen):
    """One exported file."""

    path: NonEmptyText
    """Relative to the release folder."""
    format: NonEmptyText
    num_rows: int = Field(ge=0)
    size_bytes: int = Field(ge=0)
    sha256: NonEmptyText


class Release(Frozen):
    """The contents of `release.json`; the same records always give the same bytes."""

    name: Id
    vau_data_version: NonEmptyText
    files: tuple[ReleaseFile, ...]
    num_videos: int = Field(ge=0)
    num_events: int = Field(ge=0)
    num_clips: int = Field(ge=0)
    num_instructions: int = Field(ge=0)
    makers: dict[str, dict[str, int]]
    """Per record file, how many records each model, rule or person made."""
    fingerprints: dict[str, tuple[str, ...]]
    """Per stage, the fingerprints its records were made under."""
    num_rejects: dict[str, int]
    """Per stage, how many items are missing because they were rejected."""
    unsettled: dict[str, int | None] = Field(default_factory=dict)
    """Per step, how many items were to be done or retired, or waited; None: could not be told."""
    mixed: dict[str, tuple[int, int]] = Field(default_factory=dict)
    """Per family of which `[mix]` left answers for training out: those taken, and all."""
