"""Where an actor is at each moment, from a few key points."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.demo.vehicles import Placement

_STEP_SECONDS = 0.04
Key = tuple[float, float, float]
"""Time in seconds, x and z in metres."""


@dataclass(frozen=True)
class Track:
    """A path through key points; the actor is on stage from the first key to the last."""

    keys: tuple[Key, ...]
    ease_seconds: float = 0.6
    """Corners and stops are rounded over this long."""
    headings: tuple[tuple[float, float], ...] = ()
    """Fixed headings (time, radians), interpolated; empty: it faces the way it moves."""

    def is_on_stage(self, time_seconds: float) -> bool:
        """Whether there is anything to draw."""
        return self.keys[0][0] <= time_seconds <= self.keys[-1][0]

    def placement(self, time_seconds: float) -> Placement:
        """Where it is and which way it faces."""
        times, x, z, heading, _ = self._sampled
        return Placement(
            x=float(np.interp(time_seconds, times, x)),
            z=float(np.interp(time_seconds, times, z)),
            heading=float(np.interp(time_seconds, times, heading)),
        )

    def distance_and_speed(self, time_seconds: float) -> tuple[float, float]:
        """Metres covered so far, and metres per second now."""
        times, _, _, _, distance = self._sampled
        here = float(np.interp(time_seconds, times, distance))
        before = float(np.interp(time_seconds - 0.2, times, distance))
        return here, (here - before) / 0.2

    @cached_property
    def _sampled(self) -> tuple[NDArray[np.float64], ...]:
        """Times, x, z, heading and distance on a fine grid."""
        keys = np.array(self.keys)
        times = np.arange(keys[0, 0], keys[-1, 0] + _STEP_SECONDS, _STEP_SECONDS)
        x = self._eased(np.interp(times, keys[:, 0], keys[:, 1]))
        z = self._eased(np.interp(times, keys[:, 0], keys[:, 2]))
        steps = np.hypot(np.diff(x, prepend=x[0]), np.diff(z, prepend=z[0]))
        if self.headings:
            fixed = np.array(self.headings)
            heading = np.interp(times, fixed[:, 0], fixed[:, 1])
        else:
            heading = _heading_of_motion(x, z)
        return times, x, z, heading, np.cumsum(steps)

    def _eased(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        width = max(1, round(self.ease_seconds / _STEP_SECONDS)) | 1
        if width < 3 or len(values) < 3:
            return values
        reach = width // 2
        slope_start, slope_end = values[1] - values[0], values[-1] - values[-2]
        lead = values[0] - slope_start * np.arange(reach, 0, -1)
        tail = values[-1] + slope_end * np.arange(1, reach + 1)
        padded = np.concatenate([lead, values, tail])
        return np.convolve(padded, np.ones(width) / width, mode="valid")


def _heading_of_motion(x: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    dx, dz = np.gradient(x), np.gradient(z)
    moving = np.hypot(dx, dz) > 0.2 * _STEP_SECONDS
    if not moving.any():
        return np.zeros_like(x)
    index = np.where(moving, np.arange(len(x)), -1)
    latest = np.maximum.accumulate(index)
    latest[latest < 0] = int(np.argmax(moving))
    angles: NDArray[np.float64] = np.unwrap(np.arctan2(dx, dz)[latest])
    return angles
