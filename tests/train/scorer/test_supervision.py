import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make install-train)")

import torch
from torch import Tensor

from tests.train.golden import arrays, figures, needs_reference
from train.scorer.clicks import mine, render
from train.scorer.dropout import Dropout, half_mask, use_fast_masks
from train.scorer.losses import ur_dmu_losses
from train.scorer.recipe import Recipe, changed, known_recipes, load_recipe
from train.scorer.segments import Batch
from train.scorer.steps import losses_of, optimizer_of, rate_factor, take_step
from train.scorer.supervision import (
    ClickSettings,
    by_boundaries,
    by_clicks,
    by_videos,
    clamped_bce,
    pseudo_labels,
)
from train.scorer.ur_dmu import TrainingOutputs, UrDmu, UrDmuSettings

SMALL = UrDmuSettings(feature_dim=8, hidden_dim=16, num_heads=2, head_dim=8, num_slots=20)


def drawn(seed: int, *shape: int) -> Tensor:
    values = np.random.Generator(np.random.PCG64(seed)).standard_normal(shape)
    return torch.tensor(values.astype(np.float32))


@pytest.fixture
def outputs() -> TrainingOutputs:
    torch.manual_seed(0)
    return UrDmu(SMALL).eval().training_outputs(drawn(1, 6, 40, 8), drawn(2, 3, 40, 16))


def with_scores(outputs: TrainingOutputs, *rows: float) -> TrainingOutputs:
    return replace(outputs, scores=torch.tensor(rows)[:, None].expand(-1, 40))


@needs_reference
def test_the_loss_against_rendered_clicks_is_the_published_one() -> None:
    scores, clicks = torch.tensor(arrays()["g_scores"]), torch.tensor(arrays()["g_points"])
    labels = render(mine(clicks, scores, form="official"), form="official")
    found = clamped_bce(scores, labels).mean().item()
    assert found == pytest.approx(figures()["glance"]["bce_abn"], rel=1e-5)


def test_with_clicks_abnormal_videos_are_no_longer_held_by_their_highest_scores(
    outputs: TrainingOutputs,
) -> None:
    clicks = torch.zeros(3, 40)
    clicks[:, 20] = 1
    labels = render(clicks > 0)
    losses = by_clicks(outputs, clicks, labels, form="ours")
    assert "anomaly" not in losses
    normal, abnormal = outputs.scores.chunk(2)
    wanted = clamped_bce(abnormal, labels).mean().item()
    assert losses["pseudo_labels"].item() == pytest.approx(wanted)
    highest = normal.topk(40 // 16 + 1, dim=1).values.mean(1)
    assert losses["normal"].item() == pytest.approx(-torch.log(1 - highest).mean().item())
    assert set(losses) - {"normal", "pseudo_labels"} == set(by_videos(outputs)) - {"anomaly"}


def test_an_abnormal_video_without_a_click_is_not_called_normal(outputs: TrainingOutputs) -> None:
    """The trap: the published code holds it against labels of 0 throughout."""
    clicks = torch.zeros(3, 40)
    low = by_clicks(with_scores(outputs, 0, 0, 0, 0.1, 0.1, 0.1), clicks, clicks, form="ours")
    high = by_clicks(with_scores(outputs, 0, 0, 0, 0.9, 0.9, 0.9), clicks, clicks, form="ours")
    assert high["pseudo_labels"] < low["pseudo_labels"]
    assert low["pseudo_labels"].item() == pytest.approx(-math.log(0.1), rel=1e-5)
    low = by_clicks(with_scores(outputs, 0, 0, 0, 0.1, 0.1, 0.1), clicks, clicks, form="official")
    assert low["pseudo_labels"].item() == pytest.approx(-math.log(0.9), rel=1e-5)


def test_labels_are_rendered_from_clicks_first_and_from_mined_points_later() -> None:
    clicks, scores = torch.zeros(1, 50), torch.full((1, 50), 0.5)
    clicks[0, 10] = 1
    settings = ClickSettings(mined_from_step=50)
    early = pseudo_labels(clicks, scores, settings, step=49)
    late = pseudo_labels(clicks, scores, settings, step=50)
    assert (early == 1).sum() == 1
    assert (late == 1).all()


def test_labels_pass_no_gradient_to_the_scores_they_were_mined_by() -> None:
    clicks, scores = torch.zeros(1, 50), torch.rand(1, 50, requires_grad=True)
    clicks[0, 10] = 1
    assert not pseudo_labels(clicks, scores, ClickSettings(), step=99).requires_grad


def test_boundaries_hold_every_score_against_its_frames(outputs: TrainingOutputs) -> None:
    """The trap: the paper's Eq. 5 has score and label in each other's place inside the logs."""
    labels = torch.zeros(6, 40)
    labels[3:, 10:20] = 1
    losses = by_boundaries(with_scores(outputs, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2), labels)
    share = 30 / 240
    wanted = -(share * math.log(0.2) + (1 - share) * math.log(0.8))
    assert losses["frames"].item() == pytest.approx(wanted, rel=1e-5)
    assert set(losses) == {"frames", "triplet", "divergence"}


def test_a_share_of_abnormal_frames_is_as_good_as_the_frames() -> None:
    scores, frames = torch.rand(5, 1), (torch.rand(5, 16) < 0.3).float()
    by_frame = torch.nn.functional.binary_cross_entropy(scores.expand(5, 16), frames)
    by_share = torch.nn.functional.binary_cross_entropy(scores, frames.mean(1, keepdim=True))
    torch.testing.assert_close(by_share, by_frame)


def test_the_weighted_losses_add_up_to_the_total(outputs: TrainingOutputs) -> None:
    losses = ur_dmu_losses(outputs)
    torch.testing.assert_close(sum(losses.weighted().values()), losses.total())


@pytest.mark.parametrize("name", known_recipes())
def test_every_recipe_takes_a_step_that_moves_all_weights(name: str) -> None:
    from train.scorer.networks import build_network

    recipe = load_recipe(name)
    torch.manual_seed(0)
    small = {"hidden_dim": 16} if recipe.network == "vador" else {}
    sizes = {**recipe.sizes, **small, "feature_dim": 8}
    if recipe.network == "ur_dmu":
        sizes |= {"hidden_dim": 16, "num_heads": 2, "head_dim": 8, "num_slots": 20}
    network = build_network(recipe.network, sizes, where=name)
    before = {key: weight.clone() for key, weight in network.state_dict().items()}
    clicks = torch.zeros(4, 40, dtype=torch.bool)
    clicks[2:, 20] = True
    batch = Batch(drawn(3, 4, 40, 8), torch.tensor([0.0, 0.0, 1.0, 1.0]), clicks, clicks.float())
    optimizer = optimizer_of(network, recipe.optimizer)
    for step in range(recipe.num_steps_alone, recipe.num_steps_alone + 2):
        losses = take_step(network, optimizer, batch, recipe=recipe, step=step)
        assert math.isfinite(losses["total"])
    stuck = [
        key for key, weight in network.state_dict().items() if torch.equal(weight, before[key])
    ]
    assert stuck == []


def test_in_bfloat16_the_losses_are_near_those_in_float32() -> None:
    torch.manual_seed(0)
    network = UrDmu(SMALL).eval()
    batch = Batch(drawn(4, 6, 40, 8), torch.zeros(6), torch.zeros(6, 40), torch.zeros(6, 40))
    recipe = load_recipe("ur-dmu")
    found = []
    for precision in ("float32", "bfloat16"):
        torch.manual_seed(1)
        losses = losses_of(network, batch, recipe=changed(recipe, precision=precision), step=0)
        assert all(loss.dtype == torch.float32 for loss in losses.values())
        found.append(torch.stack([*losses.values()]).sum().item())
    assert found[0] == pytest.approx(found[1], rel=0.01)


def test_fast_masks_keep_half_and_double_what_they_keep() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(Dropout(0.5))
    use_fast_masks(network)
    kept = network(torch.ones(100, 1003))
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    assert kept.mean().item() == pytest.approx(1.0, abs=0.02)
    assert (kept.mean(0) - 1).abs().max() < 0.6, "no number is dropped more often than others"
    assert torch.equal(network.eval()(kept), kept)


def test_fast_masks_follow_the_seed_and_are_without_pattern() -> None:
    torch.manual_seed(3)
    first = half_mask(torch.ones(4096, 64))
    torch.manual_seed(3)
    assert torch.equal(first, half_mask(torch.ones(4096, 64)))
    alike = (first.T @ first) / 4096 - 0.25
    alike.fill_diagonal_(0)
    assert alike.abs().max() < 0.05


def schedule(**optimizer: object) -> Recipe:
    recipe = load_recipe("vador-ltc")
    settings = {**recipe.optimizer.model_dump(), "warmup_steps": 2, **optimizer}
    return changed(recipe, num_steps=20, num_steps_alone=10, optimizer=settings)


def test_the_rate_warms_up_and_falls_anew_in_each_phase() -> None:
    factors = [rate_factor(schedule(), step) for step in range(20)]
    assert factors[:10] == factors[10:]
    assert factors[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert all(one > other > 0 for one, other in pairwise(factors[2:10]))


def test_a_constant_rate_stays() -> None:
    assert rate_factor(load_recipe("ur-dmu"), 2999) == 1.0
