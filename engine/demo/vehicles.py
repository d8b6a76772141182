"""Cars and vans as bodies with windows, wheels and lamps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.demo.camera import Camera, Points
from engine.demo.paint import Rgb, fill_shadow, fill_world, shade, visible_faces
from engine.media.frames import RgbImage

_FACES = ((0, 3, 7, 4), (2, 1, 5, 6), (1, 0, 4, 5), (3, 2, 6, 7), (4, 7, 6, 5))
"""Front, back, left, right, top of the eight corners that `_frustum` gives."""
_GLASS: Rgb = (46.0, 54.0, 62.0)
_TYRE: Rgb = (26.0, 26.0, 28.0)


@dataclass(frozen=True)
class Shape:
    """Sizes of a kind of vehicle in metres; cabin ends (back, front), front positive."""

    half_length: float
    half_width: float
    deck_height: float
    roof_height: float
    cabin_base: tuple[float, float]
    cabin_roof: tuple[float, float]


CAR = Shape(2.1, 0.88, 0.82, 1.42, (-1.85, 1.0), (-1.35, 0.25))
VAN = Shape(2.5, 0.98, 1.0, 2.05, (-2.45, 2.0), (-2.4, 1.3))


@dataclass(frozen=True)
class Placement:
    """Where a vehicle or person stands and which way it faces."""

    x: float
    z: float
    heading: float
    """Radians; 0 looks along +z, positive turns towards +x."""

    def to_world(self, local: NDArray[np.float64]) -> Points:
        """(n, 3) right, up, forward in metres -> world."""
        sine, cosine = np.sin(self.heading), np.cos(self.heading)
        world = np.empty_like(local)
        world[:, 0] = self.x + local[:, 0] * cosine + local[:, 2] * sine
        world[:, 1] = local[:, 1]
        world[:, 2] = self.z - local[:, 0] * sine + local[:, 2] * cosine
        return world


def draw_vehicle(
    image: RgbImage, camera: Camera, at: Placement, *, shape: Shape, colour: Rgb
) -> None:
    """Draw one vehicle with its nearest parts last."""
    body = at.to_world(_body(shape))
    _draw_sides(image, camera, body, colour)
    _draw_wheels(image, camera, at, shape)
    _draw_lamps(image, camera, at, shape)
    cabin = at.to_world(_cabin(shape))
    for face, light in visible_faces(camera, cabin, _FACES):
        corners = cabin[list(_FACES[face])]
        fill_world(image, camera, corners, shade(colour, light))
        if face != 4:
            middle = corners.mean(axis=0)
            glass = shade(_GLASS, light * (1.5 if face == 0 else 1.0))
            fill_world(image, camera, middle + (corners - middle) * 0.8, glass)


def draw_vehicle_shadow(
    mask: NDArray[np.uint8], camera: Camera, at: Placement, *, shape: Shape
) -> None:
    """Add the vehicle's shadow to the mask."""
    corners = np.concatenate([_body(shape), _cabin(shape)])
    corners[:4, 1] = 0.0
    fill_shadow(mask, camera, at.to_world(corners))


def _frustum(low: tuple[float, float], high: tuple[float, float], half_width: float) -> Points:
    """Corners on the floor then on the roof: front-left, back-left, back-right, front-right."""
    inset = half_width * 0.86 if high != low else half_width
    return np.array(
        [
            (-half_width, 0, low[1]),
            (-half_width, 0, low[0]),
            (half_width, 0, low[0]),
            (half_width, 0, low[1]),
            (-inset, 1, high[1]),
            (-inset, 1, high[0]),
            (inset, 1, high[0]),
            (inset, 1, high[1]),
        ],
        dtype=np.float64,
    )


def _body(shape: Shape) -> Points:
    ends = (-shape.half_length, shape.half_length)
    corners = _frustum(ends, ends, shape.half_width)
    corners[:, 1] = np.where(corners[:, 1] > 0, shape.deck_height, 0.25)
    return corners


def _cabin(shape: Shape) -> Points:
    corners = _frustum(shape.cabin_base, shape.cabin_roof, shape.half_width * 0.97)
    corners[:, 1] = np.where(corners[:, 1] > 0, shape.roof_height, shape.deck_height)
    return corners


def _draw_sides(image: RgbImage, camera: Camera, body: Points, colour: Rgb) -> None:
    for face, light in visible_faces(camera, body, _FACES):
        fill_world(image, camera, body[list(_FACES[face])], shade(colour, light))


def _draw_wheels(image: RgbImage, camera: Camera, at: Placement, shape: Shape) -> None:
    angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    for side in (-1.0, 1.0):
        outward = at.to_world(np.array([[side, 0.3, 0.0], [0.0, 0.3, 0.0]]))
        if (outward[0] - outward[1]) @ (np.array(camera.position) - outward[1]) <= 0:
            continue
        for along in (-0.62, 0.64):
            ring = np.zeros((14, 3))
            ring[:, 0] = side * (shape.half_width + 0.02)
            ring[:, 1] = 0.33 + 0.33 * np.sin(angles)
            ring[:, 2] = along * shape.half_length + 0.33 * np.cos(angles)
            fill_world(image, camera, at.to_world(ring), _TYRE)
            hub = ring * (1.0, 0.5, 0.5) + (0.0, 0.165, along * shape.half_length * 0.5)
            fill_world(image, camera, at.to_world(hub), (120.0, 122.0, 126.0))


def _draw_lamps(image: RgbImage, camera: Camera, at: Placement, shape: Shape) -> None:
    for end, colour in ((1.0, (245.0, 240.0, 215.0)), (-1.0, (190.0, 30.0, 28.0))):
        tip = at.to_world(np.array([[0.0, 0.5, end], [0.0, 0.5, 0.0]]))
        if (tip[0] - tip[1]) @ (np.array(camera.position) - tip[1]) <= 0:
            continue
        for side in (-1.0, 1.0):
            inner, outer = side * shape.half_width * 0.6, side * shape.half_width * 0.95
            low, high, front = 0.52, 0.70, end * (shape.half_length + 0.01)
            lamp = [(inner, low, front), (outer, low, front), (outer, high, front)]
            fill_world(image, camera, at.to_world(np.array([*lamp, (inner, high, front)])), colour)
