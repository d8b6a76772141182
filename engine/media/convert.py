"""Decoded frames in, upright RGB images of a wanted size out."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from engine.media.frames import RgbImage

QuarterTurn = Literal[0, 90, 180, 270]
QUARTER_TURNS: tuple[QuarterTurn, ...] = (0, 90, 180, 270)


def fitted_size(width_px: int, height_px: int, *, max_side_px: int | None) -> tuple[int, int]:
    """(width, height) of the same shape with a longer side of at most `max_side_px`."""
    longer = max(width_px, height_px)
    if max_side_px is None or longer <= max_side_px:
        return width_px, height_px
    scale = max_side_px / longer
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))


def clockwise_degrees(frame: VideoFrame) -> QuarterTurn:
    """The clockwise turn that shows the frame upright, to the nearest quarter."""
    return QUARTER_TURNS[-round(frame.rotation / 90) % 4]


@dataclass(frozen=True)
class RgbConverter:
    """Makes upright RGB pictures of one video's frames; for one thread.

    It keeps the scaler: `VideoFrame.to_ndarray` sets up a new one for every frame, which costs
    more than scaling a small picture. The scaler runs one thread, because the decoder's threads
    have the others.
    """

    max_side_px: int | None
    reformatter: VideoReformatter = field(default_factory=VideoReformatter)

    def convert(self, frame: VideoFrame) -> RgbImage:
        """(height, width, 3) picture, scaled and converted in one step, then turned upright."""
        width, height = fitted_size(frame.width, frame.height, max_side_px=self.max_side_px)
        image = self.reformatter.reformat(frame, width, height, "rgb24", threads=1)
        pixels = image.to_ndarray().astype(np.uint8, copy=False)
        degrees = clockwise_degrees(frame)
        return np.ascontiguousarray(np.rot90(pixels, k=-degrees // 90)) if degrees else pixels
