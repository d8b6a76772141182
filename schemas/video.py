"""A source video: its label, its split, and what the media doctor found."""

from typing import Literal

from pydantic import Field

from schemas.base import Frozen, Id, NonEmptyText, Provenance, Record, Seconds, Split

ProblemCode = Literal[
    "duration_mismatch",
    "variable_rate",
    "damaged_frames",
    "edit_list",
    "hidden_frames",
    "rotated",
    "offset_start",
    "audio_undecodable",
    "near_duplicate_times",
    "single_frame",
]


class MediaProblem(Frozen):
    """Something about a file that a person should know; the file is kept."""

    code: ProblemCode
    detail: str
    hint: str


class Media(Frozen):
    """A playable file as decoding it showed it, not as its header claims."""

    path: NonEmptyText
    """Relative to `[videos] path`, with forward slashes."""
    size_bytes: int = Field(ge=0)
    sha256: str = Field(min_length=64, max_length=64)
    """Of the file: what was made from its pictures is stale when it is replaced."""
    container: str
    codec: str
    width_px: int = Field(gt=0)
    height_px: int = Field(gt=0)
    rotation_degrees: Literal[0, 90, 180, 270]
    """Clockwise turn that shows the picture upright; decoding applies it."""
    is_variable_rate: bool
    has_audio: bool
    health: Literal["ok", "degraded"]
    problems: tuple[MediaProblem, ...]


class Video(Record):
    """An untrimmed video, id = its file stem where that is unique."""

    source: Id
    """`folder`, `ucf-crime` or `xd-violence`; names the dataset folder in exports."""
    split: Split | None
    """None: nobody said. Always decided by the source video."""
    is_anomalous: bool | None
    """None: nobody said; the summarizer judges."""
    categories: tuple[str, ...]
    """Human labels; empty for normal and for unlabelled videos."""
    start_seconds: Seconds
    end_seconds: Seconds
    num_frames: int = Field(ge=0)
    fps: float = Field(gt=0)
    """Average rate, for formats that ask for one; times are never computed from it."""
    media: Media | None
    """None: annotations without the file."""
    provenance: Provenance

    @property
    def duration_seconds(self) -> float:
        """Length on the presentation timeline."""
        return self.end_seconds - self.start_seconds
