"""Drawing shapes of the world into a picture (RGB, uint8); callers draw far parts first."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.demo.camera import Camera, Points
from engine.media.frames import RgbImage

Rgb = tuple[float, float, float]
SUN = np.array([0.55, -1.0, 0.35])
"""Direction in which sunlight falls; shadows lie along its ground part."""
_SUBPIXEL_BITS = 4
_LIMIT_PX = 4000.0


def shade(colour: Rgb, factor: float) -> Rgb:
    """The colour made darker (< 1) or lighter (> 1), kept within 0..255."""
    red, green, blue = (min(255.0, max(0.0, channel * factor)) for channel in colour)
    return red, green, blue


def fill(image: NDArray[np.uint8], corners_px: Points, colour: Rgb | float) -> None:
    """Fill one convex polygon of (n, 2) pixel corners, with smooth edges."""
    clipped = np.clip(corners_px, -_LIMIT_PX, _LIMIT_PX) * (1 << _SUBPIXEL_BITS)
    cv2.fillConvexPoly(
        image, np.rint(clipped).astype(np.int32), colour, cv2.LINE_AA, _SUBPIXEL_BITS
    )


def fill_world(image: NDArray[np.uint8], camera: Camera, corners: ArrayLike, colour: Rgb) -> None:
    """Fill one convex polygon of (n, 3) world corners; nothing when part of it is behind us."""
    corners_px, depths = camera.project(corners)
    if depths.min() > 0.3:
        fill(image, corners_px, colour)


def ground_shadow(points: ArrayLike) -> Points:
    """(n, 3) points -> where on the ground their shadows fall, (n, 3)."""
    world = np.asarray(points, dtype=np.float64)
    return world + np.outer(world[:, 1], SUN / -SUN[1])


def fill_shadow(mask: NDArray[np.uint8], camera: Camera, points: ArrayLike) -> None:
    """Add the shadow of a convex body, given its corners, to the picture's shadow mask."""
    corners_px, depths = camera.project(ground_shadow(points))
    if depths.min() > 0.3:
        hull = cv2.convexHull(corners_px.astype(np.float32))[:, 0].astype(np.float64)
        fill(mask, hull, 255.0)


def visible_faces(
    camera: Camera, corners: Points, faces: Sequence[tuple[int, int, int, int]]
) -> list[tuple[int, float]]:
    """Which four-cornered faces of a convex body look at the camera, and how bright each is.

    Corners of a face run so that its normal points outwards; brightness is about 0.55 to 1.1.
    """
    index = np.array(faces)
    first = corners[index[:, 0]]
    across, along = corners[index[:, 1]] - first, corners[index[:, 3]] - first
    normals = (
        across[:, [1, 2, 0]] * along[:, [2, 0, 1]] - across[:, [2, 0, 1]] * along[:, [1, 2, 0]]
    )
    normals /= np.maximum(np.sqrt((normals * normals).sum(axis=1)), 1e-9)[:, None]
    faces_us = ((np.array(camera.position) - first) * normals).sum(axis=1) > 0
    lights = 0.62 + 0.5 * np.maximum(0.0, normals @ (-SUN / np.linalg.norm(SUN)))
    return [(int(face), float(lights[face])) for face in np.flatnonzero(faces_us)]


def apply_shadows(image: RgbImage, mask: NDArray[np.uint8], *, strength: float) -> RgbImage:
    """Darken the picture where the mask is set; `strength` 0..1."""
    if strength <= 0:
        return image
    softened = cv2.GaussianBlur(mask, (5, 5), 0)
    keep = cv2.convertScaleAbs(softened, alpha=-strength, beta=0)
    darkened = cv2.multiply(image, cv2.merge([255 - keep] * 3), scale=1 / 255)
    return np.asarray(darkened, dtype=np.uint8)
