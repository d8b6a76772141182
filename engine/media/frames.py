"""A decoded frame, and which times of a stretch to look at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RgbImage = NDArray[np.uint8]
"""(height, width, 3), upright."""


@dataclass(frozen=True)
class Frame:
    """One picture and when it is shown."""

    image: RgbImage
    time_seconds: float
    """Its presentation time on the container's clock."""
    is_corrupt: bool = False
    """The decoder concealed damage in it."""


@dataclass(frozen=True)
class FrameRequest:
    """Which frames one item needs: for each time, the frame that is on screen then."""

    id: str
    times_seconds: tuple[float, ...]


def evenly_spaced_times(
    start_seconds: float, end_seconds: float, *, num_frames: int
) -> tuple[float, ...]:
    """Middles of `num_frames` equal parts of `[start, end)`; ascending, none on an edge."""
    step_seconds = (end_seconds - start_seconds) / num_frames
    return tuple(start_seconds + (index + 0.5) * step_seconds for index in range(num_frames))


def distinct(frames: Sequence[Frame]) -> tuple[Frame, ...]:
    """The frames without repeats of the same moment, in order."""
    kept: dict[float, Frame] = {}
    for frame in frames:
        kept.setdefault(frame.time_seconds, frame)
    return tuple(kept.values())
