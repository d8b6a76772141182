"""Video -> FeatureTrack: one vector per 16-frame snippet, in a file of its own.

The one stage that leaves more than records: its item says into which folder the file goes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.errors import ItemError, MediaError
from engine.features import SNIPPET_FRAMES, features_path, save_features
from engine.media.decode import all_frames
from engine.media.remote import VideoFile, at_hand, fetch_deadline_seconds
from engine.models.chat import Json
from engine.models.features import FeatureExtractor, SnippetFeatures
from engine.models.vision_tower import VisionTower
from engine.stage import Item
from schemas import FeatureTrack, Provenance, Record


@dataclass(frozen=True)
class FeaturesItem:
    """A video to look at from end to end."""

    video_path: VideoFile
    duration_seconds: float
    dataset_dir_path: Path
    """Where the file with the vectors goes."""


@dataclass(frozen=True)
class VideoFeatures:
    """Every snippet of one video."""

    snippet_starts_seconds: tuple[float, ...]
    end_seconds: float
    """Where the last snippet ends: its last frame's time plus the usual frame distance."""
    num_frames: int
    vectors: NDArray[np.float32]
    """(T, D)"""

    @property
    def num_bytes(self) -> int:
        """What it takes in memory."""
        return self.vectors.nbytes


@dataclass(frozen=True)
class FeaturesStage:
    """Extractors that need no model: they work in the process that decodes, in one pass."""

    extractor: FeatureExtractor
    base_deadline_seconds: float
    deadline_per_video_second: float
    name: ClassVar[str] = "features"
    writes: ClassVar[type[Record]] = FeatureTrack
    concurrency: ClassVar[int] = 1

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """The extractor's constants."""
        return self.extractor.fingerprint_parts()

    def load(self, items: Sequence[Item[Any]]) -> Iterator[Item[Any] | tuple[str, ItemError]]:
        """Make the vectors of each video while decoding it."""
        for item in items:
            try:
                with at_hand(item.body.video_path) as path:
                    yield item.with_loaded(features_of(path, self.extractor))
            except ItemError as error:
                yield item.id, error

    def deadline_seconds(self, items: Sequence[Item[Any]]) -> float:
        """For decoding every frame."""
        total_seconds: float = sum(item.body.duration_seconds for item in items)
        fetch_seconds = sum(fetch_deadline_seconds(item.body.video_path) for item in items)
        reading_seconds = self.deadline_per_video_second * total_seconds
        return self.base_deadline_seconds + reading_seconds + fetch_seconds

    def process(self, item: Item[FeaturesItem]) -> Iterable[Record]:
        """Write the file, then its record."""
        assert isinstance(item.loaded, VideoFeatures)
        yield write_track(item, item.loaded, self.extractor)


@dataclass(frozen=True)
class TowerStage:
    """A vision tower: several videos at once, each decoded in a thread that feeds a device.

    They are decoded here, not in a process that can be killed: pictures would have to travel, and
    `ingest` has already decoded every frame of each file within a deadline.
    """

    tower: VisionTower
    num_threads: int
    name: ClassVar[str] = "features"
    writes: ClassVar[type[Record]] = FeatureTrack

    @property
    def concurrency(self) -> int:
        """Videos decoded at once."""
        return self.num_threads

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """The tower's weights and settings."""
        return self.tower.fingerprint_parts()

    def check(self) -> None:
        """Read the weights. Raises `UsageError` where they cannot be used."""
        self.tower.load()

    def close(self) -> None:
        """Let the weights go."""
        self.tower.release()

    def process(self, item: Item[FeaturesItem]) -> Iterable[Record]:
        """Decode once, embed, write the file, then its record."""
        with at_hand(item.body.video_path) as path:
            found = features_of(path, self.tower)
        yield write_track(item, found, self.tower)


def features_of(path: Path, extractor: FeatureExtractor) -> VideoFeatures:
    """One decode pass; memory grows by one vector a snippet. Raises `MediaError` as decoding."""
    frames = all_frames(path, max_side_px=extractor.max_side_px)
    return gathered(extractor.snippets(frames), name=path.name)


def gathered(snippets: Iterable[SnippetFeatures], *, name: str) -> VideoFeatures:
    """All snippets of a video together. Raises `MediaError` where there is none."""
    found = list(snippets)
    if not found:
        raise MediaError("media_empty", f"{name}: no frame to look at; check it with a player")
    starts = tuple(snippet.start_seconds for snippet in found)
    return VideoFeatures(
        snippet_starts_seconds=starts,
        end_seconds=_end_seconds(found),
        num_frames=sum(snippet.num_frames for snippet in found),
        vectors=np.stack([snippet.vector for snippet in found]),
    )


def _end_seconds(snippets: Sequence[SnippetFeatures]) -> float:
    last = snippets[-1]
    if len(snippets) > 1:
        step = float(np.median(np.diff([snippet.start_seconds for snippet in snippets])))
        return last.last_seconds + step / SNIPPET_FRAMES
    length, num_gaps = last.last_seconds - last.start_seconds, last.num_frames - 1
    return last.last_seconds + (length / num_gaps if length > 0 else 0.04)


def write_track(
    item: Item[FeaturesItem], features: VideoFeatures, extractor: FeatureExtractor
) -> FeatureTrack:
    """The file, then the record that describes it. Raises `FeatureError` for a bad number."""
    relative_path = features_path(extractor.name, item.id)
    sha256 = save_features(item.body.dataset_dir_path / relative_path, features.vectors[None])
    num_snippets, width = features.vectors.shape
    return FeatureTrack(
        id=item.id,
        video_id=item.id,
        path=relative_path,
        sha256=sha256,
        extractor=extractor.name,
        num_crops=1,
        num_snippets=num_snippets,
        width=width,
        snippet_starts_seconds=features.snippet_starts_seconds,
        end_seconds=features.end_seconds,
        num_frames=features.num_frames,
        provenance=Provenance(made_by="model", name=f"features/{extractor.name}"),
    )
