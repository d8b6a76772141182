"""Videos -> source videos that would stand in two splits, by name and by the bytes of their files.

A split is decided by the source video. Two records may be of one source: the same file under two
names, or a cut of a video (`X_270_451`, Holmes-VAD's naming; `X_E0`, HIVAU-70k's) beside it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from engine.errors import UsageError
from schemas import Video

_CUT = re.compile(r"(_E\d+(C\d+)?|_\d+_\d+)$")
_MOST_SHOWN = 10


class Leak(NamedTuple):
    """Videos of one source in more than one split."""

    why: str
    split_of: dict[str, str]
    """Video id -> its split in the release."""


def find_leaks(videos: Iterable[Video]) -> list[Leak]:
    """Every source that is in two splits, by file first, then by name."""
    by_bytes: dict[str, dict[str, str]] = defaultdict(dict)
    by_name: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    ids = set[str]()
    for video in videos:
        split = video.split or "train"
        ids.add(video.id)
        if video.media is not None:
            by_bytes[video.media.sha256][video.id] = split
        by_name[video.source, _CUT.sub("", video.id)][video.id] = split
    leaks = [Leak("have the same file", found) for found in by_bytes.values() if _is_leak(found)]
    leaks += [
        Leak(f"are cuts of {name}", found)
        for (source, name), found in by_name.items()
        if _is_leak(found) and (name in ids or source == "ucf-crime")
    ]
    return leaks


def source_name(video: Video) -> str:
    """What a video is a cut or a scene of, as far as its name tells; else its own id."""
    film, mark, _ = video.id.partition("__#")
    is_scene = video.source == "xd-violence" and mark
    return film if is_scene else _CUT.sub("", video.id)


def films_in_two_splits(videos: Iterable[Video]) -> int:
    """How many films of XD-Violence are cut into several splits, as its official lists have it.

    185 of the 448 films and uploads of its test list are in its training list, too (counted on
    the lists of names, 2026-11-21); that is known of the data set, and no fault of a release.
    """
    splits: dict[str, set[str]] = defaultdict(set)
    for video in videos:
        film, mark, _ = video.id.partition("__#")
        if video.source == "xd-violence" and mark:
            splits[film].add(video.split or "train")
    return sum(len(found) > 1 for found in splits.values())


def _is_leak(split_of: dict[str, str]) -> bool:
    return len(set(split_of.values())) > 1


def refuse_leaks(videos: Iterable[Video]) -> None:
    """Raises `UsageError` naming the videos where a source is in two splits."""
    leaks = find_leaks(videos)
    if not leaks:
        return
    told = [
        f"{', '.join(f'{id_} ({split})' for id_, split in leak.split_of.items())} {leak.why}"
        for leak in leaks[:_MOST_SHOWN]
    ]
    more = f"; and {len(leaks) - _MOST_SHOWN:,} more" if len(leaks) > _MOST_SHOWN else ""
    raise UsageError(
        f"source videos stand in two splits: {'; '.join(told)}{more}; give them one split in the "
        "csv that `[videos] labels` names, or discard one of each"
    )
