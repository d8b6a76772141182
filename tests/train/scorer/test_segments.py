from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make install-train)")

import torch

from engine.errors import ItemError
from tests.train.scorer.featured import Clip, featured, some_clips
from train.scorer.corpus import load_corpus
from train.scorer.recipe import Draw
from train.scorer.segments import Samples, average_segments, batch_of, draw_batch, make_samples


def some_samples(num_normal: int, num_abnormal: int, num_segments: int = 4) -> Samples:
    num = num_normal + num_abnormal
    return Samples(
        features=np.arange(num * num_segments * 2, dtype=np.float16).reshape(num, num_segments, 2),
        is_abnormal=np.arange(num) >= num_normal,
        clicks=np.zeros((num, num_segments), dtype=np.bool_),
        labels=np.zeros((num, num_segments), dtype=np.float32),
    )


@pytest.mark.parametrize("length", [1, 7, 200, 201, 555])
def test_segments_are_the_published_averages(length: int) -> None:
    rows = np.random.default_rng(0).standard_normal((length, 3)).astype(np.float32)
    edges = np.linspace(0, length, 201, dtype=int)
    wanted = [
        rows[start:end].mean(0) if start < end else rows[start] for start, end in pairwise(edges)
    ]
    np.testing.assert_allclose(average_segments(rows, 200), wanted, atol=1e-6)


def test_each_crop_is_a_sample_of_its_own(tmp_path: Path) -> None:
    dataset = featured(tmp_path, some_clips(2, num_crops=3))
    videos = load_corpus(dataset, "clicks").train
    samples = make_samples(dataset, videos, num_segments=12, path=tmp_path / "segments.npy")
    assert samples.features.shape == (12, 12, 8)
    assert samples.is_abnormal.sum() == 6
    assert samples.clicks.sum(1).tolist() == [0] * 6 + [1] * 6


def test_one_snippet_and_two_hours_both_become_samples(tmp_path: Path) -> None:
    clips = [Clip("Normal000", num_snippets=1), Clip("Fight000", (3.0, 9.0), num_snippets=13_500)]
    dataset = featured(tmp_path, clips)
    videos = load_corpus(dataset, "clicks").train
    samples = make_samples(dataset, videos, num_segments=200, path=tmp_path / "segments.npy")
    assert (samples.features[0] == samples.features[0, 0]).all()
    assert np.isfinite(samples.features).all()


def test_features_that_are_no_numbers_are_refused_by_the_videos_name(tmp_path: Path) -> None:
    dataset = featured(tmp_path, some_clips(1))
    videos = load_corpus(dataset, "clicks").train
    path = dataset.dir_path / videos[1].track.path
    features = np.load(path)
    features[0, 5, 3] = np.nan
    np.save(path, features)
    with pytest.raises(ItemError, match="Fight000: snippet 5, number 3, crop 0 is nan"):
        make_samples(dataset, videos, num_segments=8, path=tmp_path / "segments.npy")
    assert not (tmp_path / "segments.npy").exists()


def test_a_batch_has_its_normal_half_first() -> None:
    rows, _ = draw_batch(some_samples(3, 5), "halves", batch_size=4, seed=0, step=0)
    assert (rows[:4] < 3).all()
    assert (rows[4:] >= 3).all()


@pytest.mark.parametrize("draw", ["halves", "videos", "snippets"])
def test_every_sample_is_taken_once_before_any_is_taken_again(draw: Draw) -> None:
    samples = some_samples(6, 6)
    drawn = [draw_batch(samples, draw, batch_size=2, seed=1, step=step) for step in range(24)]
    num_a_round = {"halves": 3, "videos": 6, "snippets": 24}[draw]
    for start in range(0, 24, num_a_round):
        taken = [
            (row, None if segments is None else segments[place])
            for rows, segments in drawn[start : start + num_a_round]
            for place, row in enumerate(rows)
        ]
        assert len(set(taken)) == len(taken) == {"snippets": 48}.get(draw, 12)


def test_batches_larger_than_the_set_and_other_seeds_work() -> None:
    samples = some_samples(2, 3)
    one, _ = draw_batch(samples, "halves", batch_size=8, seed=0, step=3)
    other, _ = draw_batch(samples, "halves", batch_size=8, seed=1, step=3)
    again, _ = draw_batch(samples, "halves", batch_size=8, seed=0, step=3)
    assert len(one) == 16
    assert one.tolist() == again.tolist() != other.tolist()


def test_single_snippets_come_as_samples_of_length_one() -> None:
    samples = some_samples(2, 2)
    rows, segments = draw_batch(samples, "snippets", batch_size=5, seed=0, step=0)
    batch = batch_of(samples, rows, segments, torch.device("cpu"))
    assert batch.features.shape == (5, 1, 2)
    assert segments is not None
    assert batch.features[2, 0, 0] == (rows[2] * 4 + segments[2]) * 2
    assert batch.labels.shape == batch.clicks.shape == (5, 1)
