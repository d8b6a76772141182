import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make install-train)")

import torch
from torch import Tensor

from engine.errors import UsageError
from tests.train.golden import arrays, needs_reference
from train.scorer.clicks import mine, render


def clicked(length: int, *places: int) -> Tensor:
    clicks = torch.zeros(1, length)
    clicks[0, list(places)] = 1
    return clicks


def mined(clicks: Tensor, scores: list[float]) -> list[int]:
    found: list[int] = mine(clicks, torch.tensor([scores]))[0].nonzero().flatten().tolist()
    return found


@needs_reference
def test_the_official_form_mines_and_renders_the_published_labels() -> None:
    points = torch.tensor(arrays()["g_points"])
    found = mine(points, torch.tensor(arrays()["g_scores"]), form="official")
    assert np.array_equal(found.float().numpy(), arrays()["g_mined"])
    of_points = render(points > 0, form="official").numpy()
    np.testing.assert_allclose(of_points, arrays()["g_splat_points_s0.1"], atol=1e-6)
    of_mined = render(found, form="official").numpy()
    np.testing.assert_allclose(of_mined, arrays()["g_splat_mined_s0.1"], atol=1e-6)


def test_a_walk_stops_at_the_first_snippet_that_is_too_low() -> None:
    scores = [0.9, 0.1, 0.95, 1.0, 0.9, 0.2, 0.95]
    assert mined(clicked(7, 3), scores) == [2, 3, 4]


def test_a_walk_never_passes_the_next_click() -> None:
    scores = [0.5, 0.9, 0.9, 0.9, 1.0]
    assert mined(clicked(5, 0, 2), scores) == [0, 1, 2, 3, 4]
    assert mined(clicked(5, 4, 2), [0.5, 0.5, 0.5, 0.95, 1.0]) == [0, 1, 2, 3, 4]
    assert mined(clicked(5, 4, 2), [0.5, 0.5, 0.4, 0.95, 1.0]) == [0, 1, 2, 3, 4]
    assert mined(clicked(5, 4, 2), [0.95, 0.95, 1.0, 0.2, 1.0]) == [0, 1, 2, 4]


def test_the_last_snippet_is_mined_as_any_other() -> None:
    """The trap: the published code never does."""
    clicks, scores = clicked(3, 1), torch.tensor([[1.0, 1.0, 1.0]])
    assert mine(clicks, scores).all()
    assert mine(clicks, scores, form="official").tolist() == [[True, True, False]]


def test_a_video_without_a_click_stays_without_labels() -> None:
    found = mine(torch.zeros(2, 9), torch.ones(2, 9))
    assert not found.any()
    assert not render(found).any()


def test_a_row_that_is_mined_from_end_to_end_is_all_ones() -> None:
    """The trap: the published rendering divides 0 by 0 there."""
    points = torch.ones(1, 50, dtype=torch.bool)
    assert torch.equal(render(points), torch.ones(1, 50))
    assert render(points, form="official").isnan().all()


def test_a_shallow_gap_stays_shallow() -> None:
    """The trap: the published last stretch pulls the lowest of a row to 0, however high it was."""
    points = torch.ones(1, 200, dtype=torch.bool)
    points[0, 95:105] = False
    assert render(points).min() > 0.85
    assert render(points, form="official").min() == 0


def test_a_single_snippet_can_be_a_point() -> None:
    assert render(torch.tensor([[True]])).tolist() == [[1.0]]


def test_clicks_and_scores_of_other_shapes_are_refused() -> None:
    with pytest.raises(UsageError, match=r"\(1, 3\).*\(1, 4\)"):
        mine(torch.zeros(1, 3), torch.zeros(1, 4))


def test_the_papers_form_asks_for_strictly_more_than_the_share() -> None:
    clicks, scores = clicked(5, 2), torch.tensor([[0.0, 0.5, 1.0, 0.5, 0.0]])
    assert mine(clicks, scores, alpha=0.5)[0].tolist() == [False, True, True, True, False]
    strict = mine(clicks, scores, alpha=0.5, form="paper")
    assert strict[0].tolist() == [False, False, True, False, False]


def test_the_papers_form_keeps_a_click_whose_score_is_0() -> None:
    assert mine(clicked(3, 1), torch.zeros(1, 3), form="paper").tolist() == [[False, True, False]]


def test_the_papers_form_sums_so_that_crowds_outweigh_lone_points() -> None:
    points = torch.zeros(2, 200, dtype=torch.bool)
    points[0, [20, 100, 101, 102]] = True
    labels = render(points, form="paper")
    assert labels[0, 101] == labels.max() == 1
    assert 0.3 < labels[0, 20] < 0.4
    assert not labels[1].any()


def test_a_rendered_point_is_ten_snippets_wide_at_200() -> None:
    """The trap: 0.1 is of a video that runs from -1 to 1, so it is a twentieth of its length."""
    points = torch.zeros(1, 201, dtype=torch.bool)
    points[0, 100] = True
    assert render(points)[0, 110].item() == pytest.approx(np.exp(-0.5), abs=1e-6)
