"""When each frame of a file is shown, exactly: ticks of a clock, as browsers get them."""

import base64
import zlib
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import numpy as np
from numpy.typing import NDArray

from engine.media.container import ASSUMED_FPS, OpenVideo, PacketIndex

NEAR_SECONDS = 0.002
NEAR_SHARE = 0.25
"""Frames closer than 2 ms, or than a quarter of the median step, cannot be sought one by one."""


@dataclass(frozen=True)
class FrameTable:
    """The frames that a player shows, in order."""

    time_base: Fraction
    """Seconds per tick."""
    ticks: NDArray[np.int64]
    """(frames,) ascending."""

    def __len__(self) -> int:
        return len(self.ticks)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """(frames,) the doubles nearest to the true times, as everywhere in the engine."""
        products = (self.ticks * self.time_base.numerator).astype(np.float64)
        return products / self.time_base.denominator

    def frame_at(self, seconds: float) -> int:
        """The ordinal of the frame that is on the screen then."""
        found = int(np.searchsorted(self.seconds, seconds, side="right")) - 1
        return min(max(found, 0), len(self) - 1)

    @property
    def has_near_duplicates(self) -> bool:
        """Whether a seek to the middle of a frame's time could show its neighbor."""
        steps = np.diff(self.seconds)
        if not steps.size:
            return False
        return bool(steps.min() < max(NEAR_SECONDS, NEAR_SHARE * float(np.median(steps))))

    def wire(self) -> dict[str, object]:
        """As JSON: the clock, the first tick, and the steps as base64 of zlib of int32 LE."""
        steps = np.diff(self.ticks).astype("<i4").tobytes()
        return {
            "timebase": [self.time_base.numerator, self.time_base.denominator],
            "start": int(self.ticks[0]),
            "deltas": base64.b64encode(zlib.compress(steps, 9)).decode(),
        }

    @classmethod
    def from_wire(cls, wire: dict[str, object]) -> "FrameTable":
        """What `wire` gave."""
        numerator, denominator = cast("tuple[int, int]", wire["timebase"])
        packed = base64.b64decode(str(wire["deltas"]))
        steps = np.frombuffer(zlib.decompress(packed), dtype="<i4").astype(np.int64)
        first = np.array([wire["start"]], dtype=np.int64)
        ticks = np.concatenate([first, first + np.cumsum(steps)])
        return cls(Fraction(numerator, denominator), ticks)


def table_of(video: OpenVideo, index: PacketIndex) -> FrameTable:
    """The exact times of an index: those of its packets, or counted ones where these have none."""
    for time_base in (video.time_base, 1 / Fraction(video.stream.guessed_rate or ASSUMED_FPS)):
        exact = index.times_seconds * (time_base.denominator / time_base.numerator)
        table = FrameTable(time_base, np.rint(exact).astype(np.int64))
        if np.array_equal(table.seconds, index.times_seconds):
            return table
    # Counted times that are a multiple of neither clock: microseconds are what browsers keep.
    microseconds = np.rint(index.times_seconds * 1_000_000).astype(np.int64)
    return FrameTable(Fraction(1, 1_000_000), microseconds)


def counting_table(num_frames: int, fps: float) -> FrameTable:
    """A clock by which frames of any times are equally far apart."""
    rate = min(max(round(fps), 1), 60)
    return FrameTable(Fraction(1, rate), np.arange(num_frames, dtype=np.int64))
