"""Video -> ScoreTrack: how anomalous each snippet looks; here by the baseline's motion."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from engine.errors import ItemError
from engine.media.remote import VideoFile, at_hand, fetch_deadline_seconds
from engine.models.chat import Json
from engine.models.motion import MOTION_SETTINGS, MotionScores, motion_scores
from engine.stage import Item
from schemas import Provenance, Record, ScoreTrack

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
