"""Anomaly scores of a video -> the few frames that a model is shown (Holmes-VAU §4.1)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import UsageError

TAU = 0.1
"""Added to each score, so that calm stretches get frames too; the paper's value."""
THETA = 0.8
"""Holmes-VAD keeps frames with a score above it."""

Grid = Literal["midpoint", "official"]
Method = Literal["density", "uniform", "top_k", "threshold"]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Sampling:
    """Which frames stand for a video."""

    method: Method = "density"
    """`density`: more where scores are high (Holmes-VAU); `uniform`: evenly; `top_k`: the highest;
    `threshold`: all above `theta` (Holmes-VAD), evenly thinned where they are too many."""
    grid: Grid = "midpoint"
    """`density`: `midpoint` cuts the total of `score + tau` into equal parts and takes the middle
    of each, which is defined for all scores. `official` gives what the published code does where
    it works: its grid leaves out the first unit of the total, and calm or short videos are sampled
    evenly."""
    tau: float = TAU
    theta: float = THETA


def sample_frames(
    scores: NDArray[np.floating], num_frames: int, sampling: Sampling = Sampling()
) -> Indices:
    """(T,) scores in [0, 1] -> ascending indices into them, `num_frames` of them.

    Where T is less, frames come several times. `threshold` alone may give fewer: as many as lie
    above, and none where none does, so that a calm video is not mistaken for a sampled one.
    Raises `UsageError` where there is nothing to sample from, or a score is no number.
    """
    if not len(scores) or num_frames < 1:
        raise UsageError(f"cannot take {num_frames} frames out of {len(scores)}")
    if not np.isfinite(scores).all():
        raise UsageError(f"score {int(np.flatnonzero(~np.isfinite(scores))[0])} is no number")
    if sampling.method == "threshold":
        above = np.flatnonzero(scores > sampling.theta)
        return above if len(above) <= num_frames else above[_even(len(above), num_frames)]
    if sampling.method == "density" and sampling.grid == "official":
        return _official(scores, num_frames, sampling.tau)
    if sampling.method == "uniform" or len(scores) <= num_frames:
        return _even(len(scores), num_frames)
    if sampling.method == "top_k":
        return np.sort(np.argsort(-scores, kind="stable")[:num_frames])
    return _at_midpoints(scores, num_frames, sampling.tau)


def _at_midpoints(scores: NDArray[np.floating], num_frames: int, tau: float) -> Indices:
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
