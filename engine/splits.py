"""Videos -> the split each is exported under: an official one stays, the others are drawn.

All videos of one source (a file under two names, cuts of a video, scenes of a film) are drawn
together. A draw depends on the seed and the source's name alone, so that a dataset that grows
moves no video from one split to another.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from engine.draws import draw_of
from engine.exporters.leakage import source_name
from engine.sources.manifest import SOURCES
from schemas import Video
from schemas.base import Split

_STRICTEST: tuple[Split, ...] = ("test", "validation", "train")


class Shares(Protocol):
    """Of the source videos, those that are set apart; `[splits]` in `dataset.toml`."""

    @property
    def validation(self) -> float:
        """Of those that would be trained on."""
        ...

    @property
    def test(self) -> float:
        """Of those that nobody gave a split."""
        ...


def assign_splits(videos: Iterable[Video], shares: Shares, *, seed: int) -> dict[str, Split]:
    """Video id -> split, of videos whose split changes; empty where nothing is set apart.

    A source of which a part is official for testing is never trained on in another part that
    nobody gave a split. What is official for training may be drawn for validation, and never for
    testing; nor may footage of a public data set whose lists are absent: it may be training
    footage to everybody else.
    """
    if not (shares.validation or shares.test):
        return {}
    assigned: dict[str, Split] = {}
    for name, group in _by_source(list(videos)):
        split = _split_of(name, group, shares, seed=seed)
        for video in group:
            is_moved = video.split is None or (video.split == "train" and split == "validation")
            if is_moved and video.split != split:
                assigned[video.id] = split
    return assigned


def _split_of(name: str, group: Sequence[Video], shares: Shares, *, seed: int) -> Split:
    """Of the videos of one source that have none, or are for training."""
    given = {video.split for video in group}
    for split in _STRICTEST[:2]:
        if split in given:
            return split
    is_ours = given == {None} and not any(video.source in SOURCES for video in group)
    if is_ours and draw_of(seed, "test", name) < shares.test:
        return "test"
    return "validation" if draw_of(seed, "validation", name) < shares.validation else "train"


def _by_source(videos: Sequence[Video]) -> Iterator[tuple[str, list[Video]]]:
    """(its first name, its videos): those that share a name or a file, directly or by others."""
    keys_of = {video.id: _keys(video) for video in videos}
    ids_of: Mapping[str, list[str]] = defaultdict(list)
    for video_id, keys in keys_of.items():
        for key in keys:
            ids_of[key].append(video_id)
    by_id = {video.id: video for video in videos}
    while by_id:
        found = _connected(next(iter(by_id)), keys_of, ids_of)
        name = min(keys_of[video_id][0] for video_id in found)
        yield name, [by_id.pop(video_id) for video_id in sorted(found)]


def _connected(
    first: str, keys_of: Mapping[str, tuple[str, ...]], ids_of: Mapping[str, list[str]]
) -> set[str]:
    found, waiting = {first}, [first]
    while waiting:
        for key in keys_of[waiting.pop()]:
            new = set(ids_of[key]) - found
            found |= new
            waiting += new
    return found


def _keys(video: Video) -> tuple[str, ...]:
    """By what it is known to be of a source: its name without marks of cuts, its file's bytes."""
    name = f"{video.source}/{source_name(video)}"
    return (name,) if video.media is None else (name, video.media.sha256)
