"""Frames of a clip -> the small forms that measurements work on, and what a finding is."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.media.frames import Frame, RgbImage
from engine.models.regions import Side

Grey = NDArray[np.float32]
HappeningKind = Literal[
    "flash",
    "brightening",
    "darkening",
    "fire_like",
    "smoke_like",
    "cut",
    "motion_onset",
    "motion_stop",
    "meeting",
    "agitation",
]

WORKING_SIDE_PX = 160
"""Frames are measured at this longer side: enough for regions, too coarse for noise."""
THRESHOLDS: dict[str, float] = {
    "change_min_levels": 11.0,
    "change_noise_factor": 4.5,
    "still_share": 0.0015,
    "camera_shift_px": 1.5,
    "camera_pairs_share": 0.4,
    "whole_picture_share": 0.55,
    "flash_levels": 22.0,
    "glare_levels": 190.0,
    "light_change_levels": 18.0,
    "low_light_levels": 70.0,
    "colourless_levels": 6.0,
    "fire_share": 0.006,
    "haze_share": 0.05,
    "haze_levels": 8.0,
    "haze_max_hue": 42.0,
    "haze_slope": 0.24,
    "haze_stray": 0.15,
    "fire_stray": 0.06,
    "cut_distance": 0.55,
    "onset_factor": 3.0,
    "onset_share": 0.010,
}


@dataclass(frozen=True)
class Happening:
    """A change that stands out, and when; seconds from the first frame."""

    kind: HappeningKind
    start_seconds: float
    end_seconds: float
    side: Side | None = None
    """None: the whole picture, or nowhere in particular."""
    strength: float = 0.0
    """Grey levels for light, a share of the picture for areas, widths per second for meetings."""


@dataclass(frozen=True)
class Pictures:
    """The frames at working size, in the forms that the measurements need."""

    times: tuple[float, ...]
    colours: tuple[RgbImage, ...]
    greys: tuple[Grey, ...]
    background: Grey
    noise: float
    """Standard deviation of the sensor noise in grey levels, at working size."""


def make_pictures(frames: Sequence[Frame]) -> Pictures:
    """Reduce at least one frame; times count from the first."""
    height, width = frames[0].image.shape[:2]
    scale = min(1.0, WORKING_SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    colours = tuple(
        np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), np.uint8)
        for frame in frames
    )
    greys = tuple(
        cv2.GaussianBlur(cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY), (3, 3), 0).astype(np.float32)
        for colour in colours
    )
    background = np.median(np.stack(greys), axis=0).astype(np.float32)
    steps = [float(np.median(np.abs(b - a - np.median(b - a)))) for a, b in pairs(greys)]
    noise = float(np.median(steps)) / 0.6745 / 2**0.5 if steps else 0.0
    times = tuple(frame.time_seconds - frames[0].time_seconds for frame in frames)
    return Pictures(times, colours, greys, background, noise)


def pairs(greys: Sequence[Grey]) -> list[tuple[Grey, Grey]]:
    """Each frame with the one after it."""
    return list(pairwise(greys))
