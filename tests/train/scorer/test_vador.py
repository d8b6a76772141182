import math

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make install-train)")

import torch
from torch import Tensor

from train.scorer.mlp import Mlp, MlpSettings
from train.scorer.vador import (
    Context,
    Vador,
    VadorOutputs,
    VadorSettings,
    Variant,
    highest_before,
    mil_losses,
)


def drawn(seed: int, *shape: int) -> Tensor:
    values = np.random.Generator(np.random.PCG64(seed)).standard_normal(shape)
    return torch.tensor(values.astype(np.float32))


def a_vador(context: Context = "lstc", variant: Variant = "paper", list_length: int = 4) -> Vador:
    torch.manual_seed(0)
    return Vador(VadorSettings(8, 16, context, list_length, variant)).eval()


def held(scores: list[float], row: int, num: int, above: float = -math.inf) -> list[int]:
    """What the list holds when the row comes, best first."""
    found = highest_before(torch.tensor([scores]), row, row + 1, num, above=above)
    indices: list[int] = found.indices[0, 0][found.is_there[0, 0]].tolist()
    return indices


def test_a_list_holds_the_highest_of_what_came_before() -> None:
    scores = [0.1, 0.9, 0.3, 0.8, 1.0]
    assert held(scores, 0, 2) == []
    assert held(scores, 1, 2) == [0]
    assert held(scores, 4, 2) == [1, 3]


def test_a_gated_list_holds_only_what_is_strictly_above_the_gate() -> None:
    assert held([0.5, 0.6, 0.2, 0.0], 3, 4, above=0.5) == [1]


@pytest.mark.parametrize("variant", ["paper", "code"])
@pytest.mark.parametrize("context", ["none", "ltc", "lstc"])
def test_a_score_looks_at_no_later_snippet(context: Context, variant: Variant) -> None:
    network, features = a_vador(context, variant), drawn(1, 2, 30, 8)
    changed = features.clone()
    changed[:, 20:] += 5
    with torch.no_grad():
        before, after = network(features), network(changed)
    torch.testing.assert_close(before[:, :20], after[:, :20])
    assert not torch.allclose(before[:, 20:], after[:, 20:])


def test_a_long_video_is_scored_in_blocks_as_if_in_one() -> None:
    network, features = a_vador(), drawn(2, 1, 600, 8)
    with torch.no_grad():
        whole = network(features)[:, :300]
        part = network(features[:, :300])
    torch.testing.assert_close(whole, part)


def test_the_first_snippet_has_no_context() -> None:
    network, features = a_vador(), drawn(3, 2, 1, 8)
    plain = a_vador("none")
    plain.predictor.load_state_dict(network.predictor.state_dict())
    torch.testing.assert_close(network(features), plain(features))


def test_the_paper_attends_with_weights_that_sum_to_one() -> None:
    """With equal snippets all context is that snippet, however many a list holds."""
    network, features = a_vador("ltc"), drawn(4, 1, 1, 8).expand(1, 9, 8)
    with torch.no_grad():
        scores = network(features)[0]
    torch.testing.assert_close(scores[1:], scores[1].expand(8))


def test_the_code_keeps_one_snippet_less_than_its_lists_are_long() -> None:
    """The trap: lists of K = 3 whose test is strict never hold more than two."""
    network = a_vador("ltc", "code", list_length=3)
    scores = torch.tensor([[0.9, 0.8, 0.7, 0.1, 0.2, 0.3, 0.0]])
    (lists,) = network._lists(scores, 6, 7)
    assert lists.indices[lists.is_there].tolist() == [3, 4, 0, 1]


def test_the_code_leaves_unsure_snippets_out_and_adds_their_likes_without_softmax() -> None:
    """The trap: weights are cosines, so twice the alike snippets weigh twice as much."""
    network = a_vador("ltc", "code", list_length=3)
    features, scores = drawn(5, 1, 1, 8).expand(1, 4, 8), torch.full((1, 4), 0.9)
    context = network._context(features, scores)[0]
    assert context[0].abs().max() == 0
    weight_of_one = torch.sigmoid(network.balance[0](features[0, 0]))
    weight_of_two = torch.sigmoid(network.balance[0](2 * features[0, 0]))
    torch.testing.assert_close(context[1], weight_of_one * features[0, 0])
    torch.testing.assert_close(context[3], 2 * weight_of_two * features[0, 0])
    assert network._context(features, torch.full((1, 4), 0.5)).abs().max() == 0


@pytest.mark.parametrize(("variant", "num_predictions"), [("paper", 1), ("code", 3)])
def test_the_code_trains_three_predictions_and_the_paper_one(
    variant: Variant, num_predictions: int
) -> None:
    outputs = a_vador("ltc", variant).training_outputs(drawn(6, 4, 12, 8))
    assert len(outputs.predictions) == num_predictions
    losses = mil_losses(outputs, torch.tensor([0.0, 0.0, 1.0, 1.0]))
    assert all(math.isfinite(loss.item()) for loss in losses.values())


def test_the_losses_hold_maximum_and_margin_against_the_label() -> None:
    scores = torch.tensor([[0.2, 0.1, 0.1], [0.3, 0.9, 0.5]])
    losses = mil_losses(VadorOutputs((scores,)), torch.tensor([0.0, 1.0]))
    assert losses["maximum"].item() == pytest.approx(-(math.log(0.8) + math.log(0.9)) / 2)
    assert losses["margin"].item() == pytest.approx(-(math.log(0.9) + math.log(0.6)) / 2)


def test_in_the_first_phase_the_predictor_learns_alone() -> None:
    network, features = a_vador(), drawn(7, 2, 20, 8)
    network.is_contextual = False
    (alone,) = network.training_outputs(features).predictions
    alone.sum().backward()
    assert all(weight.grad is None for weight in network.balance.parameters())
    assert network.predictor[0].weight.grad is not None


@pytest.mark.parametrize("network", [a_vador(), Mlp(MlpSettings(8, (16, 4))).eval()])
def test_crops_are_scored_one_by_one_and_averaged(network: torch.nn.Module) -> None:
    crops = drawn(8, 2, 3, 20, 8)
    with torch.no_grad():
        wanted = torch.stack([network(crops[:, crop]) for crop in range(3)]).mean(0)
        torch.testing.assert_close(network(crops), wanted)


def test_the_classifier_has_three_layers_and_sees_each_snippet_by_itself() -> None:
    network, features = Mlp(MlpSettings(8, (16, 4))), drawn(9, 2, 20, 8)
    assert sum(isinstance(layer, torch.nn.Linear) for layer in network.layers) == 3
    torch.testing.assert_close(network(features)[:, 3], network(features[:, 3:4])[:, 0])
