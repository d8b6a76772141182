"""Smoke, fire, flash, sparks and a shaking camera, all as functions of time."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.demo.camera import Camera
from engine.demo.paint import Rgb
from engine.media.frames import RgbImage

_SMOKE_SCALE = 2
"""Smoke is soft, so its density is drawn at half size."""


@dataclass(frozen=True)
class Smoke:
    """Puffs that rise from one place, spread and thin out."""

    source: tuple[float, float, float]
    start_seconds: float
    stop_seconds: float
    puffs_per_second: float
    life_seconds: float
    rise_mps: float
    spread_metres: float
    colour: Rgb
    seed: int

    def draw(self, image: RgbImage, camera: Camera, time_seconds: float) -> None:
        """Lay the smoke of this moment over the picture."""
        height, width = image.shape[0] // _SMOKE_SCALE, image.shape[1] // _SMOKE_SCALE
        clear = np.ones((height, width), np.float32)
        for centre, radius, strength in self._puffs(time_seconds):
            (px,), depth = camera.project(centre)
            if depth[0] > 0.5:
                radius_px = radius * camera.focal_px / float(depth[0]) / _SMOKE_SCALE
                _thin(clear, px / _SMOKE_SCALE, radius_px, strength)
        if clear.min() < 0.995:
            size = (image.shape[1], image.shape[0])
            keep = cv2.resize(clear, size, interpolation=cv2.INTER_LINEAR)[..., None]
            tone = np.array(self.colour, np.float32) * (0.82 + 0.25 * keep)
            np.copyto(image, (image * keep + tone * (1 - keep)).astype(np.uint8))

    def _puffs(self, time_seconds: float) -> list[tuple[NDArray[np.float64], float, float]]:
        rng = np.random.default_rng(self.seed)
        count = int((self.stop_seconds - self.start_seconds) * self.puffs_per_second)
        jitter = rng.normal(size=(count, 3))
        alive = []
        for index in range(count):
            age = time_seconds - self.start_seconds - index / self.puffs_per_second
            if not 0 <= age < self.life_seconds:
                continue
            share = age / self.life_seconds
            drift = jitter[index] * self.spread_metres * (0.25 + share)
            rise = self.rise_mps * age * (1 - 0.3 * share) + abs(drift[1]) * 0.4
            offset = np.array((drift[0] + 0.5 * age, rise, drift[2] * 0.6))
            centre = np.array(self.source) + offset
            radius = self.spread_metres * (0.45 + 1.3 * share)
            alive.append((centre, radius, 0.42 * (1 - share) * min(1.0, age * 3)))
        return alive


def _thin(
    clear: NDArray[np.float32], centre: NDArray[np.float64], radius_px: float, strength: float
) -> None:
    top, bottom = _bounds(centre[1], radius_px, clear.shape[0])
    left, right = _bounds(centre[0], radius_px, clear.shape[1])
    if bottom <= top or right <= left:
        return
    rows = ((np.arange(top, bottom) - centre[1]) / radius_px).astype(np.float32)
    columns = ((np.arange(left, right) - centre[0]) / radius_px).astype(np.float32)
    ball = np.clip(1 - rows[:, None] ** 2 - columns[None, :] ** 2, 0, 1)
    clear[top:bottom, left:right] *= 1 - np.float32(strength) * ball


def _bounds(centre: float, radius_px: float, limit: int) -> tuple[int, int]:
    return max(0, int(centre - radius_px)), min(limit, int(centre + radius_px) + 1)


@dataclass(frozen=True)
class Blast:
    """A flash, a fireball, flying pieces and a shaken camera."""

    source: tuple[float, float, float]
    at_seconds: float
    seed: int

    def draw(self, image: RgbImage, camera: Camera, time_seconds: float) -> None:
        """Add the light and the pieces of this moment."""
        age = time_seconds - self.at_seconds
        if not 0 <= age < 14:
            return
        self._add_glow(image, camera, age)
        if age < 2.2:
            self._draw_pieces(image, camera, age)

    def shake_px(self, time_seconds: float) -> tuple[float, float]:
        """How far the picture is moved, right and down."""
        age = time_seconds - self.at_seconds
        if not 0 <= age < 1.6:
            return 0.0, 0.0
        swing = 9.0 * np.exp(-2.6 * age)
        return float(swing * np.sin(31 * age)), float(swing * np.cos(24 * age))

    def _add_glow(self, image: RgbImage, camera: Camera, age: float) -> None:
        (px,), depth = camera.project(self.source)
        metre_px = camera.focal_px / float(depth[0])
        flicker = 1 + 0.22 * np.sin(age * 17.0) + 0.13 * np.sin(age * 29.0)
        ball = 300 * np.exp(-1.3 * age) + 90 * min(1.0, age) * np.exp(-0.12 * age) * flicker
        size = metre_px * (1.3 + 3.4 * np.exp(-1.1 * age) * min(1.0, 4 * age + 0.4))
        rows = (np.arange(image.shape[0]) - px[1] + 0.8 * metre_px) / (size * 1.15)
        columns = (np.arange(image.shape[1]) - px[0]) / size
        spread = np.exp(-(rows[:, None] ** 2 + columns[None, :] ** 2)).astype(np.float32)
        glow = (ball * spread)[..., None] * np.array((1.25, 0.72, 0.25), np.float32)
        glow += np.float32(205 * np.exp(-3.2 * age)) + (14 * np.exp(-0.4 * age) * flicker)
        np.copyto(image, np.clip(image + glow, 0, 255).astype(np.uint8))

    def _draw_pieces(self, image: RgbImage, camera: Camera, age: float) -> None:
        rng = np.random.default_rng(self.seed)
        speeds = rng.normal(size=(46, 3)) * (4.2, 2.0, 3.0) + (0, 6.0, 0)
        places = np.array(self.source) + speeds * age - np.array([0, 4.9, 0]) * age**2
        places[:, 1] = np.maximum(places[:, 1], 0.05)
        points, depths = camera.project(places)
        for point, depth, hot in zip(points, depths, rng.random(46), strict=True):
            if depth > 1:
                size = max(1, round(0.07 * camera.focal_px / depth))
                colour = (250.0, 190.0, 80.0) if hot > age * 0.6 else (42.0, 36.0, 34.0)
                cv2.circle(image, (round(point[0]), round(point[1])), size, colour, -1, cv2.LINE_AA)


@dataclass(frozen=True)
class Wreckage:
    """Pieces that a collision throws over the road and that stay there."""

    source: tuple[float, float]
    at_seconds: float
    drift: tuple[float, float]
    seed: int

    def draw(self, image: RgbImage, camera: Camera, time_seconds: float) -> None:
        """Draw the pieces where they are now."""
        age = time_seconds - self.at_seconds
        if age < 0:
            return
        rng = np.random.default_rng(self.seed)
        speeds = rng.normal(size=(36, 2)) * 3.4 + np.array(self.drift)
        slid = 0.55 * (1 - np.exp(-age / 0.55))
        ground = np.array(self.source) + speeds * slid
        height = np.abs(rng.normal(size=36)) * 2.2 * max(0.0, np.sin(min(age, 0.7) / 0.7 * np.pi))
        points, depths = camera.project(np.stack([ground[:, 0], height, ground[:, 1]], axis=1))
        for point, depth, tone in zip(points, depths, rng.uniform(30, 220, 36), strict=True):
            if depth > 1:
                size = max(1, round(0.05 * camera.focal_px / depth))
                colour = (float(tone), float(tone), float(tone))
                cv2.circle(image, (round(point[0]), round(point[1])), size, colour, -1, cv2.LINE_AA)
