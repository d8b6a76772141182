"""Video -> ScoreTrack: how anomalous each snippet looks, by motion or by a trained scorer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from engine.errors import ItemError
from engine.features import FeatureError, read_features, refuse_other_width
from engine.media.remote import VideoFile, at_hand, fetch_deadline_seconds
from engine.models.chat import Json
from engine.models.motion import MOTION_SETTINGS, MotionScores, motion_scores
from engine.models.scorer import Scorer, ScorerFile
from engine.stage import Item
from schemas import FeatureTrack, Provenance, Record, ScoreTrack

MOTION_MODEL = "baseline/motion-1"


@dataclass(frozen=True)
class ScoreItem:
    """A video to score."""

    video_path: VideoFile
    duration_seconds: float


@dataclass(frozen=True)
class ScoreStage:
    """The embedded motion score: no anomaly detector, but it knows where something changes."""

    base_deadline_seconds: float
    deadline_per_video_second: float
    name: ClassVar[str] = "score"
    writes: ClassVar[type[Record]] = ScoreTrack
    concurrency: ClassVar[int] = 1

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """The motion model's constants."""
        return {"model": MOTION_MODEL, **MOTION_SETTINGS}

    def load(self, items: Sequence[Item[Any]]) -> Iterator[Item[Any] | tuple[str, ItemError]]:
        """Score each video while decoding it."""
        for item in items:
            try:
                with at_hand(item.body.video_path) as path:
                    yield item.with_loaded(motion_scores(path))
            except ItemError as error:
                yield item.id, error

    def deadline_seconds(self, items: Sequence[Item[Any]]) -> float:
        """For decoding every frame."""
        longest_seconds: float = sum(item.body.duration_seconds for item in items)
        fetch_seconds = sum(fetch_deadline_seconds(item.body.video_path) for item in items)
        reading_seconds = self.deadline_per_video_second * longest_seconds
        return self.base_deadline_seconds + reading_seconds + fetch_seconds

    def process(self, item: Item[ScoreItem]) -> Iterable[Record]:
        """One ScoreTrack."""
        assert isinstance(item.loaded, MotionScores)
        yield ScoreTrack(
            id=item.id,
            video_id=item.id,
            snippet_starts_seconds=item.loaded.snippet_starts_seconds,
            end_seconds=item.loaded.end_seconds,
            scores=item.loaded.scores,
            provenance=Provenance(made_by="model", name=MOTION_MODEL),
        )


@dataclass(frozen=True)
class ScorerItem:
    """A video whose features are there."""

    track: FeatureTrack
    dataset_dir_path: Path


@dataclass(frozen=True)
class ScorerStage:
    """A trained scorer reads features; what it says depends on nothing but them and its file."""

    file: ScorerFile
    name: ClassVar[str] = "score"
    writes: ClassVar[type[Record]] = ScoreTrack
    concurrency: ClassVar[int] = 1

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """The checkpoint's hash; where it lies does not matter."""
        return {"model": "scorer", "version": 1, "checkpoint_sha256": self.file.sha256}

    def check(self) -> None:
        """Raises `UsageError` where the file holds no scorer that we know."""
        _ = self.file.scorer

    def close(self) -> None:
        """Nothing is held open."""

    def process(self, item: Item[ScorerItem]) -> Iterable[Record]:
        """One ScoreTrack. Raises `FeatureError` for features that the scorer was not made for."""
        track = item.body.track
        yield ScoreTrack(
            id=item.id,
            video_id=item.id,
            snippet_starts_seconds=track.snippet_starts_seconds,
            end_seconds=track.end_seconds,
            scores=scores_of(track, self.file.scorer, item.body.dataset_dir_path),
            provenance=Provenance(made_by="model", name=scorer_name(self.file)),
        )


def scorer_name(file: ScorerFile) -> str:
    """`scorer/ur_dmu-1f2e3d4c`: the network and the start of its file's hash."""
    return f"scorer/{file.scorer.network}-{file.sha256[:8]}"


def scores_of(track: FeatureTrack, scorer: Scorer, dataset_dir_path: Path) -> tuple[float, ...]:
    """One score in [0, 1] per snippet. Raises `FeatureError` where features do not fit."""
    refuse_other_width(track, width=scorer.width, extractor=scorer.extractor or None)
    features = read_features(dataset_dir_path, track)
    scores = np.asarray(scorer.score(features), dtype=np.float64)
    if scores.shape != (track.num_snippets,):
        raise FeatureError(
            "features_unusable",
            f"{track.video_id}: the scorer gave {scores.shape} scores for {track.num_snippets} "
            "snippets; this is a fault of the scorer",
        )
    if not (np.isfinite(scores).all() and scores.min() >= 0 and scores.max() <= 1):
        raise FeatureError(
            "features_unusable",
            f"{track.video_id}: the scorer gave {scores.min()} to {scores.max()}, not 0 to 1; was "
            "it trained on features of this extractor and scale?",
        )
    return tuple(float(round(score, 6)) for score in scores)
