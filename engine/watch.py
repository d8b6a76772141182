"""Frames as they arrive in, scores a little later out, within bounded memory."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.errors import MediaError
from engine.features import SNIPPET_FRAMES
from engine.media.frames import Frame
from engine.models.features import FeatureExtractor, SnippetFeatures
from engine.models.motion import MAX_SIDE_PX, motion_snippets, window_scores
from engine.models.scorer import Scorer


@dataclass(frozen=True)
class WatchSettings:
    """What is kept and waited for."""

    window_snippets: int = 200
    """So many of the newest snippets are scored together; about two minutes at 25 fps."""
    lookahead_snippets: int = 2
    """A score is given once so many snippets after its own are there."""


@dataclass(frozen=True)
class LiveScore:
    """The score of one snippet, once and for all."""

    start_seconds: float
    end_seconds: float
    score: float
    known_seconds: float
    """When the last frame that it depends on was shown."""


class Timed(Protocol):
    """A snippet, whatever else it holds."""

    @property
    def start_seconds(self) -> float:
        """When its first frame is shown."""
        ...

    @property
    def last_seconds(self) -> float:
        """When its last frame is shown."""
        ...


class LiveModel(Protocol):
    """Something that scores the newest snippets of an endless video."""

    @property
    def name(self) -> str:
        """Who gives the scores."""
        ...

    @property
    def max_side_px(self) -> int:
        """Frames need not be larger."""
        ...

    def snippets(self, frames: Iterable[Frame]) -> Iterator[Timed]:
        """Snippets as soon as they are complete."""
        ...

    def scores(self, window: Sequence[Any]) -> NDArray[np.floating]:
        """(len(window),) scores in [0, 1] of consecutive snippets."""
        ...


@dataclass(frozen=True)
class LiveMotion:
    """The embedded motion score, relative to what is usual within the window."""

    name: str = "baseline/motion-1"
    max_side_px: int = MAX_SIDE_PX

    def snippets(self, frames: Iterable[Frame]) -> Iterator[Timed]:
        """Two numbers each."""
        return motion_snippets(iter(frames))

    def scores(self, window: Sequence[Any]) -> NDArray[np.floating]:
        """As for a video that is as long as the window."""
        return np.array(window_scores(window))


@dataclass(frozen=True)
class LiveScorer:
    """A trained scorer on the features of the window."""

    name: str
    scorer: Scorer
    extractor: FeatureExtractor

    @property
    def max_side_px(self) -> int:
        """What the extractor needs."""
        return self.extractor.max_side_px

    def snippets(self, frames: Iterable[Frame]) -> Iterator[Timed]:
        """One vector each."""
        return self.extractor.snippets(frames)

    def scores(self, window: Sequence[SnippetFeatures]) -> NDArray[np.floating]:
        """As for a video that is as long as the window; vectors as files would hold them."""
        vectors = np.stack([snippet.vector for snippet in window]).astype(np.float16)
        return self.scorer.score(vectors[None])


def watch(
    frames: Iterable[Frame], model: LiveModel, settings: WatchSettings = WatchSettings()
) -> Iterator[LiveScore]:
    """One score per snippet, in order, each once; the last ones when the frames end."""
    window: deque[Timed] = deque(maxlen=settings.window_snippets)
    ahead = min(settings.lookahead_snippets, settings.window_snippets - 1)
    num_waiting = 0
    for snippet in model.snippets(frames):
        window.append(snippet)
        num_waiting += 1
        if num_waiting > ahead:
            yield _score(window, model, num_waiting)
            num_waiting -= 1
    while num_waiting and window:
        yield _score(window, model, num_waiting)
        num_waiting -= 1


@dataclass(frozen=True)
class Curve:
    """The scores of a whole file; no record, since the file need not be in a dataset."""

    snippet_starts_seconds: tuple[float, ...]
    end_seconds: float
    scores: tuple[float, ...]


def score_whole(frames: Iterable[Frame], model: LiveModel) -> Curve:
    """All snippets of a file together; memory grows by one snippet's numbers, never by frames.

    Raises `MediaError` where there is no frame.
    """
    snippets = list(model.snippets(frames))
    if not snippets:
        raise MediaError("media_empty", "no frame to look at; check the file with a player")
    scores = np.clip(model.scores(snippets), 0, 1)
    return Curve(
        tuple(snippet.start_seconds for snippet in snippets),
        _end_of(snippets[-1]),
        tuple(float(score) for score in scores),
    )


def _score(window: Sequence[Timed], model: LiveModel, num_waiting: int) -> LiveScore:
    """Of the oldest of the newest `num_waiting` snippets."""
    place = len(window) - num_waiting
    score = float(np.clip(model.scores(list(window))[place], 0, 1))
    here = window[place]
    end_seconds = window[place + 1].start_seconds if num_waiting > 1 else _end_of(here)
    return LiveScore(here.start_seconds, end_seconds, score, window[-1].last_seconds)


def _end_of(snippet: Timed) -> float:
    length = snippet.last_seconds - snippet.start_seconds
    return snippet.last_seconds + (length / (SNIPPET_FRAMES - 1) if length > 0 else 0.04)


def delay_of(first: LiveScore, settings: WatchSettings) -> str:
    """What a score waits for, in words; its own snippet's frames are the first part of it."""
    seconds = first.known_seconds - first.start_seconds
    return (
        f"a score comes {seconds:.1f} s after its snippet begins ({SNIPPET_FRAMES} frames and "
        f"{settings.lookahead_snippets} snippets after them), and what computing takes"
    )


def with_small_batches(extractor: FeatureExtractor) -> FeatureExtractor:
    """A vision tower that does not wait until a batch is full."""
    from engine.models.vision_tower import VisionTower

    if not isinstance(extractor, VisionTower):
        return extractor
    settings = replace(extractor.settings, batch_size=extractor.settings.num_frames)
    return VisionTower(settings)
