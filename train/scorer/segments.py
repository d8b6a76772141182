"""Features of whole videos -> a table of samples of equal length on disk, and batches from it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.dataset import Dataset
from engine.features import load_features
from train.scorer.corpus import LabelledVideo
from train.scorer.recipe import Draw

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Samples:
    """S samples of T segments: each crop of each video is one."""

    features: NDArray[np.float16]
    """(S, T, D), memory-mapped."""
    is_abnormal: NDArray[np.bool_]
    """(S,)."""
    clicks: NDArray[np.bool_]
    """(S, T): segments that were clicked."""
    labels: NDArray[np.float32]
    """(S, T): shares of abnormal frames; 0 where nobody set boundaries."""


@dataclass(frozen=True)
class Batch:
    """Some samples, on the device that trains."""

    features: Tensor
    """(B, T, D) float32."""
    is_abnormal: Tensor
    """(B,) float32."""
    clicks: Tensor
    """(B, T) bool."""
    labels: Tensor
    """(B, T) float32."""


def average_segments(rows: NDArray[np.floating], num_segments: int) -> NDArray[np.float32]:
    """(L, …) -> (num_segments, …): means of consecutive rows; rows repeat where L is less.

    Segment i is the mean of rows [r_i, r_i+1) of r = linspace(0, L, num_segments + 1) cut to
    integers, or row r_i where that is empty, as published.
    """
    edges = np.linspace(0, len(rows), num_segments + 1, dtype=np.int64)
    sums = np.add.reduceat(rows.astype(np.float32), edges[:-1], axis=0)
    lengths = np.maximum(np.diff(edges), 1).astype(np.float32)
    # Where a segment is empty reduceat gives its first row, which is what is wanted.
    means = sums / lengths.reshape(-1, *[1] * (rows.ndim - 1))
    return means.astype(np.float32, copy=False)


def make_samples(
    dataset: Dataset, videos: Sequence[LabelledVideo], *, num_segments: int, path: Path
) -> Samples:
    """The table of all videos' crops, written to `path` (float16) and mapped from there.

    Raises `FeatureError` naming the video whose features cannot be used.
    """
    owners = [video for video in videos for _ in range(video.track.num_crops)]
    shape = (len(owners), num_segments, videos[0].track.width)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    table = np.lib.format.open_memmap(partial, mode="w+", dtype=np.float16, shape=shape)
    row = 0
    for video in videos:
        for crop in load_features(dataset, video.track):
            table[row] = average_segments(crop, num_segments)
            row += 1
    table.flush()
    del table
    partial.replace(path)
    return Samples(
        features=np.load(path, mmap_mode="r"),
        is_abnormal=np.array([video.is_abnormal for video in owners]),
        clicks=np.stack([_clicks(video, num_segments) for video in owners]),
        labels=np.stack([_labels(video, num_segments) for video in owners]),
    )


def _clicks(video: LabelledVideo, num_segments: int) -> NDArray[np.bool_]:
    clicked = np.zeros(num_segments, dtype=np.bool_)
    clicked[[int(place * num_segments) for place in video.click_places]] = True
    return clicked


def _labels(video: LabelledVideo, num_segments: int) -> NDArray[np.float32]:
    if video.shares is None:
        return np.zeros(num_segments, dtype=np.float32)
    return average_segments(video.shares, num_segments)


def draw_batch(
    samples: Samples, draw: Draw, *, batch_size: int, seed: int, step: int
) -> tuple[Indices, Indices | None]:
    """Which samples make the batch of one step, and of `snippets` which segment of each.

    Depends on seed and step alone, so that a run that was cut off goes on with the same batches.
    Every sample of a kind is taken once before any is taken again.
    """
    if draw == "halves":
        normal = np.flatnonzero(~samples.is_abnormal)
        abnormal = np.flatnonzero(samples.is_abnormal)
        halves = [
            kind[_turn(len(kind), batch_size, (seed, number), step)]
            for number, kind in enumerate((normal, abnormal))
        ]
        return np.concatenate(halves), None
    num_samples, num_segments = samples.labels.shape
    if draw == "videos":
        return _turn(num_samples, batch_size, (seed, 2), step), None
    places = _turn(num_samples * num_segments, batch_size, (seed, 3), step)
    return places // num_segments, places % num_segments


def _turn(count: int, batch_size: int, seed: tuple[int, int], step: int) -> Indices:
    """The step-th `batch_size` of an endless row of shuffles of 0 … count - 1."""
    first, last = step * batch_size, (step + 1) * batch_size
    rounds = range(first // count, (last - 1) // count + 1)
    shuffles = [_shuffle(count, (*seed, number)) for number in rounds]
    start = first - rounds[0] * count
    return np.concatenate(shuffles)[start : start + batch_size]


@lru_cache(maxsize=4)
def _shuffle(count: int, seed: tuple[int, ...]) -> Indices:
    return np.random.default_rng(seed).permutation(count)


def batch_of(
    samples: Samples, rows: Indices, segments: Indices | None, device: torch.device
) -> Batch:
    """The drawn samples; single segments come as samples of length 1."""
    if segments is None:
        parts = (samples.features[rows], samples.clicks[rows], samples.labels[rows])
    else:
        parts = (
            samples.features[rows, segments][:, None],
            samples.clicks[rows, segments][:, None],
            samples.labels[rows, segments][:, None],
        )
    features, clicks, labels = (torch.from_numpy(np.ascontiguousarray(part)) for part in parts)
    return Batch(
        features=features.to(device).float(),
        is_abnormal=torch.from_numpy(samples.is_abnormal[rows]).to(device).float(),
        clicks=clicks.to(device),
        labels=labels.to(device),
    )
