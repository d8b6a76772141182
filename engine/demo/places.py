"""The six places the demo cameras look at: each a camera and the picture of the empty scene."""

from dataclasses import dataclass

import numpy as np

from engine.demo.camera import Camera
from engine.demo.ground import (
    FacadeStyle,
    GroundColours,
    Wall,
    corrugated,
    draw_post,
    draw_tree,
    facade,
    ground_picture,
    near,
    paste_wall,
    plaster,
    reduced,
    stripes,
    supersampled,
)
from engine.demo.paint import Rgb
from engine.media.frames import RgbImage

_ASPHALT: Rgb = (92.0, 92.0, 95.0)
_PAVING: Rgb = (150.0, 145.0, 137.0)
_CURB: Rgb = (184.0, 181.0, 174.0)
_LINE: Rgb = (214.0, 212.0, 202.0)
_GRASS: Rgb = (98.0, 112.0, 66.0)
_SKY: Rgb = (188.0, 198.0, 206.0)


@dataclass(frozen=True)
class Place:
    """A camera and what it sees when nothing moves."""

    camera: Camera
    backdrop: RgbImage
    shadow_strength: float


def crossing() -> Place:
    """Two roads that cross, seen from a mast at the near left corner."""
    camera = Camera((-9.5, 9.0, -16.0), (1.0, 0.0, 1.5), 500)
    picture = ground_picture(camera, _paint_crossing, sky=_SKY)
    big = supersampled(camera)
    fronts = (
        (Wall((-24, 12), (-9.5, 12), 12), FacadeStyle((171, 150, 128)), 1),
        (Wall((9.5, 13), (60, 13), 11), FacadeStyle((160, 158, 152), bay_metres=3.0), 2),
    )
    for wall, style, seed in fronts:
        paste_wall(picture, big, wall, facade(wall, style, seed=seed))
    side = Wall((-9.5, 12), (-9.5, 26), 12)
    paste_wall(picture, big, side, facade(side, FacadeStyle((132, 117, 101)), seed=3))
    for foot, seed in (((7.2, 9.6), 4), ((-7.4, 9.8), 5), ((12.5, -8.0), 6)):
        draw_tree(picture, big, foot, height=5.0, seed=seed)
    draw_post(picture, big, (5.2, 5.4), 6.0, (88.0, 90.0, 92.0))
    return Place(camera, reduced(picture), 0.42)


def _paint_crossing(ground: GroundColours) -> None:
    x, z = ground.x, ground.z
    across, along = np.abs(x), np.abs(z)
    road = (across < 3.8) | (along < 3.8)
    ground.paint(np.ones_like(road), _PAVING)
    ground.paint(
        (stripes(x, period=0.9, wide=0.05) | stripes(z, period=0.9, wide=0.05)), (138, 133, 125)
    )
    ground.paint((across < 4.0) | (along < 4.0), _CURB)
    ground.paint(road, _ASPHALT)
    for offset, other, free in ((x, z, along), (z, x, across)):
        dashes = near(offset, 0, wide=0.14) & stripes(other, period=3.0, wide=1.6) & (free > 8.2)
        zebra = (np.abs(free - 5.9) < 1.2) & stripes(offset + 0.2, period=0.95, wide=0.5)
        stop = (np.abs(free - 7.8) < 0.18) & (
            np.sign(offset) == -np.sign(other) * _side(offset is x)
        )
        ground.paint((dashes | stop | zebra) & (np.abs(offset) < 3.8), _LINE)
    ground.grain(size_metres=0.12, amount=0.035, seed=10)
    ground.grain(size_metres=1.7, amount=0.04, seed=11)


def _side(is_north_south: bool) -> float:
    return 1.0 if is_north_south else -1.0


def arcade() -> Place:
    """A pedestrian street with shops on the far side."""
    camera = Camera((-2.5, 5.2, -4.5), (0.5, 0.6, 7.0), 470)
    picture = ground_picture(camera, _paint_arcade, sky=_SKY)
    big = supersampled(camera)
    shops = ((146, 52, 48), (52, 92, 84), (178, 140, 62), (66, 76, 122), (128, 72, 96))
    front = Wall((-16, 13.5), (18, 13.5), 9.6)
    style = FacadeStyle((176, 160, 138), shop_colours=shops, storey_metres=3.6)
    paste_wall(picture, big, front, facade(front, style, seed=20))
    for foot in ((-6.5, 10.5), (5.5, 10.5)):
        draw_post(picture, big, foot, 4.2, (54.0, 58.0, 60.0))
    draw_tree(picture, big, (9.2, 9.0), height=4.2, seed=21)
    return Place(camera, reduced(picture), 0.38)


def _paint_arcade(ground: GroundColours) -> None:
    x, z = ground.x, ground.z
    ground.paint(np.ones(x.shape, bool), (158, 150, 140))
    ground.paint(stripes(x + 0.5 * np.floor(z / 0.8), period=1.0, wide=0.04), (132, 125, 116))
    ground.paint(stripes(z, period=0.8, wide=0.04), (132, 125, 116))
    ground.paint(near(z, 4.0, wide=0.7), (112, 106, 100))
    ground.paint(near(z, 11.2, wide=0.25), _CURB)
    ground.grain(size_metres=0.5, amount=0.035, seed=22)
    ground.grain(size_metres=0.08, amount=0.03, seed=23)


def depot() -> Place:
    """A yard with containers and a parked van, in evening light."""
    camera = Camera((-6.0, 6.5, -9.0), (2.0, 0.8, 7.0), 490)
    picture = ground_picture(camera, _paint_depot, sky=(150.0, 142.0, 140.0))
    big = supersampled(camera)
    hall = Wall((-16, 19), (24, 19), 7.5)
    paste_wall(picture, big, hall, corrugated(hall, (124, 128, 130), seed=30))
    boxes = (
        (Wall((-9.5, 14), (-3.5, 14), 2.6), Wall((-3.5, 14), (-3.5, 16.4), 2.6), (132, 62, 46)),
        (Wall((1.5, 14.5), (7.5, 14.5), 2.6), None, (46, 82, 112)),
        (Wall((8.5, 12.0), (14.5, 12.0), 2.6), None, (70, 96, 66)),
    )
    for index, (face, side, colour) in enumerate(boxes):
        paste_wall(picture, big, face, corrugated(face, colour, seed=31 + index))
        if side is not None:
            dark = (colour[0] * 0.8, colour[1] * 0.8, colour[2] * 0.8)
            paste_wall(picture, big, side, corrugated(side, dark, seed=35))
    dusk = picture.astype(np.float32) * (0.86, 0.78, 0.72)
    return Place(camera, reduced(dusk.astype(np.uint8)), 0.28)


def _paint_depot(ground: GroundColours) -> None:
    x, z = ground.x, ground.z
    ground.paint(np.ones(x.shape, bool), (124, 120, 114))
    ground.paint(
        stripes(x, period=5.0, wide=0.06) | stripes(z, period=5.0, wide=0.06), (98, 94, 90)
    )
    ground.paint(near(z, 3.0, wide=0.16) & (x > -12) & (x < 16), (186, 164, 74))
    ground.grain(size_metres=0.7, amount=0.05, seed=40)
    ground.grain(size_metres=0.1, amount=0.035, seed=41)


def promenade() -> Place:
    """A path through grass with trees and benches."""
    camera = Camera((5.0, 5.8, -6.0), (-1.5, 0.4, 8.0), 480)
    picture = ground_picture(camera, _paint_promenade, sky=_SKY)
    big = supersampled(camera)
    front = Wall((-34, 34), (20, 34), 11)
    paste_wall(picture, big, front, facade(front, FacadeStyle((150, 142, 136)), seed=50))
    for foot, seed in (((-9, 20), 51), ((6.5, 19), 52), ((-10.5, 11), 53), ((7.5, 9.5), 54)):
        draw_tree(picture, big, foot, height=5.5, seed=seed)
    for foot in ((-4.4, 6.0), (-4.4, 16.0)):
        draw_post(picture, big, foot, 4.5, (60.0, 64.0, 62.0))
    return Place(camera, reduced(picture), 0.40)


def _paint_promenade(ground: GroundColours) -> None:
    x, z = ground.x, ground.z
    ground.paint(np.ones(x.shape, bool), _GRASS)
    ground.grain(size_metres=0.10, amount=0.13, seed=55)
    path = (np.abs(x) < 3.4) | near(z, 11.0, wide=2.4)
    ground.paint((np.abs(x) < 3.55) | near(z, 11.0, wide=2.7), (170, 164, 152))
    ground.paint(path, (156, 148, 132))
    ground.paint(path & stripes(z, period=2.0, wide=0.05), (138, 130, 116))
    ground.grain(size_metres=0.9, amount=0.04, seed=56)
    ground.grain(size_metres=0.09, amount=0.035, seed=57)


def ring_road() -> Place:
    """A road of four lanes, seen from a bridge."""
    camera = Camera((-1.0, 7.5, -6.0), (0.6, 0.0, 13.0), 500)
    picture = ground_picture(camera, _paint_ring_road, sky=_SKY)
    big = supersampled(camera)
    for foot, seed in (((-12, 40), 60), ((13, 36), 61), ((-12.5, 24), 62), ((13.5, 20), 63)):
        draw_tree(picture, big, foot, height=6.0, seed=seed)
    for z in (30.0, 16.0):
        draw_post(picture, big, (9.4, z), 7.0, (110.0, 112.0, 114.0))
    return Place(camera, reduced(picture), 0.42)


def _paint_ring_road(ground: GroundColours) -> None:
    x, z = ground.x, ground.z
    across = np.abs(x)
    ground.paint(np.ones(x.shape, bool), _GRASS)
    ground.grain(size_metres=0.15, amount=0.12, seed=64)
    ground.paint(across < 9.0, (128, 124, 118))
    ground.paint(across < 8.2, _ASPHALT)
    ground.paint(near(across, 7.8, wide=0.16), _LINE)
    ground.paint(near(across, 4.2, wide=0.13) & stripes(z, period=5.0, wide=2.2), _LINE)
    ground.paint(across < 0.6, (140, 138, 132))
    ground.paint(near(across, 0.45, wide=0.14), (196, 178, 88))
    ground.grain(size_metres=1.2, amount=0.035, seed=65)
    ground.grain(size_metres=0.1, amount=0.03, seed=66)


def corridor() -> Place:
    """A corridor at night under infra-red light: grey, bright in the middle, dark at the end."""
    camera = Camera((0.55, 2.65, -1.0), (-0.1, 0.7, 9.0), 430)
    picture = ground_picture(camera, _paint_corridor, sky=(52.0, 52.0, 52.0))
    big = supersampled(camera)
    end = Wall((-1.7, 21), (1.7, 21), 2.9)
    paste_wall(picture, big, end, plaster(76, 88, (84, 84, 84), seed=70))
    style = FacadeStyle((132, 132, 132), (88.0, 88.0, 88.0), storey_metres=2.9, bay_metres=4.0)
    for wall, seed in (
        (Wall((-1.7, 0.2), (-1.7, 21), 2.9), 71),
        (Wall((1.7, 21), (1.7, 0.2), 2.9), 72),
    ):
        texture = plaster(76, round(wall.length * 26), style.plaster, seed=seed)
        for door in range(60, texture.shape[1] - 40, 104):
            texture[22:, door : door + 27] = 86
            texture[24:, door + 2 : door + 25] = 104
            texture[50:53, door + 20 : door + 24] = 170
        texture[70:] = 66
        paste_wall(picture, big, wall, texture)
    lit = picture.astype(np.float32) * _infrared_falloff(picture.shape[:2])
    return Place(camera, reduced(np.clip(lit, 0, 255).astype(np.uint8)), 0.30)


def _paint_corridor(ground: GroundColours) -> None:
    x, z = ground.x, ground.z
    ground.paint(np.ones(x.shape, bool), (96, 96, 96))
    tile = stripes(x, period=0.6, wide=0.025) | stripes(z, period=0.6, wide=0.025)
    ground.paint(tile, (74, 74, 74))
    ground.grain(size_metres=0.6, amount=0.06, seed=73)


def _infrared_falloff(shape: tuple[int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    across = (columns / shape[1] - 0.5) / 0.55
    down = (rows / shape[0] - 0.62) / 0.62
    falloff: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = np.exp(
        -(across**2 + down**2) * 0.9
    )
    return (0.28 + 0.62 * falloff)[..., None]


def car_park() -> Place:
    """Two rows of marked bays with parked cars."""
    camera = Camera((-8.5, 8.5, -10.0), (1.5, 0.0, 5.0), 470)
    picture = ground_picture(camera, _paint_car_park, sky=_SKY)
    big = supersampled(camera)
    front = Wall((-22, 17.5), (26, 17.5), 10)
    paste_wall(picture, big, front, facade(front, FacadeStyle((166, 154, 146)), seed=80))
    draw_tree(picture, big, (-6.5, 14.5), height=4.6, seed=81)
    draw_tree(picture, big, (13.5, 14.5), height=4.6, seed=82)
    return Place(camera, reduced(picture), 0.40)


def _paint_car_park(ground: GroundColours) -> None:
    x, z = ground.x, ground.z
    ground.paint(np.ones(x.shape, bool), (104, 103, 104))
    bays = (
        stripes(x + 1.3, period=2.6, wide=0.12)
        & (((z > 8.6) & (z < 13.6)) | ((z < 1.9) & (z > -3.2)))
        & (np.abs(x - 1.3) < 13.2)
    )
    ground.paint(bays, _LINE)
    ground.paint(z > 13.8, _CURB)
    ground.paint(z > 14.1, _PAVING)
    ground.paint(near(z, 5.2, wide=0.12) & stripes(x, period=3.0, wide=1.5), _LINE)
    ground.grain(size_metres=1.4, amount=0.05, seed=83)
    ground.grain(size_metres=0.1, amount=0.035, seed=84)
