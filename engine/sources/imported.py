"""What reading somebody else's file gives: records per video, and what did not fit."""

from collections.abc import Iterator
from dataclasses import dataclass

from schemas import Record, Video


@dataclass(frozen=True)
class ImportedVideo:
    """What one file says about one video."""

    video_id: str
    stand_in: Video | None
    """Annotation-only video, kept only where the dataset has no video of this id."""
    records: tuple[Record, ...]
    says_all_of: tuple[type[Record], ...] = ()
    """Kinds of which the file names all that there are: if it has none, there are none."""


@dataclass(frozen=True)
class UnfitVideo:
    """A video whose entry cannot be used; it becomes a `Reject`, the rest is imported."""

    video_id: str
    detail: str


Imported = Iterator[ImportedVideo | UnfitVideo]
