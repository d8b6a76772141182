"""Changes of light and colour in a clip: flashes, cuts, growing orange or grey areas."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.media.frames import RgbImage
from engine.models.pictures import THRESHOLDS, Grey, Happening, HappeningKind, Pictures
from engine.models.regions import side_of


def light_changes(times: Sequence[float], brightness: Sequence[float]) -> list[Happening]:
    """A flash (bright, then back by half), or else a lasting step up or down."""
    levels = np.array(brightness)
    for index in range(len(levels) - 1):
        rise = _flash_height(levels, index)
        if rise is not None:
            later = levels[index + 1 : index + 5]
            end = times[index + 1 + int(np.argmin(later))]
            return [Happening("flash", times[index], end, strength=rise)]
    if len(levels) < 2:
        return []
    edge = max(1, len(levels) // 4)
    change = float(np.median(levels[-edge:]) - np.median(levels[:edge]))
    if abs(change) <= THRESHOLDS["light_change_levels"]:
        return []
    kind: HappeningKind = "brightening" if change > 0 else "darkening"
    return [Happening(kind, times[0], times[-1], strength=abs(change))]


def _flash_height(levels: NDArray[np.float64], index: int) -> float | None:
    """Grey levels that a flash at that frame rises above what follows; None: no flash there.

    In the first frame a rise cannot be seen: there only a glare counts, a picture so bright that
    it is overexposed, and only when it fades at once.
    """
    fall = float(levels[index] - levels[index + 1 : index + 5].min())
    if index == 0:
        is_glare = levels[0] > THRESHOLDS["glare_levels"] and len(levels) > 4
        return fall if is_glare and fall > 2 * THRESHOLDS["flash_levels"] else None
    step = float(levels[index] - levels[index - 1])
    return fall if step > THRESHOLDS["flash_levels"] and fall > 0.5 * step else None


def cuts(pictures: Pictures, lights: Sequence[Happening]) -> list[Happening]:
    """Scene cuts: the colour histogram changes and stays changed, outside a flash."""
    flashes = [light for light in lights if light.kind == "flash"]
    histograms = [_histogram(colour) for colour in pictures.colours]
    found = []
    for index in range(1, len(histograms)):
        time = pictures.times[index]
        if any(flash.start_seconds <= time <= flash.end_seconds for flash in flashes):
            continue
        jump = _unlike(histograms[index - 1], histograms[index])
        lasting = _unlike(histograms[index - 1], histograms[min(index + 1, len(histograms) - 1)])
        if min(jump, lasting) > THRESHOLDS["cut_distance"]:
            found.append(Happening("cut", time, time, strength=jump))
    return found[:3]


def _histogram(colour: RgbImage) -> Grey:
    counts = cv2.calcHist([colour], [0, 1, 2], None, [6, 6, 6], [0, 256, 0, 256, 0, 256])
    smoothed = cv2.GaussianBlur(counts.reshape(36, 6), (3, 3), 0)
    return (smoothed / max(float(smoothed.sum()), 1e-6)).astype(np.float32).ravel()


def _unlike(one: Grey, other: Grey) -> float:
    return float(cv2.compareHist(one, other, cv2.HISTCMP_BHATTACHARYYA))


def colour_changes(pictures: Pictures) -> list[Happening]:
    """A growing orange-red area, and a growing grey area that hides what was behind it."""
    fire = [_fire_like(colour) for colour in pictures.colours]
    haze = _haze(pictures)
    return [
        *_growth(
            "fire_like", fire, pictures.times, limit=THRESHOLDS["fire_share"], is_lasting=False
        ),
        *_growth(
            "smoke_like", haze, pictures.times, limit=THRESHOLDS["haze_share"], is_lasting=True
        ),
    ]


def _fire_like(colour: RgbImage) -> NDArray[np.bool_]:
    red, green, blue = (colour[..., channel].astype(np.int16) for channel in range(3))
    found: NDArray[np.bool_] = (red > 190) & (red - blue > 85) & (red - green > 25) & (green > blue)
    return found


def _haze(pictures: Pictures) -> list[NDArray[np.bool_]]:
    """Per frame, colorless areas that differ from the first frames and have soft outlines.

    Smoke and dust fade out over many pixels; people, vehicles and hard shadows end within two.
    """
    count = max(1, len(pictures.greys) // 5)
    reference = np.median(np.stack(pictures.greys[:count]), axis=0).astype(np.float32)
    limit = max(THRESHOLDS["haze_levels"], THRESHOLDS["change_noise_factor"] * pictures.noise)
    found = []
    for grey, colour in zip(pictures.greys, pictures.colours, strict=True):
        offset = float(np.median(grey - reference))
        difference = cv2.blur(np.abs(grey - reference - offset), (3, 3))
        has_no_hue = np.ptp(colour.astype(np.int16), axis=2) < THRESHOLDS["haze_max_hue"]
        candidate = ((difference > limit) & has_no_hue).astype(np.uint8)
        joined = cv2.morphologyEx(candidate, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
        found.append(_soft_parts(np.asarray(joined, np.uint8), np.asarray(difference, np.float32)))
    return found


def _soft_parts(mask: NDArray[np.uint8], difference: Grey) -> NDArray[np.bool_]:
    """The connected parts of the mask at whose outline the difference rises slowly."""
    slope = np.hypot(
        cv2.Sobel(difference, cv2.CV_32F, 1, 0, scale=1 / 8),
        cv2.Sobel(difference, cv2.CV_32F, 0, 1, scale=1 / 8),
    )
    count, labels = cv2.connectedComponents(mask)
    soft = np.zeros(mask.shape, bool)
    for label in range(1, count):
        part = (labels == label).astype(np.uint8)
        rim = (cv2.dilate(part, np.ones((3, 3), np.uint8)) > 0) & (
            cv2.erode(part, np.ones((3, 3), np.uint8)) == 0
        )
        if part.mean() < THRESHOLDS["haze_share"] / 2 or not rim.any():
            continue
        inside = float(np.percentile(difference[part > 0], 75))
        soft |= (part > 0) & (float(slope[rim].mean()) < THRESHOLDS["haze_slope"] * inside)
    return soft


def _growth(
    kind: HappeningKind,
    masks: Sequence[NDArray[np.bool_]],
    times: Sequence[float],
    *,
    limit: float,
    is_lasting: bool,
) -> list[Happening]:
    """One happening when an area in one place comes to exceed its first size by `limit`.

    A lasting one must still be there at the end, and in a quarter of the frames or more.
    """
    shares = np.array([float(mask.mean()) for mask in masks])
    above = np.flatnonzero(shares - shares[0] > limit)
    quarter = max(2, len(masks) // 4)
    if len(above) < (quarter if is_lasting else 2):
        return []
    if is_lasting and float(np.median(shares[-quarter:])) - shares[0] <= limit:
        return []
    places = np.array([_center_of(masks[int(index)]) for index in above])
    strays = np.hypot(*(places - np.median(places, axis=0)).T)
    if np.percentile(strays, 75) > THRESHOLDS["haze_stray" if is_lasting else "fire_stray"]:
        return []
    strength = float(np.median(shares[-quarter:])) if is_lasting else float(shares[above].max())
    start, end = times[int(above[0])], times[int(above[-1])]
    return [Happening(kind, start, end, side_of(float(np.median(places[:, 0]))), strength)]


def _center_of(mask: NDArray[np.bool_]) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return float(columns.mean()) / mask.shape[1], float(rows.mean()) / mask.shape[0]
