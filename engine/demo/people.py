"""People as jointed figures: walking, standing, scuffling, lying."""

from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.demo.camera import Camera, Points
from engine.demo.paint import Rgb, ground_shadow, shade
from engine.demo.vehicles import Placement
from engine.media.frames import RgbImage

_THIGH, _SHIN, _UPPER_ARM, _FOREARM = 0.45, 0.45, 0.29, 0.27
_TURN = np.linspace(-np.pi / 2, np.pi / 2, 6)
_ROUND_END = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)
_SKIN: Rgb = (205.0, 164.0, 136.0)


@dataclass(frozen=True)
class Outfit:
    """What a figure wears."""

    top: Rgb
    legs: Rgb
    hair: Rgb = (50.0, 38.0, 30.0)
    height_scale: float = 1.0


@dataclass(frozen=True)
class Pose:
    """Angles in radians, 0 straight down, positive to the front; left and right."""

    thighs: tuple[float, float] = (0.0, 0.0)
    knees: tuple[float, float] = (0.0, 0.0)
    arms: tuple[float, float] = (0.0, 0.0)
    elbows: tuple[float, float] = (0.1, 0.1)
    lean: float = 0.0
    fall: float = 0.0
    """0 upright, pi/2 flat on the back."""


def walking(distance_metres: float, *, speed_mps: float) -> Pose:
    """The pose of a walk after that distance; longer strides when faster, a stand at speed 0."""
    phase = distance_metres * 2 * np.pi / (1.35 if speed_mps < 2.2 else 2.1)
    reach = min(0.85, 0.31 * speed_mps)
    left, right = float(np.sin(phase)), float(np.sin(phase + np.pi))
    lift = (float(max(0.0, np.cos(phase))), float(max(0.0, -np.cos(phase))))
    bend = 0.12 if speed_mps < 2.2 else 1.2
    return Pose(
        thighs=(reach * left, reach * right),
        knees=(1.5 * reach * lift[0], 1.5 * reach * lift[1]),
        arms=(reach * right, reach * left),
        elbows=(bend + 0.2 * reach, bend + 0.2 * reach),
        lean=0.03 + (0.12 if speed_mps > 2.2 else 0.0),
    )


def scuffling(time_seconds: float, *, seed: int) -> Pose:
    """Quick, irregular blows and steps."""
    beat = 2 * np.pi * time_seconds
    jab = (float(np.sin(2.3 * beat + seed)), float(np.sin(1.9 * beat + 2 * seed + 1)))
    step = float(np.sin(1.6 * beat + seed))
    return Pose(
        thighs=(0.25 + 0.5 * step, -0.2 - 0.5 * step),
        knees=(0.35 + 0.2 * jab[0], 0.45 + 0.2 * jab[1]),
        arms=(1.25 + 0.75 * jab[0], 1.25 + 0.75 * jab[1]),
        elbows=(0.9 - 0.85 * jab[0], 0.9 - 0.85 * jab[1]),
        lean=0.22 + 0.22 * float(np.sin(1.3 * beat + 2 * seed)),
    )


def lying(pose: Pose, *, share: float) -> Pose:
    """The pose on its way to the ground; share 0 upright .. 1 flat."""
    return replace(pose, fall=share * np.pi / 2)


def draw_person(
    image: RgbImage, camera: Camera, at: Placement, *, pose: Pose, outfit: Outfit
) -> None:
    """Draw one figure; limbs on the far side first."""
    joints_px, depths = camera.project(_joints(at, pose, outfit.height_scale))
    if depths.min() < 0.8:
        return
    metre_px = camera.focal_px / float(depths.mean()) * outfit.height_scale
    sides = sorted((0, 1), key=lambda side: -float(depths[4 + side]))
    for order, side in enumerate(sides):
        light = 0.82 if order == 0 else 1.0
        _draw_leg(image, joints_px, side, metre_px, shade(outfit.legs, light))
        if order == 0:
            _draw_arm(image, joints_px, side, metre_px, shade(outfit.top, light * 0.9))
            _draw_trunk(image, joints_px, metre_px, outfit)
        else:
            _draw_arm(image, joints_px, side, metre_px, shade(outfit.top, 0.93))


def draw_person_shadow(
    mask: NDArray[np.uint8], camera: Camera, at: Placement, *, pose: Pose, outfit: Outfit
) -> None:
    """Add the figure's shadow to the mask."""
    joints = _joints(at, pose, outfit.height_scale)
    shadow_px, depths = camera.project(ground_shadow(joints))
    if depths.min() < 0.8:
        return
    metre_px = camera.focal_px / float(depths.mean())
    for chain in ((0, 1), (2, 6, 8), (3, 7, 9), (4, 10, 12), (5, 11, 13)):
        for start, end in pairwise(chain):
            wide = 0.36 if chain == (0, 1) else 0.15
            _limb(mask, shadow_px[start], shadow_px[end], wide * metre_px, 255.0)


def _joints(at: Placement, pose: Pose, height_scale: float) -> Points:
    """Fourteen: neck, pelvis, then left and right hip, shoulder, knee, ankle, elbow, hand."""
    sink = _leg_length(pose)
    pelvis = np.array([0.0, sink, 0.0])
    neck = pelvis + 0.53 * np.array([0.0, np.cos(pose.lean), np.sin(pose.lean)])
    joints = np.zeros((14, 3))
    joints[0], joints[1] = neck, pelvis
    for side, sign in enumerate((-1.0, 1.0)):
        hip, shoulder = (
            pelvis + np.array((sign * 0.1, 0, 0)),
            neck + np.array((sign * 0.2, -0.04, 0)),
        )
        thigh, arm = pose.thighs[side], pose.arms[side] + pose.lean
        knee = hip + _THIGH * _swing(thigh)
        elbow = shoulder + _UPPER_ARM * _swing(arm)
        joints[2 + side], joints[4 + side] = hip, shoulder
        joints[6 + side] = knee
        joints[8 + side] = knee + _SHIN * _swing(thigh - pose.knees[side])
        joints[10 + side] = elbow
        joints[12 + side] = elbow + _FOREARM * _swing(arm + pose.elbows[side])
    return at.to_world(_fallen(joints * height_scale, pose.fall))


def _leg_length(pose: Pose) -> float:
    reaches = [
        _THIGH * np.cos(thigh) + _SHIN * np.cos(thigh - knee)
        for thigh, knee in zip(pose.thighs, pose.knees, strict=True)
    ]
    return float(max(reaches)) + 0.04


def _swing(angle: float) -> Points:
    return np.array([0.0, -np.cos(angle), np.sin(angle)])


def _fallen(joints: Points, angle: float) -> Points:
    if angle == 0:
        return joints
    turned = joints.copy()
    turned[:, 1] = joints[:, 1] * np.cos(angle) + joints[:, 2] * np.sin(angle) + 0.12
    turned[:, 2] = joints[:, 2] * np.cos(angle) - joints[:, 1] * np.sin(angle)
    return turned


def _draw_leg(image: RgbImage, px: Points, side: int, metre_px: float, colour: Rgb) -> None:
    hip, knee, ankle = px[2 + side], px[6 + side], px[8 + side]
    _limb(image, hip, knee, 0.17 * metre_px, colour)
    _limb(image, knee, ankle, 0.13 * metre_px, colour)
    foot = ankle + np.array((0.0, 0.03 * metre_px))
    _limb(image, ankle, foot, 0.14 * metre_px, (38.0, 34.0, 32.0))


def _draw_arm(image: RgbImage, px: Points, side: int, metre_px: float, colour: Rgb) -> None:
    shoulder, elbow, hand = px[4 + side], px[10 + side], px[12 + side]
    _limb(image, shoulder, elbow, 0.115 * metre_px, colour)
    _limb(image, elbow, hand, 0.095 * metre_px, colour)
    _disc(image, hand, 0.055 * metre_px, _SKIN)


def _draw_trunk(image: RgbImage, px: Points, metre_px: float, outfit: Outfit) -> None:
    neck, pelvis = px[0], px[1]
    spine = neck - pelvis
    _limb(image, pelvis + 0.05 * spine, pelvis + 0.80 * spine, 0.31 * metre_px, outfit.top)
    _limb(image, px[4], px[5], 0.15 * metre_px, outfit.top)
    head = neck + 0.30 * spine
    _disc(image, neck + 0.1 * spine, 0.06 * metre_px, shade(_SKIN, 0.85))
    _disc(image, head, 0.125 * metre_px, _SKIN)
    _disc(image, head + 0.07 * spine, 0.115 * metre_px, outfit.hair)


def _limb(
    image: NDArray[np.uint8], start: Points, end: Points, wide_px: float, colour: Rgb | float
) -> None:
    along = end - start
    length = float(np.hypot(*along))
    unit = along / length if length > 1e-6 else np.array([0.0, 1.0])
    half = max(wide_px, 1.0) / 2
    arc = _ROUND_END * half
    frame = np.array([unit, (-unit[1], unit[0])])
    outline = np.concatenate([end + arc @ frame, start - arc @ frame])
    points = np.rint(np.clip(outline, -2000, 3000) * 16).astype(np.int32)
    cv2.fillConvexPoly(image, points, colour, cv2.LINE_AA, 4)


def _disc(image: RgbImage, centre: Points, radius_px: float, colour: Rgb) -> None:
    middle = np.rint(np.clip(centre, -2000, 3000) * 16).astype(int)
    radius = max(8, round(radius_px * 16))
    cv2.circle(image, (int(middle[0]), int(middle[1])), radius, colour, -1, cv2.LINE_AA, 4)
