"""The three films with abnormal events: a collision, two scuffles, an explosion."""

from datetime import UTC, datetime

import numpy as np

from engine.demo import places
from engine.demo.effects import Blast, Smoke, Wreckage
from engine.demo.film import Driver, Film, Walker, constant_rate, parked
from engine.demo.people import Outfit, Pose, lying, scuffling
from engine.demo.sensor import Sensor
from engine.demo.tracks import Key, Track
from engine.demo.vehicles import VAN

_DARK_SUIT = Outfit((52, 56, 66), (40, 42, 50))
_RED_COAT = Outfit((150, 44, 44), (58, 60, 74))
_BLUE_COAT = Outfit((58, 88, 146), (64, 58, 52))
_GREEN_COAT = Outfit((84, 112, 78), (50, 48, 58), height_scale=0.96)
_OCHRE_COAT = Outfit((186, 150, 82), (70, 74, 84), height_scale=0.98)
_WHITE_SHIRT = Outfit((206, 206, 202), (56, 66, 92))
_GREY_HOOD = Outfit((118, 118, 120), (44, 44, 50), (70, 70, 74))
_WORKER = Outfit((222, 132, 40), (60, 62, 72), (224, 196, 60))

_CRASH_SECONDS = 14.0


def collision() -> Film:
    """A red car drives into a van on a crossing."""
    red = Track(
        (
            *_straight(8.6, (-47.6, -1.9), _CRASH_SECONDS, (0.4, -1.9)),
            (14.5, 3.4, -0.4),
            (15.1, 4.6, 0.3),
            (30.0, 4.6, 0.3),
        ),
        ease_seconds=0.2,
        headings=((0, np.pi / 2), (14.0, np.pi / 2), (14.6, 0.75), (15.1, 0.55), (30, 0.55)),
    )
    van = Track(
        (
            *_straight(9.6, (1.9, -38.0), _CRASH_SECONDS, (1.9, -3.4)),
            (14.5, 4.2, 0.6),
            (15.2, 5.6, 3.0),
            (30.0, 5.6, 3.0),
        ),
        ease_seconds=0.2,
        headings=((0, 0.0), (14.0, 0.0), (14.5, 0.75), (15.2, 1.25), (30, 1.25)),
    )
    traffic = (
        Driver(Track(((0.0, -22, -1.9), (5.2, 26, -1.9))), (64, 88, 122)),
        Driver(Track(((2.5, 30, 1.9), (8.4, -24, 1.9))), (196, 196, 192)),
        Driver(Track(((4.6, -1.9, 42), (10.6, -1.9, -20))), (58, 92, 72)),
        Driver(
            Track(((16.0, 34, 1.9), (19.6, 11.5, 1.9), (30.0, 11.5, 1.9)), 1.6), (150, 146, 138)
        ),
        Driver(Track(((18.0, -1.9, 44), (22.0, -1.9, 13), (30.0, -1.9, 13)), 1.6), (48, 52, 60)),
    )
    onlookers = (
        Walker(Track(((20.5, -15.0, -5.4), (30.0, -4.8, -5.2))), _GREY_HOOD),
        Walker(Track(((0.0, -8.0, -5.2), (11.0, 4.8, -5.9))), _OCHRE_COAT),
        Walker(Track(((0.0, 9.5, 6.0), (15.0, -7.0, 6.0), (30.0, -22, 6.0))), _BLUE_COAT),
        Walker(
            Track(
                (
                    (6.0, -5.4, 13),
                    (15.2, -5.4, 4.6),
                    (16.0, -5.4, 4.6),
                    (19.0, 2.2, 2.2),
                    (30.0, 2.2, 2.0),
                )
            ),
            _WHITE_SHIRT,
        ),
        Walker(
            Track(
                (
                    (6.0, 5.6, -14),
                    (15.5, 5.8, -5.6),
                    (16.5, 5.8, -5.4),
                    (18.6, 4.6, -2.0),
                    (30.0, 4.7, -2.0),
                )
            ),
            _DARK_SUIT,
        ),
    )
    return Film(
        "crossing",
        "RoadAccidents",
        places.crossing,
        Sensor("CAM 02  CROSSING", datetime(2024, 5, 14, 16, 41, 8, tzinfo=UTC), 3.2, 101),
        constant_rate(30.0, fps=12.5),
        onlookers,
        (Driver(red, (176, 38, 36)), Driver(van, (214, 214, 210), VAN), *traffic),
        wreckage=Wreckage((1.9, -1.8), _CRASH_SECONDS, (3.0, 3.0), 7),
        smoke=Smoke((4.6, 0.8, 0.8), 14.4, 21.0, 5, 3.0, 0.7, 0.6, (196, 196, 196), 8),
        events=((13.6, 20.0),),
        clicks_seconds=(14.6,),
    )


def scuffles() -> Film:
    """Two men fight, part, and fight again until one lies on the ground."""
    left: tuple[Key, ...] = (
        (0.0, -9.5, 5.0),
        (8.0, -1.3, 6.4),
        (9.0, -0.55, 6.5),
        (16.5, -0.4, 6.6),
        (18.5, -4.0, 6.0),
        (23.5, -3.6, 6.0),
        (25.0, 0.6, 6.9),
        (31.5, 1.2, 7.0),
        (33.0, 1.0, 6.9),
        (37.0, -10.5, 5.0),
    )
    right: tuple[Key, ...] = (
        (0.0, 11.0, 9.0),
        (8.0, 1.4, 6.8),
        (9.0, 0.55, 6.6),
        (16.5, 0.6, 6.4),
        (18.0, 2.4, 7.2),
        (24.4, 2.3, 7.3),
        (25.2, 1.7, 7.2),
        (29.5, 2.4, 7.4),
        (37.0, 2.4, 7.4),
    )
    passers = (
        Walker(Track(((0.0, -4.0, 10.0), (13.0, 12.5, 10.4))), _GREEN_COAT),
        Walker(Track(((2.5, 10.0, 8.8), (16.5, -11.5, 9.4))), _BLUE_COAT),
        Walker(
            Track(((12.0, -11.0, 10.2), (15.0, -6.0, 10.0), (22.0, -5.6, 10.2), (37.0, 13, 10.4))),
            _OCHRE_COAT,
        ),
        Walker(Track(((19.0, 12.0, 9.6), (31.0, -8.0, 10.2), (37.0, -14.0, 10.4))), _WHITE_SHIRT),
    )
    facing_right = (
        (0.0, 1.4),
        (17.0, 1.4),
        (17.4, 4.6),
        (22.5, 4.6),
        (23.2, 1.35),
        (32.2, 1.35),
        (33.0, 4.5),
        (37.0, 4.5),
    )
    facing_left = ((0.0, 4.4), (16.9, 4.7), (17.3, 1.6), (18.4, 1.6), (19.0, 4.7), (37.0, 4.7))
    fighters = (
        Walker(Track(_shuffled(left, 3), 0.3, facing_right), _GREY_HOOD, _attacker_pose),
        Walker(Track(_shuffled(right, 4), 0.3, facing_left), _RED_COAT, _victim_pose),
    )
    return Film(
        "arcade",
        "Fighting",
        places.arcade,
        Sensor("CAM 05  ARCADE EAST", datetime(2024, 9, 7, 13, 5, 31, tzinfo=UTC), 3.4, 102),
        constant_rate(36.0, fps=12.5),
        (*passers, *fighters),
        events=((8.8, 16.8), (24.2, 31.6)),
        clicks_seconds=(12.4, 27.0),
    )


def explosion() -> Film:
    """A van in a yard blows up; smoke grows and people run."""
    workers = (
        Walker(
            Track(((0.0, -8.0, 4.0), (9.5, 0.4, 5.0), (11.2, 0.6, 5.0), (15.5, -14.0, 3.0))),
            _WORKER,
        ),
        Walker(
            Track(((1.0, 12.0, 9.4), (10.0, 7.0, 5.2), (11.3, 6.4, 4.6), (15.4, 5.0, -8.0))),
            _BLUE_COAT,
        ),
        Walker(Track(((20.5, -12.0, 4.0), (24.5, -4.2, 3.2), (29.0, -4.4, 3.0))), _DARK_SUIT),
    )
    forklift = Driver(Track(((3.0, 18.0, 1.2), (9.6, -14.0, 0.6))), (196, 158, 52))
    whole = parked(3.4, 8.2, 2.2, (206, 198, 184), until_seconds=11.02, shape=VAN)
    standing = Track(((11.03, 3.4, 8.2), (28.0, 3.4, 8.2)), 0.0, ((0.0, 2.28),))
    burnt = Driver(standing, (54, 48, 46), VAN)
    source = (3.4, 1.1, 8.2)
    return Film(
        "depot",
        "Explosion",
        places.depot,
        Sensor("CAM 11  DEPOT YARD", datetime(2024, 11, 3, 17, 12, 44, tzinfo=UTC), 4.0, 103),
        constant_rate(28.0, fps=12.5),
        workers,
        (forklift, whole, burnt),
        blast=Blast(source, 11.0, 9),
        smoke=Smoke((3.4, 1.9, 8.2), 11.2, 28.0, 8, 6.5, 1.7, 1.9, (66, 62, 60), 10),
        events=((11.0, 22.0),),
        clicks_seconds=(11.4,),
    )


def _straight(
    speed_mps: float, start: tuple[float, float], end_seconds: float, end: tuple[float, float]
) -> tuple[Key, Key]:
    """Two keys of a straight drive that arrives at `end` at that time and speed."""
    length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    return (end_seconds - length / speed_mps, *start), (end_seconds, *end)


def _shuffled(keys: tuple[Key, ...], seed: int) -> tuple[Key, ...]:
    """The keys with quick small steps added while the figure fights."""
    rng = np.random.default_rng(seed)
    times = np.array([key[0] for key in keys])
    grid = np.unique(np.concatenate([times, np.arange(9.0, 16.5, 0.4), np.arange(25.2, 29.5, 0.4)]))
    x = np.interp(grid, times, [key[1] for key in keys])
    z = np.interp(grid, times, [key[2] for key in keys])
    busy = ((grid > 9.0) & (grid < 16.4)) | ((grid > 25.2) & (grid < 29.4))
    x += np.where(busy, rng.normal(size=len(grid)) * 0.22, 0)
    z += np.where(busy, rng.normal(size=len(grid)) * 0.20, 0)
    return tuple((float(a), float(b), float(c)) for a, b, c in zip(grid, x, z, strict=True))


def _attacker_pose(time_seconds: float) -> Pose | None:
    if 8.8 <= time_seconds < 16.6 or 24.8 <= time_seconds < 31.2:
        return scuffling(time_seconds, seed=1)
    return None


def _victim_pose(time_seconds: float) -> Pose | None:
    if 8.8 <= time_seconds < 16.6 or 25.0 <= time_seconds < 28.6:
        return scuffling(time_seconds + 0.31, seed=2)
    if time_seconds >= 28.6:
        curled = Pose((0.5, 0.2), (0.8, 0.5), (0.9, 0.4), (1.2, 0.8), 0.2)
        return lying(curled, share=min(1.0, (time_seconds - 28.6) / 0.7))
    return None
