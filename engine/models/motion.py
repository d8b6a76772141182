"""A video file -> one motion score per 16-frame snippet, by classical measurements of change.

Not an anomaly detector: it says where a video changes more, and more suddenly, than it usually
does. Measured quality, and how to repeat it: `engine/models/README.md`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import MediaError
from engine.media.decode import all_frames
from engine.media.frames import Frame

SNIPPET_FRAMES = 16
MAX_SIDE_PX = 160
MOTION_SETTINGS: dict[str, float] = {
    "version": 1,
    "min_change_levels": 10.0,
    "cut_share": 0.6,
    "energy_floor": 0.006,
    "jump_floor_levels": 2.0,
    "onset_snippets": 3,
    "weight_energy": 0.45,
    "weight_onset": 0.30,
    "weight_jump": 0.45,
    "scale": 8.0,
}
"""All that changes a score; floors keep noise from being blown up in quiet videos."""
_GRID = (9, 16)

Series = NDArray[np.float64]


@dataclass(frozen=True)
class MotionScores:
    """Scores in [0, 1] along one video, relative to the video's own usual change."""

    snippet_starts_seconds: tuple[float, ...]
    """When each snippet's first frame is shown; ascending."""
    end_seconds: float
    """Where the last snippet ends: its last frame's time plus the usual frame distance."""
    scores: tuple[float, ...]


@dataclass(frozen=True)
class MotionSnippet:
    """What changed in up to 16 frames."""

    start_seconds: float
    last_seconds: float
    energy: float
    """Change of the busiest parts of the picture from frame to frame, shares 0..1, mean."""
    jump: float
    """Largest change of mean brightness between frames, grey levels."""


def motion_scores(path: Path) -> MotionScores:
    """Score a file in one pass, in memory that does not grow with its length but by 4 numbers
    a snippet. A video without change scores 0 everywhere. Raises MediaError as decoding does.
    """
    snippets = list(motion_snippets(all_frames(path, max_side_px=MAX_SIDE_PX)))
    if not snippets:
        raise MediaError("media_empty", f"{path}: no frame to score; check the file with a player")
    starts = tuple(snippet.start_seconds for snippet in snippets)
    return MotionScores(starts, _end_seconds(snippets), window_scores(snippets))


def window_scores(snippets: Sequence[MotionSnippet]) -> tuple[float, ...]:
    """Scores of consecutive snippets, relative to what is usual among them."""
    energy = np.array([snippet.energy for snippet in snippets])
    jump = np.array([snippet.jump for snippet in snippets])
    return _mixed(energy, jump)


def _mixed(energy: Series, jump: Series) -> tuple[float, ...]:
    """Scores from the two series; each term is 0 at or below the video's median."""
    settings = MOTION_SETTINGS
    usual = _above_usual(energy, floor=settings["energy_floor"])
    onset = _above_usual(_onset(energy), floor=settings["energy_floor"])
    light = _above_usual(jump, floor=settings["jump_floor_levels"])
    total = (
        settings["weight_energy"] * usual
        + settings["weight_onset"] * onset
        + settings["weight_jump"] * light
    )
    return tuple(float(score) for score in 1 - np.exp(-total / settings["scale"]))


def _above_usual(series: Series, *, floor: float) -> Series:
    """How far above the median, in robust standard deviations that are at least `floor`."""
    median = float(np.median(series))
    spread = 1.4826 * float(np.median(np.abs(series - median)))
    return np.asarray(np.maximum(series - median, 0) / max(spread, floor), np.float64)


def _onset(energy: Series) -> Series:
    """Rise over the mean of the snippets just before; 0 for the first."""
    window = int(MOTION_SETTINGS["onset_snippets"])
    before = [energy[max(0, index - window) : index].mean() for index in range(1, len(energy))]
    return np.asarray(np.maximum(energy - np.array([energy[0], *before]), 0), np.float64)


def _end_seconds(snippets: list[MotionSnippet]) -> float:
    last = snippets[-1]
    if len(snippets) > 1:
        step = float(np.median([b.start_seconds - a.start_seconds for a, b in pairwise(snippets)]))
        return last.last_seconds + step / SNIPPET_FRAMES
    length = last.last_seconds - last.start_seconds
    return last.last_seconds + (length / (SNIPPET_FRAMES - 1) if length > 0 else 0.04)


def motion_snippets(frames: Iterator[Frame]) -> Iterator[MotionSnippet]:
    """Snippets of 16 frames; the last may be shorter. Holds two frames at a time."""
    before: Frame | None = None
    while group := list(islice(_reduced(frames), SNIPPET_FRAMES)):
        chain = group if before is None else [before, *group]
        changes = [_change(one, other) for one, other in pairwise(chain)]
        before = group[-1]
        yield MotionSnippet(
            start_seconds=group[0].time_seconds,
            last_seconds=group[-1].time_seconds,
            energy=float(np.mean([energy for energy, _ in changes])) if changes else 0.0,
            jump=max((jump for _, jump in changes), default=0.0),
        )


def _reduced(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Grey, slightly blurred frames."""
    for frame in frames:
        grey = cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)
        soft = np.asarray(cv2.GaussianBlur(grey, (3, 3), 0), np.uint8)
        yield Frame(soft, frame.time_seconds, frame.is_corrupt)


def _change(before: Frame, after: Frame) -> tuple[float, float]:
    """Share of change in the busiest blocks, and the jump of brightness; a cut counts as none."""
    difference = after.image.astype(np.float32) - before.image.astype(np.float32)
    jump = abs(float(difference.mean()))
    offset = float(np.median(difference))
    changed = (np.abs(difference - offset) > MOTION_SETTINGS["min_change_levels"]).astype(
        np.float32
    )
    if float(changed.mean()) > MOTION_SETTINGS["cut_share"]:
        return 0.0, 0.0
    blocks = cv2.resize(changed, (_GRID[1], _GRID[0]), interpolation=cv2.INTER_AREA)
    busiest = np.sort(blocks.ravel())[-max(1, blocks.size * 3 // 100) :]
    return float(busiest.mean()), jump
