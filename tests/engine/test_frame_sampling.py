import numpy as np
import pytest

from engine.errors import UsageError
from engine.frame_sampling import Grid, Sampling, sample_frames
from tests.train.golden import arrays, figures, needs_reference


@needs_reference
@pytest.mark.parametrize("name", ["peak", "two", "low"])
def test_the_official_grid_gives_the_published_indices(name: str) -> None:
    wanted = figures()["ats"][name]
    found = sample_frames(
        arrays()[f"ats_scores_{name}"], wanted["select"], Sampling(grid="official")
    )
    assert found.tolist() == wanted["idx"]


@pytest.mark.parametrize("grid", ["midpoint", "official"])
@pytest.mark.parametrize("length", [1, 5, 16, 40, 1000])
@pytest.mark.parametrize("level", [0.0, 0.001, 1.0])
def test_calm_and_short_videos_are_sampled_evenly(length: int, level: float, grid: Grid) -> None:
    """The trap: the published fallback raises on exactly these."""
    found = sample_frames(np.full(length, level), 16, Sampling(grid=grid))
    assert len(found) == 16
    assert found.min() >= 0
    assert found.max() < length
    assert (np.diff(found) >= 0).all()
    assert np.diff(found).max() <= np.ceil(length / 15) + 1


def test_the_midpoint_grid_looks_at_the_start_which_the_official_one_leaves_out() -> None:
    scores = np.zeros(300)
    scores[200:220] = 1.0  # 50 in all: a unit is ten calm frames
    assert sample_frames(scores, 60)[0] == 4
    assert sample_frames(scores, 60, Sampling(grid="official"))[0] >= 9


def test_half_of_the_mass_gets_half_of_the_frames() -> None:
    scores = np.zeros(1000)
    scores[400:500] = 1.0  # 100 + 10 of 200: the calm 900 frames weigh 90
    found = sample_frames(scores, 20)
    assert ((found >= 400) & (found < 500)).sum() == 11


def test_no_scores_and_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="cannot take 4 frames out of 0"):
        sample_frames(np.zeros(0), 4)
    with pytest.raises(UsageError, match="score 2 is no number"):
        sample_frames(np.array([0.0, 0.0, np.nan]), 2)


def test_without_scores_in_mind_frames_lie_evenly() -> None:
    scores = np.linspace(0, 1, 100)
    assert sample_frames(scores, 4, Sampling("uniform")).tolist() == [0, 33, 66, 99]


def test_the_highest_frames_come_in_order_of_time() -> None:
    scores = np.array([0.1, 0.9, 0.2, 0.9, 0.9, 0.5])
    assert sample_frames(scores, 2, Sampling("top_k")).tolist() == [1, 3]
    assert sample_frames(scores, 4, Sampling("top_k")).tolist() == [1, 3, 4, 5]


def test_holmes_vad_keeps_frames_strictly_above_its_threshold() -> None:
    scores = np.array([0.1, 0.8, 0.81, 0.2, 0.95])
    assert sample_frames(scores, 4, Sampling("threshold")).tolist() == [2, 4]
    assert sample_frames(np.full(100, 0.9), 3, Sampling("threshold")).tolist() == [0, 50, 99]


def test_a_calm_video_has_no_frame_above_a_threshold() -> None:
    assert sample_frames(np.full(9, 0.5), 4, Sampling("threshold")).tolist() == []
