"""Small datasets with features: abnormal stretches look another way in the first number."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.dataset import Dataset
from engine.features import features_path, save_features
from schemas import Record
from tests.builders import a_click, a_dataset, a_feature_track, a_video, an_event, bring_in

SNIPPET_SECONDS = 0.5


@dataclass(frozen=True)
class Clip:
    """What one video of such a dataset is like."""

    id: str
    event: tuple[float, float] | None = None
    """In seconds; None: normal."""
    num_snippets: int = 24
    split: str | None = "train"
    has_click: bool = True
    has_boundaries: bool = False
    num_crops: int = 1
    width: int = 8


def some_clips(num_of_each: int, **changes: Any) -> list[Clip]:
    """As many normal as abnormal ones."""
    normal = [Clip(f"Normal{n:03d}", **changes) for n in range(num_of_each)]
    events = [(1.0 + n % 5, 4.0 + n % 5) for n in range(num_of_each)]
    return normal + [
        Clip(f"Fight{n:03d}", event=event, **changes) for n, event in enumerate(events)
    ]


def featured(dir_path: Path, clips: Iterable[Clip]) -> Dataset:
    """A dataset that holds them."""
    dataset = a_dataset(dir_path)
    records: list[Record] = []
    for clip in clips:
        records += _records(dataset, clip)
    assert bring_in(dataset, *records).unfit == []
    return dataset


def _records(dataset: Dataset, clip: Clip) -> list[Record]:
    duration = clip.num_snippets * SNIPPET_SECONDS
    video = a_video(
        clip.id,
        split=clip.split,
        is_anomalous=clip.event is not None,
        categories=("Fighting",) if clip.event else (),
        end_seconds=duration,
        num_frames=clip.num_snippets * 16,
        fps=16 / SNIPPET_SECONDS,
    )
    path = features_path("tests-1", clip.id)
    starts = tuple(n * SNIPPET_SECONDS for n in range(clip.num_snippets))
    track = a_feature_track(
        clip.id,
        path=path,
        sha256=save_features(dataset.dir_path / path, _features(clip, starts)),
        extractor="tests-1",
        num_crops=clip.num_crops,
        num_snippets=clip.num_snippets,
        width=clip.width,
        snippet_starts_seconds=starts,
        end_seconds=duration,
        num_frames=clip.num_snippets * 16,
    )
    records: list[Record] = [video, track]
    if clip.event and clip.has_click:
        middle = sum(clip.event) / 2
        records.append(a_click(f"{clip.id}_K0", time_seconds=middle, frame=int(middle * 32)))
    if clip.event and clip.has_boundaries:
        start, end = clip.event
        records.append(an_event(f"{clip.id}_E0", start_seconds=start, end_seconds=end))
    return records


def _features(clip: Clip, starts: tuple[float, ...]) -> np.ndarray[Any, np.dtype[np.float32]]:
    rng = np.random.default_rng(sum(map(ord, clip.id)))
    features = rng.standard_normal((clip.num_crops, clip.num_snippets, clip.width))
    if clip.event:
        times = np.array(starts)
        features[:, (times >= clip.event[0]) & (times < clip.event[1]), 0] += 4
    return features.astype(np.float32)
