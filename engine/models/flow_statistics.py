"""Two grey frames and the time between them in, numbers about the movement out.

Movement is dense optical flow, less that of the camera (its median), in pixels of a frame 320 wide
and per 1/25 s, so that neither size nor rate of a video changes what a number means.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.models.pictures import Grey

STATISTICS_SIDE_PX = 80
"""Flow is measured on the whole frame and averaged to this size before it is counted."""
CUT_SHARE = 0.6
"""When more of the picture than this changes at once, and movement does not explain it, it is
another picture: nothing moved."""
_CHANGED_LEVELS = 10.0
_SLOWEST, _FASTEST = 0.25, 16.0
_NUM_BINS = 8
_EDGES = np.geomspace(_SLOWEST, _FASTEST, _NUM_BINS - 1)
_NORMAL_RATE = 25.0
_LONGEST_GAP_SECONDS = 0.2
_SHORTEST_GAP_SECONDS = 1 / 60
SCALARS = (
    *("speed_mean", "speed_median", "speed_p90", "speed_p99", "speed_std", "camera_speed"),
    *("surge_mean", "surge_p99", "spread_mean", "curl_mean", "boundary_p95", "changed_share"),
    *("busiest_share", "brightness_jump", "direction_entropy", "moving_share", "stretch"),
)
NUM_HISTOGRAMS = 4 * _NUM_BINS
"""Speeds, surges, directions, directions of motion boundaries: shares, 8 bins each."""
NUM_CELLS = 16

Series = NDArray[np.float32]
Vectors = NDArray[np.float32]


class Pair(NamedTuple):
    """What happened between two frames."""

    scalars: Series
    """(len(SCALARS),), as named there; speeds as log(1 + speed)."""
    histograms: Series
    """(NUM_HISTOGRAMS,)"""
    cells: Series
    """(NUM_CELLS,) mean speed in each cell of a 4 × 4 grid, by rows."""
    speed: Grey | None
    """(h, w) speeds, to see how the next pair differs; None after a cut."""
    is_cut: bool


@dataclass(frozen=True)
class _Movement:
    flow: Vectors
    """(h, w, 2), the camera's taken off."""
    speed: Grey
    camera_speed: float


def new_flow() -> cv2.DISOpticalFlow:
    """Holds working memory for frames of one size; not to be shared between threads."""
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)


def pair_statistics(
    frames: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    *,
    gap_seconds: float,
    last_speed: Grey | None,
    flow: cv2.DISOpticalFlow,
) -> Pair:
    """All numbers about two grey frames of one size, shown `gap_seconds` apart."""
    small = [_small(frame).astype(np.float32) for frame in frames]
    changed, jump = _change(small[0], small[1])
    found = np.asarray(flow.calc(*frames, None), np.float32)  # type: ignore[call-overload]
    if float(changed.mean()) > CUT_SHARE and _is_unexplained(frames, found):
        return _nothing(jump)
    moved = _movement(found, gap_seconds)
    usable = (
        last_speed if last_speed is not None and last_speed.shape == moved.speed.shape else None
    )
    surge = np.zeros_like(moved.speed) if usable is None else np.abs(moved.speed - usable)
    boundary = _gradients(moved.speed)
    directions = _directions(moved.flow, moved.speed)
    scalars = np.array(
        [
            *_speeds(moved),
            *np.log1p([surge.mean(), np.percentile(surge, 99)]),
            *_deformation(moved.flow),
            np.log1p(np.percentile(np.hypot(boundary[..., 0], boundary[..., 1]), 95)),
            changed.mean(),
            _busiest(changed),
            jump / 32.0,
            _entropy(directions),
            (moved.speed > 2 * _SLOWEST).mean(),
            _stretch(moved.speed),
        ],
        dtype=np.float32,
    )
    histograms = [
        *(_shares(moved.speed), _shares(surge), directions),
        _directions(boundary, np.hypot(boundary[..., 0], boundary[..., 1])),
    ]
    cells = cv2.resize(moved.speed, (4, 4), interpolation=cv2.INTER_AREA).ravel()
    joined = np.concatenate(histograms).astype(np.float32)
    return Pair(scalars, joined, np.asarray(cells, np.float32), moved.speed, is_cut=False)


def _nothing(jump: float) -> Pair:
    scalars = np.zeros(len(SCALARS), np.float32)
    scalars[SCALARS.index("brightness_jump")] = jump / 32.0
    return Pair(
        scalars,
        np.zeros(NUM_HISTOGRAMS, np.float32),
        np.zeros(NUM_CELLS, np.float32),
        speed=None,
        is_cut=True,
    )


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = min(1.0, STATISTICS_SIDE_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _change(before: Grey, after: Grey) -> tuple[Grey, float]:
    """Where the picture changed (0 or 1), and by how many levels its brightness jumped."""
    difference = after - before
    offset = float(np.median(difference))
    changed = (np.abs(difference - offset) > _CHANGED_LEVELS).astype(np.float32)
    return changed, abs(float(difference.mean()))


def _is_unexplained(frames: tuple[NDArray[np.uint8], NDArray[np.uint8]], flow: Vectors) -> bool:
    """Whether the later frame, moved back along the flow, still is another picture."""
    before, after = frames
    rows, columns = np.indices(before.shape, dtype=np.float32)
    back = cv2.remap(after, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)
    small = [_small(one).astype(np.float32) for one in (before, np.asarray(back, np.uint8))]
    return float(_change(small[0], small[1])[0].mean()) > CUT_SHARE


def _movement(found: Vectors, gap_seconds: float) -> _Movement:
    height, width = found.shape[:2]
    gap = min(max(gap_seconds, _SHORTEST_GAP_SECONDS), _LONGEST_GAP_SECONDS)
    unit = 320.0 / max(height, width) / (gap * _NORMAL_RATE)
    scale = min(1.0, STATISTICS_SIDE_PX / max(height, width))
    size = max(4, round(width * scale)), max(4, round(height * scale))
    averaged = cv2.resize(found, size, interpolation=cv2.INTER_AREA) * np.float32(unit)
    camera = np.median(averaged.reshape(-1, 2), axis=0)
    own = np.asarray(averaged - camera, np.float32)
    return _Movement(own, np.hypot(own[..., 0], own[..., 1]), float(np.hypot(*camera)))


def _speeds(moved: _Movement) -> list[float]:
    median, p90, p99 = np.percentile(moved.speed, (50, 90, 99))
    speeds = (moved.speed.mean(), median, p90, p99, moved.speed.std(), moved.camera_speed)
    return [float(np.log1p(speed)) for speed in speeds]


def _gradients(values: Grey) -> Vectors:
    across = cv2.Sobel(values, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(values, cv2.CV_32F, 0, 1, scale=1 / 8)
    return np.asarray(np.dstack([across, down]), np.float32)


def _deformation(flow: Vectors) -> list[float]:
    """How much the movement spreads out and turns, on the average."""
    across, down = _gradients(flow[..., 0]), _gradients(flow[..., 1])
    spread = np.abs(across[..., 0] + down[..., 1]).mean()
    curl = np.abs(down[..., 0] - across[..., 1]).mean()
    return [float(np.log1p(spread)), float(np.log1p(curl))]


def _directions(vectors: Vectors, weights: Grey) -> Series:
    """Shares of the weight that point in each of 8 directions; all 0 where nothing moves."""
    angles = np.arctan2(vectors[..., 1], vectors[..., 0])
    bins = np.floor((angles + np.pi) / (2 * np.pi) * _NUM_BINS).astype(np.int64) % _NUM_BINS
    heavy = np.where(weights > _SLOWEST / 4, weights, 0)
    sums = np.bincount(bins.ravel(), weights=heavy.ravel(), minlength=_NUM_BINS)
    return np.asarray(sums / max(float(sums.sum()), 1e-6), np.float32)


def _entropy(shares: Series) -> float:
    """0: all one way, 1: evenly all ways."""
    some = shares[shares > 0]
    return float(-(some * np.log(some)).sum() / np.log(_NUM_BINS)) if some.size else 0.0


def _shares(values: Grey) -> Series:
    """Shares of the picture in each of 8 classes of speed."""
    counts = np.bincount(np.searchsorted(_EDGES, values.ravel()), minlength=_NUM_BINS)
    return np.asarray(counts / values.size, np.float32)


def _busiest(changed: Grey) -> float:
    blocks = np.sort(cv2.resize(changed, (16, 9), interpolation=cv2.INTER_AREA).ravel())
    return float(blocks[-4:].mean())


def _stretch(speed: Grey) -> float:
    """How far from each other the moving places lie, as a share of the picture's size."""
    total = float(speed.sum())
    if total <= 0:
        return 0.0
    rows = np.linspace(0, 1, speed.shape[0], dtype=np.float32)[:, None]
    columns = np.linspace(0, 1, speed.shape[1], dtype=np.float32)[None, :]
    spreads = [
        float((speed * (axis - (speed * axis).sum() / total) ** 2).sum() / total)
        for axis in (rows, columns)
    ]
    return float(np.sqrt(sum(spreads)))
