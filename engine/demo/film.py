"""One demo video: a place, who moves through it when, what happens, and the truth about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.demo.effects import Blast, Smoke, Wreckage
from engine.demo.paint import Rgb, apply_shadows
from engine.demo.people import Outfit, Pose, draw_person, draw_person_shadow, walking
from engine.demo.places import Place
from engine.demo.sensor import Sensor
from engine.demo.tracks import Track
from engine.demo.vehicles import CAR, Shape, draw_vehicle, draw_vehicle_shadow
from engine.media.frames import Frame, RgbImage


@dataclass(frozen=True)
class Walker:
    """A person on a track; walks where it moves, unless `pose` says otherwise at that time."""

    track: Track
    outfit: Outfit
    pose: Callable[[float], Pose | None] | None = None

    def pose_at(self, time_seconds: float) -> Pose:
        """The pose of this moment."""
        acted = self.pose(time_seconds) if self.pose is not None else None
        if acted is not None:
            return acted
        distance, speed = self.track.distance_and_speed(time_seconds)
        return walking(distance, speed_mps=speed)


@dataclass(frozen=True)
class Driver:
    """A vehicle on a track."""

    track: Track
    colour: Rgb
    shape: Shape = CAR


@dataclass(frozen=True)
class Film:
    """All that is needed to render one video and to say what happens in it."""

    id: str
    label: str
    """The folder it lies in: a category, or `Normal`."""
    place: Callable[[], Place]
    sensor: Sensor
    frame_times: tuple[float, ...]
    """When each frame is shown, in seconds, ascending."""
    walkers: tuple[Walker, ...] = ()
    drivers: tuple[Driver, ...] = ()
    wreckage: Wreckage | None = None
    blast: Blast | None = None
    smoke: Smoke | None = None
    events: tuple[tuple[float, float], ...] = ()
    """Start and end of each abnormal event, seconds; empty when normal."""
    clicks_seconds: tuple[float, ...] = ()
    """One moment inside each event."""


def parked(
    x: float, z: float, heading: float, colour: Rgb, *, until_seconds: float, shape: Shape = CAR
) -> Driver:
    """A vehicle that stands still from the start until then."""
    track = Track(((0.0, x, z), (until_seconds, x, z)), 0.0, ((0.0, heading),))
    return Driver(track, colour, shape)


def constant_rate(duration_seconds: float, *, fps: float) -> tuple[float, ...]:
    """Frame times at a steady rate from 0."""
    return tuple(index / fps for index in range(round(duration_seconds * fps)))


def render(film: Film) -> Iterator[Frame]:
    """The film's frames in order of time; the same on every run."""
    place = film.place()
    for index, time_seconds in enumerate(film.frame_times):
        picture = _draw(film, place, time_seconds)
        exposed = film.sensor.expose(picture, index=index, time_seconds=time_seconds)
        yield Frame(exposed, time_seconds)


def _draw(film: Film, place: Place, time_seconds: float) -> RgbImage:
    walkers = [one for one in film.walkers if one.track.is_on_stage(time_seconds)]
    drivers = [one for one in film.drivers if one.track.is_on_stage(time_seconds)]
    picture = place.backdrop.copy()
    mask = _shadows(place, walkers, drivers, time_seconds)
    picture = apply_shadows(picture, mask, strength=place.shadow_strength)
    if film.wreckage is not None:
        film.wreckage.draw(picture, place.camera, time_seconds)
    for _, draw in sorted(
        [_person(picture, place, one, time_seconds) for one in walkers]
        + [_vehicle(picture, place, one, time_seconds) for one in drivers],
        key=lambda entry: -entry[0],
    ):
        draw()
    return _with_effects(film, place, picture, time_seconds)


def _shadows(
    place: Place, walkers: list[Walker], drivers: list[Driver], time_seconds: float
) -> NDArray[np.uint8]:
    mask = np.zeros(place.backdrop.shape[:2], np.uint8)
    for walker in walkers:
        at, pose = walker.track.placement(time_seconds), walker.pose_at(time_seconds)
        draw_person_shadow(mask, place.camera, at, pose=pose, outfit=walker.outfit)
    for driver in drivers:
        at = driver.track.placement(time_seconds)
        draw_vehicle_shadow(mask, place.camera, at, shape=driver.shape)
    return mask


def _person(
    picture: RgbImage, place: Place, walker: Walker, time_seconds: float
) -> tuple[float, Callable[[], None]]:
    at, pose = walker.track.placement(time_seconds), walker.pose_at(time_seconds)

    def draw() -> None:
        draw_person(picture, place.camera, at, pose=pose, outfit=walker.outfit)

    return float(place.camera.project((at.x, 0, at.z))[1][0]), draw


def _vehicle(
    picture: RgbImage, place: Place, driver: Driver, time_seconds: float
) -> tuple[float, Callable[[], None]]:
    at = driver.track.placement(time_seconds)

    def draw() -> None:
        draw_vehicle(picture, place.camera, at, shape=driver.shape, colour=driver.colour)

    return float(place.camera.project((at.x, 0, at.z))[1][0]), draw


def _with_effects(film: Film, place: Place, picture: RgbImage, time_seconds: float) -> RgbImage:
    if film.smoke is not None:
        film.smoke.draw(picture, place.camera, time_seconds)
    if film.blast is None:
        return picture
    film.blast.draw(picture, place.camera, time_seconds)
    right, down = film.blast.shake_px(time_seconds)
    if right == 0 and down == 0:
        return picture
    shift = np.array([[1, 0, right], [0, 1, down]], np.float32)
    size = (picture.shape[1], picture.shape[0])
    moved = cv2.warpAffine(picture, shift, size, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.uint8)
