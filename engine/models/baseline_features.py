"""Frames in, one vector per 16-frame snippet out, by classical measurements: no model, no download.

What the numbers are: statistics of optical flow over the snippet, and of what its middle frame
looks like. They know movement, light and layout; they do not know what a person or a car is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.features import SNIPPET_FRAMES
from engine.media.frames import Frame
from engine.models import appearance as looks
from engine.models.chat import Json
from engine.models.features import SnippetFeatures
from engine.models.flow_statistics import (
    NUM_CELLS,
    NUM_HISTOGRAMS,
    SCALARS,
    Pair,
    new_flow,
    pair_statistics,
)
from engine.models.pictures import Grey

BASELINE_EXTRACTOR = "baseline-1"
_NUM_WAVES = 8
_WIDTH = 3 * len(SCALARS) + NUM_HISTOGRAMS + 2 * NUM_CELLS + _NUM_WAVES + 2 + looks.WIDTH


@dataclass(frozen=True)
class BaselineFeatures:
    """The embedded extractor; a vector depends on its 16 frames and the two before them."""

    name: ClassVar[str] = BASELINE_EXTRACTOR
    width: ClassVar[int] = _WIDTH
    max_side_px: ClassVar[int] = 320

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """Its version."""
        return {"name": self.name, "version": 1}

    def snippets(self, frames: Iterable[Frame]) -> Iterator[SnippetFeatures]:
        """Holds 16 frames at a time."""
        chain = _Chain(flow=new_flow())
        source = iter(frames)
        while group := list(islice(source, SNIPPET_FRAMES)):
            pairs = [pair for frame in group if (pair := chain.add(frame)) is not None]
            look = looks.appearance(group[len(group) // 2].image)
            yield SnippetFeatures(
                start_seconds=group[0].time_seconds,
                last_seconds=group[-1].time_seconds,
                num_frames=len(group),
                vector=np.concatenate([_motion(pairs), look]).astype(np.float32),
            )


@dataclass
class _Chain:
    """What must be known of the frame before."""

    flow: cv2.DISOpticalFlow
    _grey: NDArray[np.uint8] | None = None
    _seconds: float = 0.0
    _speed: Grey | None = None

    def add(self, frame: Frame) -> Pair | None:
        """What happened since the last frame; None for the first, or where the size changed."""
        grey = np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY), np.uint8)
        before, gap_seconds = self._grey, frame.time_seconds - self._seconds
        self._grey, self._seconds = grey, frame.time_seconds
        if before is None or before.shape != grey.shape:
            self._speed = None
            return None
        pair = pair_statistics(
            (before, grey), gap_seconds=gap_seconds, last_speed=self._speed, flow=self.flow
        )
        self._speed = pair.speed
        return pair


def _motion(pairs: Sequence[Pair]) -> NDArray[np.float32]:
    """Statistics over the pairs of one snippet; all 0 where there is none."""
    if not pairs:
        return np.zeros(_WIDTH - looks.WIDTH, np.float32)
    scalars = np.stack([pair.scalars for pair in pairs])
    histograms = np.stack([pair.histograms for pair in pairs]).mean(axis=0)
    cells = np.stack([pair.cells for pair in pairs])
    return np.concatenate(
        [
            *(scalars.mean(axis=0), scalars.std(axis=0), scalars.max(axis=0)),
            histograms,
            *_places(cells),
            _waves(scalars[:, 0]),
            [np.mean([pair.is_cut for pair in pairs]), len(pairs) / SNIPPET_FRAMES],
        ]
    ).astype(np.float32)


def _places(cells: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean speed and its unrest in each cell, the liveliest first: where it is does not count."""
    mean, unrest = np.log1p(cells.mean(axis=0)), np.log1p(cells.std(axis=0))
    order = np.argsort(-mean, kind="stable")
    return mean[order], unrest[order]


def _waves(speeds: NDArray[np.float32]) -> NDArray[np.float32]:
    """How regularly the speed goes up and down: the spectrum over the snippet."""
    padded = np.zeros(SNIPPET_FRAMES, np.float32)
    padded[: len(speeds)] = speeds[:SNIPPET_FRAMES] - speeds.mean()
    return np.asarray(np.abs(np.fft.rfft(padded))[1 : _NUM_WAVES + 1] / 4, np.float32)
