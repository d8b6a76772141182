"""Masks of what differs from the still background -> moving regions followed through a clip."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]
Side = Literal["left", "center", "right"]
Depth = Literal["near", "middle", "far"]
Direction = Literal["left", "right", "towards", "away", "in_place"]

MIN_AREA_SHARE = 0.0014
"""Smaller regions are noise or the digits of a time stamp; a share of the picture."""
MAX_REGIONS_PER_FRAME = 12
MIN_FRAMES_SEEN = 3
_FAST_WIDTHS_PER_SECOND = 0.30
_UPRIGHT_RATIO = 1.35
RESTLESS = {"frames_share": 0.55, "reach": 0.20, "path": 0.15, "path_by_reach": 2.2, "area": 0.2}
"""A restless region: seen that often, within that reach, on that long a path, changing that much.

Set on the demo corpus, where the scuffles show 2.9 to 3.4 as path by reach, and others up to 2.0.
"""
_LINK_REACH = 0.22
"""A region is looked for within this share of the picture's width of where it is expected."""


@dataclass(frozen=True)
class Blob:
    """One connected region of one frame; lengths are shares of the picture's width or height."""

    frame: int
    x: float
    y: float
    foot: float
    """Its lowest edge, 0 at the top of the picture .. 1 at the bottom."""
    area: float
    ratio: float
    """Height by width, in pixels."""
    box: tuple[float, float, float, float]
    """Left, top, right, bottom."""


@dataclass(frozen=True)
class Region:
    """A moving region followed through several frames; times count from the first frame."""

    start_seconds: float
    end_seconds: float
    first_side: Side
    last_side: Side
    depth: Depth
    direction: Direction
    size: Literal["small", "medium-sized", "large"]
    is_upright: bool
    is_fast: bool
    weight: float
    """Area times frames: which region matters most."""


@dataclass(frozen=True)
class Meeting:
    """Two regions that were apart and then are one."""

    frame: int
    side: Side
    speed: float
    """Of the faster one just before, widths per second."""


def find_blobs(mask: Mask, *, frame: int) -> list[Blob]:
    """Connected regions of the mask, largest first; none smaller than `MIN_AREA_SHARE`."""
    height, width = mask.shape
    count, _, stats, centres = cv2.connectedComponentsWithStats(mask, connectivity=8)
    blobs = []
    for label in range(1, count):
        left, top, wide, high, pixels = (int(value) for value in stats[label])
        if pixels < max(3.0, MIN_AREA_SHARE * mask.size):
            continue
        box = (left / width, top / height, (left + wide) / width, (top + high) / height)
        x, y = centres[label][0] / width, centres[label][1] / height
        blobs.append(Blob(frame, x, y, box[3], pixels / mask.size, high / wide, box))
    return sorted(blobs, key=lambda blob: -blob.area)[:MAX_REGIONS_PER_FRAME]


def follow(blobs: Sequence[Sequence[Blob]]) -> list[list[Blob]]:
    """Blobs per frame -> chains of blobs that are one region, by nearest expected place."""
    chains: list[list[Blob]] = []
    for found in blobs:
        free = list(found)
        for chain in sorted(chains, key=lambda chain: -len(chain)):
            if not free or not found or chain[-1].frame < found[0].frame - 2:
                continue
            best = min(free, key=lambda blob: _mismatch(chain, blob))
            if _mismatch(chain, best) < _LINK_REACH:
                chain.append(best)
                free.remove(best)
        chains += [[blob] for blob in free]
    return chains


def describe_region(chain: Sequence[Blob], times: Sequence[float]) -> Region:
    """A chain of blobs as a region, with times from the frames they were seen in."""
    first, last = chain[0], chain[-1]
    start, end = times[first.frame], times[last.frame]
    path = path_length(chain)
    area = float(np.median([blob.area for blob in chain]))
    return Region(
        start_seconds=start,
        end_seconds=end,
        first_side=side_of(first.x),
        last_side=side_of(last.x),
        depth=_depth(float(np.median([blob.foot for blob in chain]))),
        direction=_direction(chain),
        size="small" if area < 0.008 else "medium-sized" if area < 0.04 else "large",
        is_upright=float(np.median([blob.ratio for blob in chain])) >= _UPRIGHT_RATIO,
        is_fast=path > _FAST_WIDTHS_PER_SECOND * max(end - start, 0.2),
        weight=sum(blob.area for blob in chain),
    )


def find_meetings(chains: Sequence[Sequence[Blob]], times: Sequence[float]) -> list[Meeting]:
    """Where a region that was followed ends inside another one that goes on and grows by it.

    Both must have been apart and coming closer; regions that only cross at the edge of the
    picture, or that were seen once, do not count.
    """
    meetings = []
    for ended in chains:
        last = ended[-1]
        if len(ended) < 2 or last.frame + 1 >= len(times) or is_at_edge(last):
            continue
        for other in chains:
            after = next((blob for blob in other if blob.frame == last.frame + 1), None)
            before = next((blob for blob in other if blob.frame == last.frame), None)
            if after is None or before is None or other is ended:
                continue
            apart = _distance(ended[-2], _at_or_first(other, ended[-2].frame))
            if (
                _contains(after, last)
                and after.area > before.area
                and apart > _distance(last, before)
            ):
                speed = max(_speed(ended, times), _speed([before, after], times))
                meetings.append(Meeting(last.frame + 1, side_of(after.x), speed))
                break
    return meetings


def is_restless(chain: Sequence[Blob], *, num_frames: int) -> bool:
    """Whether a region changes outline and place quickly, but stays about where it is."""
    if len(chain) < max(5, RESTLESS["frames_share"] * num_frames):
        return False
    if float(np.median([blob.area for blob in chain])) < 4 * MIN_AREA_SHARE:
        return False
    reach = float(np.hypot(np.ptp([blob.x for blob in chain]), np.ptp([blob.y for blob in chain])))
    path = path_length(chain)
    change = float(np.mean([abs(np.log(b.area / a.area)) for a, b in pairwise(chain)]))
    is_local = reach < RESTLESS["reach"] and path > RESTLESS["path_by_reach"] * reach
    return is_local and path > RESTLESS["path"] and change > RESTLESS["area"]


def path_length(chain: Sequence[Blob]) -> float:
    """How far a region went in all, in picture widths."""
    return sum(_distance(before, after) for before, after in pairwise(chain))


def side_of(x: float) -> Side:
    """Third of the picture's width."""
    return "left" if x < 0.36 else "right" if x > 0.64 else "center"


def _depth(foot: float) -> Depth:
    return "far" if foot < 0.42 else "near" if foot > 0.75 else "middle"


def _direction(chain: Sequence[Blob]) -> Direction:
    first, last = chain[0], chain[-1]
    across, down = last.x - first.x, last.y - first.y
    growth = (last.area / first.area) ** 0.5
    if abs(across) > 0.14 and abs(across) > 0.7 * abs(down):
        return "right" if across > 0 else "left"
    if down > 0.06 and growth > 1.15:
        return "towards"
    if down < -0.06 and growth < 0.87:
        return "away"
    if abs(across) > 0.10:
        return "right" if across > 0 else "left"
    return "in_place"


def _mismatch(chain: Sequence[Blob], blob: Blob) -> float:
    last = chain[-1]
    x, y = last.x, last.y
    if len(chain) > 1:
        share = (blob.frame - last.frame) / (last.frame - chain[-2].frame)
        x += (last.x - chain[-2].x) * share
        y += (last.y - chain[-2].y) * share
    off = float(np.hypot(blob.x - x, blob.y - y))
    return off + 0.05 * abs(float(np.log(blob.area / last.area)))


def _distance(one: Blob, other: Blob) -> float:
    return float(np.hypot(one.x - other.x, one.y - other.y))


def _at_or_first(chain: Sequence[Blob], frame: int) -> Blob:
    return next((blob for blob in chain if blob.frame == frame), chain[0])


def _contains(outer: Blob, inner: Blob) -> bool:
    left, top, right, bottom = outer.box
    return left - 0.04 <= inner.x <= right + 0.04 and top - 0.05 <= inner.y <= bottom + 0.05


def is_at_edge(blob: Blob) -> bool:
    """Whether it touches the picture's edge, and so may be leaving."""
    return blob.box[0] < 0.02 or blob.box[2] > 0.98 or blob.box[1] < 0.02 or blob.box[3] > 0.98


def _speed(chain: Sequence[Blob], times: Sequence[float]) -> float:
    if len(chain) < 2:
        return 0.0
    seconds = times[chain[-1].frame] - times[chain[-2].frame]
    return _distance(chain[-1], chain[-2]) / max(seconds, 0.04)
