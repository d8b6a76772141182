"""Anomaly scores along one video."""

from typing import Self

from pydantic import model_validator

from schemas.base import Id, Provenance, Record, Seconds


class ScoreTrack(Record):
    """One score in [0, 1] per snippet (16 frames); id = the video's id."""

    video_id: Id
    snippet_starts_seconds: tuple[Seconds, ...]
    """When each snippet's first frame is shown; ascending, one per score."""
    end_seconds: Seconds
    """Where the last snippet ends."""
    scores: tuple[float, ...]
    provenance: Provenance

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if len(self.scores) != len(self.snippet_starts_seconds):
            raise ValueError(
                f"{len(self.scores)} scores for {len(self.snippet_starts_seconds)} snippets"
            )
        return self
