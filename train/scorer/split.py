"""Which videos a scorer learns from and which choose its best checkpoint; by source video."""

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.base import Split

VALIDATION_SHARE = 0.15
_LEAST_SOURCES = 4
"""With fewer of a kind none is held out."""
_CUT = re.compile(r"(?<=_x264)_.*$|__#.*$")
"""What follows the source's name in the id of a cut: UCF-Crime's and XD-Violence's way."""


class Labelled(Protocol):
    """A video that somebody called normal or abnormal."""

    @property
    def id(self) -> str:
        """The video's."""
        ...

    @property
    def split(self) -> Split | None:
        """As the dataset says."""
        ...

    @property
    def is_abnormal(self) -> bool:
        """What it was called."""
        ...


@dataclass(frozen=True)
class Parts:
    """Ids of videos; those of the test set are in neither."""

    train: frozenset[str]
    validation: frozenset[str]


def source_of(video_id: str) -> str:
    """The video that a cut was taken from; all cuts of one go to the same part.

    `Bad.Boys.1995__#01-11-55_01-12-40_label_G-B2-B6` -> `Bad.Boys.1995`.
    """
    return _CUT.sub("", video_id)


def divide(videos: Sequence[Labelled], *, share: float = VALIDATION_SHARE) -> Parts:
    """The dataset's own validation split where it has one, else a share of the training sources.

    Held-out sources are those whose names hash lowest, of normal and of abnormal ones the same
    share: they do not change with the seed, the order, or other videos' labels.
    """
    pool = [video for video in videos if video.split != "test"]
    given = {video.id for video in pool if video.split == "validation"}
    if not given:
        held_out = _held_out([video for video in pool if video.is_abnormal], share)
        held_out |= _held_out([video for video in pool if not video.is_abnormal], share)
        given = {video.id for video in pool if source_of(video.id) in held_out}
    return Parts(train=frozenset(video.id for video in pool) - given, validation=frozenset(given))


def _held_out(videos: Sequence[Labelled], share: float) -> set[str]:
    sources = sorted({source_of(video.id) for video in videos}, key=_hash)
    if len(sources) < _LEAST_SOURCES:
        return set()
    return set(sources[: math.ceil(share * len(sources))])


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
