"""Samples of a release -> the files they are about, with the anomaly scores of each stretch.

Everything that is missing is found before the first step.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.index import Index
from engine.media.remote import VideoFile, file_in
from schemas import ScoreTrack, Video
from train.mllm.prompt import Exchange
from train.mllm.recipe import FramesSection, Sampler
from train.mllm.release import Place, ReadRelease, Sample, names_of, read_places


@dataclass(frozen=True)
class Scores:
    """Anomaly scores of one stretch."""

    edges_seconds: NDArray[np.float64]
    """(T + 1,): snippet t lies between edges t and t + 1; seconds after the stretch's start."""
    values: NDArray[np.float64]
    """(T,) in [0, 1]."""


@dataclass(frozen=True)
class Shot:
    """A conversation and where its pictures come from."""

    id: str
    file: VideoFile
    span: tuple[float, float] | None
    """Seconds after the file's first frame; None: the whole file."""
    sampler: Sampler
    scores: Scores | None
    """Where the sampler is `density`."""
    fewest_frames: int
    most_frames: int
    exchanges: tuple[Exchange, ...]


def shots_of(
    release: ReadRelease, dataset: Dataset | None, frames: FramesSection
) -> tuple[Shot, ...]:
    """All samples of a release.

    Raises `UsageError` naming the samples whose file is missing, whose video the dataset does not
    know, or whose video has no scores although frames are chosen by them.
    """
    found = _Footage.of(release, dataset)
    if missing := [one for one in release.samples if found.is_missing(one)]:
        raise UsageError(
            f"the footage of {_some(missing, release)} is missing; cut it with `vau-data export "
            f"--media`, or put the videos back; looked in {release.dir_path} and in the folder of "
            f"videos of {'no dataset' if dataset is None else dataset.dir_path}"
        )
    by_scores = [one for one in release.samples if _sampler(one, frames) == "density"]
    if by_scores and dataset is None:
        raise UsageError(
            f"{release.dir_path} is in no dataset, and the recipe chooses frames by the anomaly "
            'scores of one; name it with --dataset, or use [frames] sampler = "uniform"'
        )
    if unscored := [one for one in by_scores if found.scores(one) is None]:
        raise UsageError(
            f"{_some(unscored, release)} are of videos without anomaly scores, and the recipe "
            'chooses frames by them; run `vau-data score`, or use [frames] sampler = "uniform"'
        )
    return tuple(_shot(sample, found, frames) for sample in release.samples)


def _some(samples: Sequence[Sample], release: ReadRelease) -> str:
    return f"{len(samples)} of {len(release.samples)} samples ({names_of(samples)})"


def _shot(sample: Sample, found: "_Footage", frames: FramesSection) -> Shot:
    sampler = _sampler(sample, frames)
    return Shot(
        id=sample.id,
        file=found.file(sample),
        span=sample.span,
        sampler=sampler,
        scores=found.scores(sample) if sampler == "density" else None,
        fewest_frames=frames.fewest_of_clips if sample.granularity == "clip" else frames.num,
        most_frames=frames.num,
        exchanges=sample.exchanges,
    )


def _sampler(sample: Sample, frames: FramesSection) -> Sampler:
    return frames.clip_sampler if sample.granularity == "clip" else frames.sampler


@dataclass(frozen=True)
class _Footage:
    """What a release and its dataset know of files, places and scores."""

    dir_path: Path
    dataset: Dataset | None
    videos: dict[str, Video]
    """By id."""
    by_path: dict[str, Video]
    tracks: dict[str, ScoreTrack]
    places: dict[str, Place]

    @classmethod
    def of(cls, release: ReadRelease, dataset: Dataset | None) -> "_Footage":
        index = None if dataset is None else Index(dataset)
        videos: Iterable[Video] = () if index is None else index.all(Video)
        tracks: Iterable[ScoreTrack] = () if index is None else index.all(ScoreTrack)
        known = {video.id: video for video in videos}
        return cls(
            dir_path=release.dir_path,
            dataset=dataset,
            videos=known,
            by_path={video.media.path: video for video in known.values() if video.media},
            tracks={track.video_id: track for track in tracks},
            places=read_places(release.dir_path),
        )

    def is_missing(self, sample: Sample) -> bool:
        if sample.span is not None and self.dataset is None:
            return True
        file = self.file(sample)
        return isinstance(file, Path) and not file.is_file()

    def file(self, sample: Sample) -> VideoFile:
        """A cut file below the release; with a span, the source video."""
        if sample.span is None or self.dataset is None:
            return self.dir_path / sample.path
        video = self.by_path.get(sample.path)
        size_bytes = video.media.size_bytes if video is not None and video.media else 0
        return file_in(self.dataset.videos_folder, sample.path, size_bytes=size_bytes)

    def scores(self, sample: Sample) -> Scores | None:
        place = self._place(sample)
        track = None if place is None else self.tracks.get(place.video_id)
        if place is None or track is None:
            return None
        return scores_within(track, place)

    def _place(self, sample: Sample) -> Place | None:
        """In the source video."""
        if sample.span is not None:
            video = self.by_path.get(sample.path)
            if video is None:
                return None
            start, end = sample.span
            return Place(video.id, video.start_seconds + start, video.start_seconds + end)
        if sample.segment_id in self.places:
            return self.places[sample.segment_id]
        video = self.videos.get(sample.segment_id)
        return None if video is None else Place(video.id, video.start_seconds, video.end_seconds)


def scores_within(track: ScoreTrack, place: Place) -> Scores | None:
    """The snippets that overlap a stretch, cut at its ends; None where none does."""
    edges = np.array([*track.snippet_starts_seconds, track.end_seconds])
    starts, ends = edges[:-1], edges[1:]
    inside = (ends > place.start_seconds) & (starts < place.end_seconds)
    if not inside.any():
        return None
    kept = np.append(starts[inside], ends[inside][-1])
    return Scores(
        edges_seconds=np.clip(kept, place.start_seconds, place.end_seconds) - place.start_seconds,
        values=np.array(track.scores)[inside],
    )
