"""A pinhole camera over flat ground: metres in the world to pixels in the picture, and back.

World axes: x to the right, y up, z forward, in metres; the ground is y = 0.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]
"""(n, 3) in the world, metres, or (n, 2) in the picture, pixels."""


@dataclass(frozen=True)
class Camera:
    """Where a camera hangs and what it looks at."""

    position: tuple[float, float, float]
    target: tuple[float, float, float]
    focal_px: float
    width_px: int = 640
    height_px: int = 360

    @cached_property
    def axes(self) -> tuple[Points, Points, Points]:
        """Unit vectors right, up, forward of the camera in the world."""
        forward = np.subtract(self.target, self.position).astype(np.float64)
        forward /= np.linalg.norm(forward)
        right = np.cross((0.0, 1.0, 0.0), forward)
        right /= np.linalg.norm(right)
        return right, np.cross(forward, right), forward

    def project(self, points: ArrayLike) -> tuple[Points, NDArray[np.float64]]:
        """(n, 3) metres -> (n, 2) pixels and (n,) depths; a depth <= 0 lies behind the camera."""
        offsets = np.atleast_2d(np.asarray(points, dtype=np.float64)) - self.position
        seen = offsets @ self._to_camera
        depths = seen[:, 2]
        pixels = seen[:, :2] * (self.focal_px / np.maximum(depths, 0.05))[:, None]
        pixels += (self.width_px / 2, self.height_px / 2)
        return pixels, depths

    @cached_property
    def _to_camera(self) -> Points:
        """Columns right, down, forward."""
        right, up, forward = self.axes
        return np.stack([right, -up, forward], axis=1)

    def px_per_metre(self, point: ArrayLike) -> float:
        """How long one metre is in the picture at that place."""
        return float(self.focal_px / max(self.project(point)[1][0], 0.3))

    def ground_grid(self, *, scale: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """World x and z under each pixel of the picture drawn `scale` times larger; NaN in the sky.

        Two arrays of (height * scale, width * scale).
        """
        columns = (np.arange(self.width_px * scale) + 0.5) / scale - self.width_px / 2
        rows = (np.arange(self.height_px * scale) + 0.5) / scale - self.height_px / 2
        right, up, forward = self.axes
        across, down = np.meshgrid(columns / self.focal_px, rows / self.focal_px)
        rays = forward + across[..., None] * right - down[..., None] * up
        reach = np.where(rays[..., 1] < -1e-4, -self.position[1] / rays[..., 1], np.nan)
        return self.position[0] + reach * rays[..., 0], self.position[2] + reach * rays[..., 2]
