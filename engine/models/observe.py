"""8 to 16 frames of a clip -> what can be measured in them, by classical computer vision.

Nothing here knows what a person or a car is: OpenCV 5 has no HOG people detector any more
(`cv2.HOGDescriptor` went away after 4.x), so the words are "moving region" and "upright moving
region". All thresholds stand in `pictures.THRESHOLDS` and in the captioner's fingerprint.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.media.frames import Frame
from engine.models.light import colour_changes, cuts, light_changes
from engine.models.movement import agitation, meetings, motion_changes
from engine.models.pictures import THRESHOLDS, Grey, Happening, Pictures, make_pictures, pairs
from engine.models.regions import (
    MIN_FRAMES_SEEN,
    Blob,
    Region,
    describe_region,
    find_blobs,
    follow,
)


@dataclass(frozen=True)
class Observation:
    """All that was measured in one clip; small, and can be pickled."""

    num_frames: int
    num_corrupt: int
    times_seconds: tuple[float, ...]
    """When each frame is shown, counted from the first."""
    brightness: tuple[float, ...]
    """Mean grey level 0..255 per frame."""
    moving_shares: tuple[float, ...]
    """Per frame, the share of the picture that differs from the still background."""
    is_camera_moving: bool
    is_low_light: bool
    is_colourless: bool
    max_regions_at_once: int
    regions: tuple[Region, ...]
    """Most important first; empty when the camera moves."""
    happenings: tuple[Happening, ...]
    """In order of time."""

    @property
    def is_still(self) -> bool:
        """Whether nothing moved; false for a single frame, which cannot tell."""
        return self.num_frames > 1 and max(self.moving_shares) < THRESHOLDS["still_share"]


def observe(frames: Sequence[Frame]) -> Observation:
    """Measure a clip's frames, in order of time. Raises ValueError when there is none."""
    if not frames:
        raise ValueError("observe needs at least one frame; check that the clip has any")
    pictures = make_pictures(frames)
    brightness = tuple(float(grey.mean()) for grey in pictures.greys)
    masks = [_mask(pictures, grey) for grey in pictures.greys]
    shares = tuple(float(np.count_nonzero(mask)) / mask.size for mask in masks)
    moving = _is_camera_moving(pictures)
    lights = light_changes(pictures.times, brightness)
    blobs = [_blobs(mask, index, moving) for index, mask in enumerate(masks)]
    chains = follow(blobs)
    happenings = [*lights, *cuts(pictures, lights), *colour_changes(pictures)]
    if not moving:
        happenings += motion_changes(pictures, blobs)
        happenings += meetings(chains, pictures.times)
        happenings += agitation(chains, pictures.times)
    return Observation(
        num_frames=len(frames),
        num_corrupt=sum(frame.is_corrupt for frame in frames),
        times_seconds=pictures.times,
        brightness=brightness,
        moving_shares=shares,
        is_camera_moving=moving,
        is_low_light=float(np.median(brightness)) < THRESHOLDS["low_light_levels"],
        is_colourless=_mean_colourfulness(pictures) < THRESHOLDS["colourless_levels"],
        max_regions_at_once=max(len(found) for found in blobs),
        regions=_regions(chains, pictures.times),
        happenings=tuple(sorted(happenings, key=lambda one: (one.start_seconds, one.kind))),
    )


def _mask(pictures: Pictures, grey: Grey) -> NDArray[np.uint8]:
    """255 where the frame differs from the background by more than light and noise explain."""
    difference = grey - pictures.background
    difference -= np.median(difference)
    limit = max(THRESHOLDS["change_min_levels"], THRESHOLDS["change_noise_factor"] * pictures.noise)
    changed = (np.abs(difference) > limit).astype(np.uint8) * 255
    kernel = np.ones((3, 3), np.uint8)
    opened = cv2.morphologyEx(changed, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return np.asarray(cv2.morphologyEx(opened, cv2.MORPH_CLOSE, kernel, iterations=2), np.uint8)


def _blobs(mask: NDArray[np.uint8], index: int, is_camera_moving: bool) -> list[Blob]:
    covered = float(np.count_nonzero(mask)) / mask.size
    if is_camera_moving or covered > THRESHOLDS["whole_picture_share"]:
        return []
    return find_blobs(mask, frame=index)


def _regions(chains: Sequence[Sequence[Blob]], times: Sequence[float]) -> tuple[Region, ...]:
    lasting = [chain for chain in chains if len(chain) >= min(MIN_FRAMES_SEEN, len(times))]
    found = [describe_region(chain, times) for chain in lasting if len(chain) > 1]
    return tuple(sorted(found, key=lambda region: (-region.weight, region.start_seconds))[:6])


def _is_camera_moving(pictures: Pictures) -> bool:
    """Whether the whole picture shifts between frames, by phase correlation."""
    if min(pictures.background.shape) < 24:
        return False
    window = cv2.createHanningWindow(pictures.background.shape[::-1], cv2.CV_32F)
    shifted = 0
    frame_pairs = pairs(pictures.greys)
    for before, after in frame_pairs:
        # OpenCV multiplies the window into its inputs when their size needs no padding.
        (right, down), response = cv2.phaseCorrelate(before.copy(), after.copy(), window)
        far = float(np.hypot(right, down)) > THRESHOLDS["camera_shift_px"]
        shifted += far and response > 0.12
    return bool(frame_pairs) and shifted >= THRESHOLDS["camera_pairs_share"] * len(frame_pairs)


def _mean_colourfulness(pictures: Pictures) -> float:
    middle = pictures.colours[len(pictures.colours) // 2].astype(np.int16)
    return float((middle.max(axis=2) - middle.min(axis=2)).mean())
