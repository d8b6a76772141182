"""Anomaly-focused temporal sampling (Holmes-VAU §4.1): more frames where scores are high."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import UsageError

TAU = 0.1
"""Added to each score, so that calm stretches get frames too; the paper's value."""

Grid = Literal["midpoint", "official"]
Indices = NDArray[np.int64]


def sample_frames(
    scores: NDArray[np.floating], num_frames: int, *, grid: Grid = "midpoint", tau: float = TAU
) -> Indices:
    """(T,) scores in [0, 1] -> (num_frames,) ascending indices into them.

    `midpoint` cuts the total of `score + tau` into equal parts and takes the middle of each; it
    is defined for all scores. `official` gives what the published code does where it works: its
    grid leaves out the first unit of the total, and calm or short videos are sampled evenly.
    Raises `UsageError` where there is nothing to sample from, or a score is no number.
    """
    if not len(scores) or num_frames < 1:
        raise UsageError(f"cannot take {num_frames} frames out of {len(scores)}")
    if not np.isfinite(scores).all():
        raise UsageError(f"score {int(np.flatnonzero(~np.isfinite(scores))[0])} is no number")
    if grid == "official":
        return _official(scores, num_frames, tau)
    if len(scores) <= num_frames:
        return _even(len(scores), num_frames)
    mass = np.cumsum(scores.astype(np.float64) + tau)
    if mass[-1] <= 0:
        return _even(len(scores), num_frames)
    places = (np.arange(num_frames) + 0.5) / num_frames * mass[-1]
    found: Indices = np.minimum(np.searchsorted(mass, places, side="right"), len(scores) - 1)
    return found


def _even(length: int, num_frames: int) -> Indices:
    return np.rint(np.linspace(0, length - 1, num_frames)).astype(np.int64)


def _official(scores: NDArray[np.floating], num_frames: int, tau: float) -> Indices:
    length = len(scores)
    if length <= num_frames or scores.sum() < 1:
        return _even(length, num_frames)
    mass = np.append(0.0, np.cumsum(scores.astype(np.float64) + tau))
    places = np.linspace(1, np.round(mass[-1]), num_frames)
    found = np.interp(places, mass, np.arange(length + 1))
    # Past the end the published code extrapolates along the last piece.
    beyond = places > mass[-1]
    found[beyond] = length + (places[beyond] - mass[-1]) / (mass[-1] - mass[-2])
    clipped: Indices = np.clip(found.astype(np.int64), 0, length - 1)
    return clipped
