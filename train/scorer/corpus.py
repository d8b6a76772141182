"""A dataset with features -> what a scorer can learn from, and why the rest was left out."""

import hashlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.index import Index
from engine.intervals import Interval, merge_overlapping
from engine.joins.facts import Facts
from schemas import Click, Event, FeatureTrack, Video
from schemas.base import Split
from train.scorer.split import Parts, divide
from train.scorer.supervision import Supervision


@dataclass(frozen=True)
class LabelledVideo:
    """One video with features and what people said of it."""

    id: str
    split: Split | None
    is_abnormal: bool
    track: FeatureTrack
    click_places: tuple[float, ...]
    """Each click as a share of the video's snippets, in [0, 1)."""
    shares: NDArray[np.float32] | None
    """(T,): of each snippet, the share that lies in a confirmed abnormal event; 0 throughout for
    normal videos. None: nobody set boundaries."""


@dataclass(frozen=True)
class Corpus:
    """What one training run sees."""

    train: tuple[LabelledVideo, ...]
    validation: tuple[LabelledVideo, ...]
    test: tuple[LabelledVideo, ...]
    left_out: dict[str, str]
    """Video id -> why."""

    @property
    def extractor(self) -> str:
        """Whose features these are."""
        return self.train[0].track.extractor

    @property
    def width(self) -> int:
        """Numbers in a feature vector."""
        return self.train[0].track.width


def sha256_of_videos(videos: Iterable[LabelledVideo]) -> str:
    """Of features, labels, clicks and boundaries."""
    digest = hashlib.sha256()
    for video in videos:
        told = [video.id, video.track.sha256, video.is_abnormal, video.click_places]
        digest.update(orjson.dumps(told))
        digest.update(b"" if video.shares is None else video.shares.tobytes())
    return digest.hexdigest()


def load_corpus(dataset: Dataset, supervision: Supervision) -> Corpus:
    """All videos that have features and a label.

    Raises `UsageError` where features are of several kinds, and where too little is left to learn
    from; the message says what to do.
    """
    facts = Facts(Index(dataset))
    tracks = {track.video_id: track for track in facts.index.all(FeatureTrack)}
    if not tracks:
        raise UsageError(
            f"{dataset.dir_path} has no features to train on; run `vau-data features`, or "
            "`vau-data import features DIR`"
        )
    _refuse_mixtures(tracks.values())
    left_out = _without_features(facts, tracks)
    videos = []
    for video_id, track in tracks.items():
        video = facts.videos.get(video_id)
        if video is None or video.is_anomalous is None:
            left_out[video_id] = "nobody said whether it is abnormal"
            continue
        videos.append(_labelled(facts, video, track))
    return _divided(videos, supervision, left_out)


def _divided(
    videos: Sequence[LabelledVideo], supervision: Supervision, left_out: dict[str, str]
) -> Corpus:
    parts: Parts = divide(videos)
    train = []
    for video in videos:
        if video.id not in parts.train:
            continue
        if supervision == "boundaries" and video.shares is None:
            left_out[video.id] = "abnormal, but no event of it is confirmed"
        else:
            train.append(video)
    _refuse_too_little(train, supervision, left_out)
    return Corpus(
        train=tuple(train),
        validation=tuple(video for video in videos if video.id in parts.validation),
        test=tuple(video for video in videos if video.split == "test"),
        left_out=left_out,
    )


def _refuse_mixtures(tracks: Iterable[FeatureTrack]) -> None:
    kinds: dict[tuple[str, int], str] = {}
    for track in tracks:
        kinds.setdefault((track.extractor, track.width), track.video_id)
    if len(kinds) > 1:
        told = "; ".join(
            f"{video_id}: {extractor}, {width} wide"
            for (extractor, width), video_id in kinds.items()
        )
        raise UsageError(
            f"the dataset's features are of several kinds ({told}); make them all with one "
            "extractor: `vau-data features`"
        )


def _refuse_too_little(
    train: Sequence[LabelledVideo], supervision: Supervision, left_out: dict[str, str]
) -> None:
    num_abnormal = sum(video.is_abnormal for video in train)
    num_normal = len(train) - num_abnormal
    if not num_abnormal or not num_normal:
        reasons = ", ".join(sorted(set(left_out.values()))) or "none was left out"
        raise UsageError(
            f"training needs abnormal and normal videos outside the test split; there are "
            f"{num_abnormal} and {num_normal} with features ({len(left_out)} left out: {reasons}); "
            "label more with `vau-data annotate`, or import labels"
        )
    if supervision == "clicks" and not any(video.click_places for video in train):
        raise UsageError(
            "no abnormal training video has a click; make some with `vau-data annotate`, bring "
            "them in with `vau-data import clicks`, or train with a recipe for video labels"
        )


def _without_features(facts: Facts, tracks: dict[str, FeatureTrack]) -> dict[str, str]:
    return {
        video_id: "no features"
        for video_id, video in facts.videos.items()
        if video_id not in tracks and video.is_anomalous is not None
    }


def _labelled(facts: Facts, video: Video, track: FeatureTrack) -> LabelledVideo:
    clicks = [facts.index.get(Click, click_id) for click_id in facts.clicks_of.get(video.id, ())]
    events = [facts.index.get(Event, event_id) for event_id in facts.event_ids_of.get(video.id, ())]
    marked = [
        (event.start_seconds, event.end_seconds)
        for event in events
        if event.is_confirmed and event.is_anomalous
    ]
    is_abnormal = bool(video.is_anomalous)
    return LabelledVideo(
        id=video.id,
        split=video.split,
        is_abnormal=is_abnormal,
        track=track,
        click_places=tuple(place_of(click.time_seconds, track) for click in clicks),
        shares=None if is_abnormal and not marked else abnormal_shares(marked, track),
    )


def place_of(time_seconds: float, track: FeatureTrack) -> float:
    """Where in the row of snippets a time lies, as a share in [0, 1).

    At a constant rate this is frame / 16 / number of snippets, as published.
    """
    starts = track.snippet_starts_seconds
    snippet = max(bisect_right(starts, time_seconds) - 1, 0)
    start, end = starts[snippet], _end_of(snippet, track)
    within = (time_seconds - start) / (end - start) if end > start else 0.0
    place = (snippet + min(max(within, 0.0), 1.0)) / track.num_snippets
    return min(place, float(np.nextafter(1.0, 0.0)))


def abnormal_shares(events: Iterable[Interval], track: FeatureTrack) -> NDArray[np.float32]:
    """(T,) share of each snippet that lies inside any of the events.

    BCE is linear in its label, so a share gives the mean over the snippet's frames.
    """
    starts = np.array(track.snippet_starts_seconds)
    ends = np.append(starts[1:], track.end_seconds)
    inside = np.zeros(len(starts))
    for start, end in merge_overlapping(events):
        inside += np.clip(np.minimum(ends, end) - np.maximum(starts, start), 0, None)
    lengths = np.maximum(ends - starts, 1e-9)
    return np.minimum(inside / lengths, 1).astype(np.float32)


def _end_of(snippet: int, track: FeatureTrack) -> float:
    starts = track.snippet_starts_seconds
    return starts[snippet + 1] if snippet + 1 < len(starts) else track.end_seconds


def groups_of(left_out: dict[str, str]) -> dict[str, list[str]]:
    """Why -> the ids of the videos left out for that."""
    groups: dict[str, list[str]] = defaultdict(list)
    for video_id, why in left_out.items():
        groups[why].append(video_id)
    return dict(groups)
