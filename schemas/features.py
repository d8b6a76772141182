"""Features along one video: which file holds them, and which moments its rows are about."""

from typing import Self

from pydantic import Field, model_validator

from schemas.base import Id, NonEmptyText, Provenance, Record, Seconds


class FeatureTrack(Record):
    """One vector per snippet (16 frames) and crop, in a file of its own; id = the video's id.

    The file is a float16 `.npy` of shape (num_crops, num_snippets, width).
    """

    video_id: Id
    path: NonEmptyText
    """Relative to the dataset folder, with forward slashes: `features/<extractor>/<video>.npy`."""
    sha256: str = Field(min_length=64, max_length=64)
    """Of the file: what was made from it is stale when it is replaced."""
    extractor: Id
    """What made the vectors; those of two extractors never mix."""
    num_crops: int = Field(ge=1)
    num_snippets: int = Field(ge=1)
    width: int = Field(ge=1)
    snippet_starts_seconds: tuple[Seconds, ...]
    """When each snippet's first frame is shown; ascending, one per snippet."""
    end_seconds: Seconds
    """Where the last snippet ends."""
    num_frames: int = Field(ge=1)
    """Frames that the snippets are about, in all; the last snippet may have fewer than 16."""
    provenance: Provenance

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if len(self.snippet_starts_seconds) != self.num_snippets:
            raise ValueError(
                f"{len(self.snippet_starts_seconds)} starts for {self.num_snippets} snippets"
            )
        return self
