"""The four films without an abnormal event."""

from datetime import UTC, datetime

import numpy as np

from engine.demo import places
from engine.demo.film import Driver, Film, Walker, constant_rate, parked
from engine.demo.people import Outfit
from engine.demo.sensor import Sensor
from engine.demo.tracks import Track
from engine.demo.vehicles import CAR, VAN

_COLOURS = (
    (176, 176, 178),
    (58, 64, 76),
    (150, 46, 44),
    (46, 74, 118),
    (206, 202, 192),
    (64, 94, 76),
    (120, 104, 82),
    (36, 38, 42),
    (96, 120, 140),
    (198, 170, 96),
)


def walkers_in_park() -> Film:
    """People walk along a path in both directions; one stops for a while."""
    tops = (
        (64, 92, 150),
        (170, 60, 58),
        (208, 206, 200),
        (92, 120, 84),
        (190, 156, 88),
        (70, 70, 82),
    )
    legs = ((60, 56, 54), (48, 50, 62), (74, 82, 110), (52, 50, 48), (66, 70, 80), (58, 60, 70))
    outfits = [Outfit(top, leg) for top, leg in zip(tops, legs, strict=True)]
    tracks = (
        Track(((0.0, -1.8, 6.0), (19.0, -1.5, 30.0))),
        Track(((0.0, 1.2, 20.0), (17.0, 2.0, -2.0))),
        Track(((4.0, -14.0, 11.2), (26.0, 14.0, 10.8))),
        Track(((7.0, 0.6, 32.0), (18.0, 0.2, 17.0), (25.0, 0.2, 17.0), (34.0, -0.4, 4.0))),
        Track(((11.0, 2.6, -1.5), (34.0, 2.2, 26.0))),
        Track(((16.0, -2.6, 0.5), (34.0, -1.4, 22.0))),
    )
    return Film(
        "promenade",
        "Normal",
        places.promenade,
        Sensor("CAM 08  PROMENADE", datetime(2024, 6, 22, 10, 27, 3, tzinfo=UTC), 3.0, 104),
        constant_rate(32.0, fps=12.5),
        tuple(Walker(track, outfit) for track, outfit in zip(tracks, outfits, strict=True)),
    )


def traffic() -> Film:
    """Cars pass in four lanes; the recorder drops frames, so the rate varies."""
    rng = np.random.default_rng(205)
    drivers = []
    for index in range(17):
        lane = (2.2, 6.0, -2.4, -6.1)[int(rng.integers(4))]
        start = -3.0 + 2.05 * index + float(rng.uniform(-0.4, 0.4))
        speed = float(rng.uniform(12, 15)) * (1.12 if abs(lane) < 4 else 0.9)
        near, far = -5.0, 85.0
        ends = (near, far) if lane > 0 else (far, near)
        track = Track(((start, lane, ends[0]), (start + 90 / speed, lane, ends[1])))
        shape = VAN if index % 5 == 3 else CAR
        drivers.append(Driver(track, _COLOURS[index % len(_COLOURS)], shape))
    return Film(
        "ring_road",
        "Normal",
        places.ring_road,
        Sensor("CAM 14  RING ROAD", datetime(2024, 4, 2, 8, 15, 50, tzinfo=UTC), 3.2, 105),
        _dropped(constant_rate(30.0, fps=15), seed=206),
        drivers=tuple(drivers),
    )


def night_corridor() -> Film:
    """A dark corridor; one person walks through it, once."""
    guard = Outfit((88, 88, 88), (52, 52, 52), (40, 40, 40))
    track = Track(((9.0, 0.4, 20.0), (24.5, -0.2, 0.5)))
    return Film(
        "corridor",
        "Normal",
        places.corridor,
        Sensor(
            "CAM 21  CORRIDOR B",
            datetime(2024, 2, 18, 2, 33, 17, tzinfo=UTC),
            5.0,
            107,
            is_infrared=True,
        ),
        constant_rate(30.0, fps=12.5),
        (Walker(track, guard),),
    )


def parking() -> Film:
    """A car parks and its driver walks off; another person crosses; a van leaves."""
    arriving = Driver(
        Track(
            (
                (1.0, -26, 5.0),
                (6.0, -3.5, 5.0),
                (7.6, -0.2, 6.2),
                (9.8, 0.0, 11.2),
                (34.0, 0.0, 11.2),
            ),
            1.4,
        ),
        (168, 52, 46),
    )
    leaving = Driver(
        Track(
            (
                (0.0, 7.8, 11.2),
                (17.0, 7.8, 11.2),
                (20.0, 7.6, 5.4),
                (22.5, 12.0, 4.6),
                (26.0, 34, 4.6),
            ),
            1.6,
            ((0, np.pi), (18.0, np.pi), (20.5, np.pi * 0.75), (22.5, np.pi / 2), (34, np.pi / 2)),
        ),
        (206, 204, 198),
        VAN,
    )
    people = (
        Walker(
            Track(((12.0, -1.3, 10.4), (14.0, -1.4, 8.0), (26.0, -15.0, 5.6))),
            Outfit((58, 60, 70), (44, 46, 54)),
        ),
        Walker(
            Track(((3.0, 14.0, 14.8), (24.0, -13.0, 14.9))), Outfit((178, 150, 92), (64, 62, 70))
        ),
        Walker(Track(((18.0, -9.0, 2.6), (32.0, 10.0, 2.2))), Outfit((72, 108, 150), (60, 56, 52))),
    )
    return Film(
        "car_park",
        "Normal",
        places.car_park,
        Sensor("CAM 17  CAR PARK NORTH", datetime(2024, 8, 29, 18, 2, 26, tzinfo=UTC), 3.2, 108),
        constant_rate(30.0, fps=12.5),
        people,
        (arriving, leaving, *_parked_cars()),
    )


def _parked_cars() -> tuple[Driver, ...]:
    far = (-7.8, (60, 66, 78)), (-2.6, (178, 178, 180)), (2.6, (104, 40, 40)), (5.2, (44, 78, 66))
    near = (2.6, (150, 132, 96)), (7.8, (40, 44, 52))
    return (
        *(parked(x, 11.2, np.pi, colour, until_seconds=40) for x, colour in far),
        *(parked(x, -0.6, 0.0, colour, until_seconds=40) for x, colour in near),
        parked(10.4, 11.2, np.pi, (206, 204, 198), until_seconds=40),
    )


def _dropped(times: tuple[float, ...], *, seed: int) -> tuple[float, ...]:
    """The times without some frames, as a recorder under load drops them; first and last stay."""
    rng = np.random.default_rng(seed)
    keep = rng.random(len(times)) > np.where((np.array(times) % 10) < 4, 0.55, 0.08)
    keep[0] = keep[-1] = True
    return tuple(time for time, kept in zip(times, keep, strict=True) if kept)
