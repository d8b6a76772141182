"""One frame in, numbers about what it looks like out: light, colour, texture, layout."""

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.media.frames import RgbImage

WIDTH = 42
_SIDE_PX = 128
_NUM_BINS = 8
_NUM_HUES = 6


def appearance(image: RgbImage) -> NDArray[np.float32]:
    """(WIDTH,) numbers, most of them in [0, 1]."""
    small = np.asarray(
        cv2.resize(image, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8
    )
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32) / 255
    hue, saturation, _ = cv2.split(cv2.cvtColor(small, cv2.COLOR_RGB2HSV))
    vivid = saturation.astype(np.float32) / 255
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8)
    slope = np.hypot(across, down)
    light = [grey.mean(), grey.std(), vivid.mean(), vivid.std(), (slope > 0.03).mean()]
    parts = [
        np.array([*light, np.log1p(1000 * slope.var())], np.float32),
        _shares((grey.ravel() * _NUM_BINS).astype(np.int64), num_bins=_NUM_BINS),
        _shares(hue.ravel().astype(np.int64) * _NUM_HUES // 180, vivid, num_bins=_NUM_HUES),
        _shares(_directions(across, down), slope, num_bins=_NUM_BINS),
        _layout(grey),
    ]
    found = np.concatenate(parts).astype(np.float32)
    assert found.shape == (WIDTH,)
    return found


def _directions(across: NDArray[np.generic], down: NDArray[np.generic]) -> NDArray[np.int64]:
    """Of edges, whichever side of them is bright: half a turn in 8 bins."""
    angles = np.mod(np.arctan2(down, across), np.pi)
    return np.asarray(np.floor(angles / np.pi * _NUM_BINS), np.int64).ravel()


def _shares(
    bins: NDArray[np.int64], weights: NDArray[np.floating] | None = None, *, num_bins: int
) -> NDArray[np.float32]:
    heavy = None if weights is None else weights.ravel()
    kept = np.minimum(bins, num_bins - 1)
    sums = np.bincount(kept, weights=heavy, minlength=num_bins)
    return np.asarray(sums / max(float(sums.sum()), 1e-6), np.float32)


def _layout(grey: NDArray[np.floating]) -> NDArray[np.float32]:
    """Where light and dark lie: the slowest 14 waves of the picture, without its mean."""
    tiny = cv2.resize(np.asarray(grey, np.float32), (16, 16), interpolation=cv2.INTER_AREA)
    waves = cv2.dct(np.asarray(tiny, np.float32))[:4, :4].ravel() / 16
    return np.asarray(waves[1:15], np.float32)
