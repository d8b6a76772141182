import numpy as np
import pytest

from engine.errors import UsageError
from tests.train.golden import arrays, figures, needs_reference
from train.scorer.sampler import Grid, sample_frames


@needs_reference
@pytest.mark.parametrize("name", ["peak", "two", "low"])
def test_the_official_grid_gives_the_published_indices(name: str) -> None:
    wanted = figures()["ats"][name]
    found = sample_frames(arrays()[f"ats_scores_{name}"], wanted["select"], grid="official")
    assert found.tolist() == wanted["idx"]


@pytest.mark.parametrize("grid", ["midpoint", "official"])
@pytest.mark.parametrize("length", [1, 5, 16, 40, 1000])
@pytest.mark.parametrize("level", [0.0, 0.001, 1.0])
def test_calm_and_short_videos_are_sampled_evenly(length: int, level: float, grid: Grid) -> None:
    """The trap: the published fallback raises on exactly these."""
    found = sample_frames(np.full(length, level), 16, grid=grid)
    assert len(found) == 16
    assert found.min() >= 0
    assert found.max() < length
    assert (np.diff(found) >= 0).all()
    assert np.diff(found).max() <= np.ceil(length / 15) + 1


def test_the_midpoint_grid_looks_at_the_start_which_the_official_one_leaves_out() -> None:
    scores = np.zeros(300)
    scores[200:220] = 1.0  # 50 in all: a unit is ten calm frames
    assert sample_frames(scores, 60)[0] == 4
    assert sample_frames(scores, 60, grid="official")[0] >= 9


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
