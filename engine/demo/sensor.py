"""What a cheap surveillance camera adds: lens falloff, noise, flicker, a time stamp."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.media.frames import RgbImage

_NUM_NOISE_FIELDS = 6


@dataclass(frozen=True)
class Sensor:
    """One camera's electronics; the same frame number always gives the same noise."""

    name: str
    clock: datetime
    """What the time stamp shows at second 0."""
    noise: float
    """Standard deviation of the noise in grey levels."""
    seed: int
    is_infrared: bool = False
    flicker: float = 0.012
    """Share by which the light goes up and down."""

    def expose(self, picture: RgbImage, *, index: int, time_seconds: float) -> RgbImage:
        """The frame that this camera would record of the picture."""
        rng = np.random.default_rng((self.seed, index))
        wave = np.sin(2 * np.pi * 0.83 * time_seconds) + 0.5 * rng.normal()
        lit = cv2.multiply(picture, self._falloff, scale=(1 + self.flicker * wave) / 255)
        if self.is_infrared:
            lit = cv2.cvtColor(cv2.cvtColor(lit, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        fields = self._noise_fields
        field = fields[int(rng.integers(len(fields)))]
        row, column = int(rng.integers(16)), int(rng.integers(16))
        shifted = field[row : row + lit.shape[0], column : column + lit.shape[1]]
        noisy = np.asarray(cv2.add(lit, shifted, dtype=cv2.CV_8U), np.uint8)
        self._stamp(noisy, time_seconds)
        return noisy

    @cached_property
    def _falloff(self) -> NDArray[np.uint8]:
        rows, columns = np.mgrid[-1:1:360j, -1:1:640j]
        falloff = 255 * (1 - 0.16 * (rows**2 + columns**2) / 2)
        return np.repeat(falloff.astype(np.uint8)[..., None], 3, axis=2)

    @cached_property
    def _noise_fields(self) -> list[NDArray[np.int16]]:
        rng = np.random.default_rng(self.seed)
        fields = []
        for _ in range(_NUM_NOISE_FIELDS):
            grey = rng.normal(size=(376, 656)).astype(np.float32)
            soft = np.asarray(cv2.GaussianBlur(grey, (0, 0), 0.8), np.float32)
            levels = np.rint(soft * (self.noise / float(soft.std()))).astype(np.int16)
            fields.append(np.repeat(levels[..., None], 3, axis=2))
        return fields

    def _stamp(self, frame: RgbImage, time_seconds: float) -> None:
        shown = self.clock + timedelta(seconds=int(time_seconds))
        for text, top in (
            (f"{shown:%Y-%m-%d  %H:%M:%S}", 4),
            (self.name, frame.shape[0] - 26),
        ):
            ink, edge = _lettering(text)
            place = frame[top : top + ink.shape[0], 8 : 8 + ink.shape[1]]
            light = place * (1 - edge) + 24 * edge
            place[:] = (light * (1 - ink) + 238 * ink).astype(np.uint8)


@lru_cache(maxsize=64)
def _lettering(text: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How much of each pixel the letters cover, and their dark edge, (22, width, 1) in 0..1."""
    canvas = np.zeros((22, 16 + 10 * len(text)), np.uint8)
    cv2.putText(canvas, text, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, 255, 1, cv2.LINE_AA)
    edge = np.asarray(cv2.dilate(canvas, np.ones((3, 3), np.uint8)))
    return (canvas / 255).astype(np.float32)[..., None], (edge / 255).astype(np.float32)[..., None]
