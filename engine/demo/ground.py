"""Painting the still part of a scene: ground by world position, facades, boxes, trees, posts."""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.demo.camera import Camera
from engine.demo.paint import Rgb, fill_world, shade
from engine.media.frames import RgbImage

Grid = NDArray[np.float64]
Mask = NDArray[np.bool_]
SUPERSAMPLING = 2
FACADE_PX_PER_METRE = 26


@dataclass
class GroundColours:
    """Colour at each ground point, painted in layers; grids of one shape."""

    x: Grid
    z: Grid
    colours: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        self.colours = np.zeros((*self.x.shape, 3), np.float32)

    def paint(self, where: Mask, colour: Rgb) -> None:
        """Cover the points where the mask is set."""
        self.colours[where] = colour

    def grain(self, *, size_metres: float, amount: float, seed: int) -> None:
        """Lighten and darken by smooth random spots of about that size."""
        white = np.random.default_rng(seed).normal(size=(256, 256)).astype(np.float32)
        soft = cv2.GaussianBlur(np.pad(white, 8, mode="wrap"), (0, 0), 1.1)[8:-8, 8:-8]
        tile = (soft / float(soft.std())).astype(np.float32)
        columns = np.nan_to_num(self.x / size_metres % 256).astype(np.float32)
        rows = np.nan_to_num(self.z / size_metres % 256).astype(np.float32)
        spots = cv2.remap(tile, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        self.colours *= (1 + amount * spots)[..., None]


GroundPainter = Callable[[GroundColours], None]


def stripes(values: Grid, *, period: float, wide: float) -> Mask:
    """True on bands of that width, one per period."""
    return np.mod(values, period) < wide


def near(values: Grid, centre: float, *, wide: float) -> Mask:
    """True within half that width of the centre."""
    return np.abs(values - centre) < wide / 2


def ground_picture(camera: Camera, painter: GroundPainter, *, sky: Rgb) -> RgbImage:
    """The empty ground as the camera sees it, larger than the video by `SUPERSAMPLING`."""
    x, z = camera.ground_grid(scale=SUPERSAMPLING)
    ground = GroundColours(x, z)
    painter(ground)
    haze = np.clip((np.hypot(x, z) - 30) / 90, 0, 0.75)[..., None]
    colours = ground.colours * (1 - haze) + np.array(sky, np.float32) * haze
    colours[np.isnan(x)] = sky
    return np.clip(colours, 0, 255).astype(np.uint8)


def supersampled(camera: Camera) -> Camera:
    """The same camera for pictures larger by `SUPERSAMPLING`."""
    return Camera(
        position=camera.position,
        target=camera.target,
        focal_px=camera.focal_px * SUPERSAMPLING,
        width_px=camera.width_px * SUPERSAMPLING,
        height_px=camera.height_px * SUPERSAMPLING,
    )


@dataclass(frozen=True)
class Wall:
    """An upright rectangle between two foot points, left to right as seen."""

    left: tuple[float, float]
    right: tuple[float, float]
    height: float
    foot: float = 0.0

    @property
    def length(self) -> float:
        """Metres along the ground."""
        return float(np.hypot(self.right[0] - self.left[0], self.right[1] - self.left[1]))


def paste_wall(image: RgbImage, camera: Camera, wall: Wall, texture: RgbImage) -> None:
    """Draw the texture (top row at the top of the wall) in perspective over the picture."""
    (x0, z0), (x1, z1) = wall.left, wall.right
    low, high = wall.foot, wall.foot + wall.height
    corners = [(x0, high, z0), (x1, high, z1), (x1, low, z1), (x0, low, z0)]
    corners_px, depths = camera.project(corners)
    if depths.min() <= 0.1:
        raise ValueError(f"wall {wall} reaches behind the camera; move it forward")
    height, width = texture.shape[:2]
    source = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(source, corners_px.astype(np.float32))
    size = (camera.width_px, camera.height_px)
    warped = cv2.warpPerspective(
        texture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    covered = np.zeros(image.shape[:2], np.uint8)
    clipped = np.clip(corners_px, -30000, 30000)
    cv2.fillPoly(covered, [np.rint(clipped).astype(np.int32)], 1)
    np.copyto(image, np.asarray(warped, np.uint8), where=covered[..., None].astype(bool))


@dataclass(frozen=True)
class FacadeStyle:
    """How a building front looks."""

    plaster: Rgb
    glass: Rgb = (62.0, 74.0, 88.0)
    storey_metres: float = 3.2
    bay_metres: float = 2.6
    shop_colours: tuple[Rgb, ...] = ()
    """Awnings of the ground floor, one per shop; empty: plain windows there too."""


def facade(wall: Wall, style: FacadeStyle, *, seed: int) -> RgbImage:
    """A building front with windows, for `paste_wall`."""
    rng = np.random.default_rng(seed)
    scale = FACADE_PX_PER_METRE
    height, width = round(wall.height * scale), round(wall.length * scale)
    texture = plaster(height, width, style.plaster, seed=seed)
    for storey in range(int(wall.height / style.storey_metres)):
        floor = height - storey * style.storey_metres * scale
        if storey == 0 and style.shop_colours:
            _draw_shops(texture, floor, style, rng)
            continue
        for bay in range(int(wall.length / style.bay_metres)):
            left = (bay + 0.26) * style.bay_metres * scale
            top = floor - 0.78 * style.storey_metres * scale
            size = (0.48 * style.bay_metres * scale, 0.50 * style.storey_metres * scale)
            _draw_window(texture, (left, top), size, shade(style.glass, rng.uniform(0.7, 1.5)))
    return texture


def plaster(height_px: int, width_px: int, colour: Rgb, *, seed: int) -> RgbImage:
    """A plain wall with uneven tone, darker at its foot."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(max(2, height_px // 24), max(2, width_px // 24))).astype(np.float32)
    spots = cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC)
    fine = rng.normal(size=(height_px, width_px)).astype(np.float32)
    foot = np.linspace(1.04, 0.90, height_px, dtype=np.float32)[:, None]
    tone = (1 + 0.025 * spots + 0.02 * fine) * foot
    return np.clip(tone[..., None] * np.array(colour, np.float32), 0, 255).astype(np.uint8)


def _draw_window(
    texture: RgbImage, corner: tuple[float, float], size: tuple[float, float], glass: Rgb
) -> None:
    left, top = round(corner[0]), round(corner[1])
    right, bottom = round(corner[0] + size[0]), round(corner[1] + size[1])
    cv2.rectangle(texture, (left - 2, top - 2), (right + 2, bottom + 2), (206, 204, 198), -1)
    cv2.rectangle(texture, (left, top), (right, bottom), glass, -1)
    shine = np.array([(left, bottom), (left, top), (left + (right - left) // 2, top)])
    cv2.fillConvexPoly(texture, shine, shade(glass, 1.18), cv2.LINE_AA)
    middle = (left + right) // 2
    cv2.line(texture, (middle, top), (middle, bottom), (196, 194, 188), 2)
    cv2.rectangle(texture, (left - 4, bottom + 2), (right + 4, bottom + 5), (150, 146, 140), -1)


def _draw_shops(
    texture: RgbImage, floor: float, style: FacadeStyle, rng: np.random.Generator
) -> None:
    scale, width = FACADE_PX_PER_METRE, texture.shape[1]
    shop = width / len(style.shop_colours)
    top = round(floor - 0.92 * style.storey_metres * scale)
    for index, colour in enumerate(style.shop_colours):
        left, right = round(index * shop + 0.35 * scale), round((index + 1) * shop - 0.35 * scale)
        pane = (left, top + round(0.9 * scale)), (right, round(floor - 0.45 * scale))
        cv2.rectangle(texture, pane[0], pane[1], shade((92, 98, 96), rng.uniform(0.8, 1.2)), -1)
        for _ in range(9):
            x = int(rng.integers(left, max(left + 1, right - scale)))
            y = int(rng.integers(pane[0][1], max(pane[0][1] + 1, pane[1][1] - scale // 2)))
            goods = tuple(float(channel) for channel in rng.uniform(60, 170, 3))
            cv2.rectangle(texture, (x, y), (x + scale // 2, y + scale // 2), goods, -1)
        door = round(left + 0.62 * (right - left))
        cv2.rectangle(texture, (door, pane[0][1]), (door + scale, round(floor)), (58, 52, 48), -1)
        cv2.rectangle(texture, (left, top), (right, top + round(0.85 * scale)), colour, -1)
        for band in range(left, right, scale):
            edge = min(right, band + scale // 2)
            cv2.rectangle(
                texture, (band, top + scale // 2), (edge, top + scale), shade(colour, 1.25), -1
            )


def corrugated(wall: Wall, colour: Rgb, *, seed: int) -> RgbImage:
    """A container's side, for `paste_wall`."""
    scale = FACADE_PX_PER_METRE
    texture = plaster(round(wall.height * scale), round(wall.length * scale), colour, seed=seed)
    wave = 1 + 0.09 * np.sign(np.sin(np.arange(texture.shape[1]) * 2 * np.pi / 9))
    lit = np.clip(texture * wave[None, :, None], 0, 255).astype(np.uint8)
    cv2.rectangle(lit, (0, 0), (lit.shape[1] - 1, lit.shape[0] - 1), shade(colour, 0.6), 4)
    return lit


def draw_post(
    image: RgbImage, camera: Camera, foot: tuple[float, float], height: float, colour: Rgb
) -> None:
    """A lamp post or tree trunk, 16 cm wide."""
    x, z = foot
    right = camera.axes[0] * 0.08
    low, high = np.array([x, 0, z]), np.array([x, height, z])
    fill_world(image, camera, [low - right, low + right, high + right, high - right], colour)


def draw_tree(
    image: RgbImage, camera: Camera, foot: tuple[float, float], *, height: float, seed: int
) -> None:
    """A trunk and a crown of leaf spots, with a blotchy shadow."""
    rng = np.random.default_rng(seed)
    x, z = foot
    radius = 0.32 * height
    cast = x + 0.4 * height, z + 0.25 * height
    _draw_tree_shadow(image, camera, cast, radius)
    draw_post(image, camera, foot, 0.6 * height, (74.0, 58.0, 44.0))
    offsets = rng.normal(size=(300, 3)) * 0.5
    offsets = offsets[np.argsort(offsets[:, 1] - offsets[:, 2])]
    for offset in offsets[np.hypot(offsets[:, 0], offsets[:, 1]) < 1]:
        spot = np.array([x, 0.68 * height, z]) + offset * (radius, radius * 0.85, radius)
        (px,), depth = camera.project(spot)
        if depth[0] < 1:
            continue
        light = 0.75 + 0.35 * offset[1] + rng.uniform(-0.12, 0.12)
        size = max(1, round(0.09 * height * camera.focal_px / depth[0]))
        colour = shade((72.0, 98.0, 52.0), light)
        cv2.circle(image, (round(px[0]), round(px[1])), size, colour, -1, cv2.LINE_AA)


def _draw_tree_shadow(
    image: RgbImage, camera: Camera, centre: tuple[float, float], radius: float
) -> None:
    angles = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    wobble = radius * (1 + 0.12 * np.sin(5 * angles))
    ring = np.stack(
        [centre[0] + wobble * np.cos(angles), 0 * angles, centre[1] + wobble * np.sin(angles)], 1
    )
    ring_px, depths = camera.project(ring)
    if depths.min() <= 0.3:
        return
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(ring_px).astype(np.int32)], 255)
    keep = 1 - 0.4 * cv2.GaussianBlur(mask, (0, 0), 3).astype(np.float32) / 255
    np.copyto(image, (image * keep[..., None]).astype(np.uint8))


def reduced(picture: RgbImage) -> RgbImage:
    """The supersampled picture at the video's size."""
    size = (picture.shape[1] // SUPERSAMPLING, picture.shape[0] // SUPERSAMPLING)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
