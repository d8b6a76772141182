import zlib

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make install-train)")

import torch
from torch import Tensor

from tests.train.golden import arrays, figures, needs_reference
from train.scorer.local_kernel import KernelNorm, spread_locally
from train.scorer.losses import UrDmuLosses, ur_dmu_losses
from train.scorer.ur_dmu import UrDmu, UrDmuSettings

PUBLISHED_NAMES = {
    "att_loss": "anomaly",
    "N_Aatt": "abnormal_by_normal",
    "A_loss": "abnormal_by_abnormal",
    "N_loss": "normal_by_normal",
    "A_Nloss": "normal_by_abnormal",
    "triplet": "triplet",
    "kl_loss": "divergence",
}


def drawn(seed: int, *shape: int) -> Tensor:
    values = np.random.Generator(np.random.PCG64(seed)).standard_normal(shape)
    return torch.tensor(values.astype(np.float32))


def reference_weight(name: str, shape: tuple[int, ...]) -> Tensor:
    values = drawn(zlib.crc32(name.encode()), *shape).double()
    if name.endswith("norm.weight"):
        values = 1 + 0.1 * values
    else:
        values *= 1 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.02
    return values.float()


@pytest.fixture
def network() -> UrDmu:
    made = UrDmu().eval()
    weights = {
        name: reference_weight(name, tuple(w.shape)) for name, w in made.state_dict().items()
    }
    made.load_state_dict(weights)
    return made


def reference_losses(network: UrDmu) -> UrDmuLosses:
    return ur_dmu_losses(network.training_outputs(drawn(7, 4, 200, 1024), drawn(11, 2, 200, 512)))


@needs_reference
def test_the_parameters_have_the_published_names_and_shapes(network: UrDmu) -> None:
    shapes = {name: list(weight.shape) for name, weight in network.state_dict().items()}
    assert shapes == figures()["state_dict"]
    assert sum(weight.numel() for weight in network.parameters()) == figures()["n_params"]


@needs_reference
def test_the_scores_are_the_published_ones(network: UrDmu) -> None:
    with torch.no_grad():
        scores = network(drawn(7, 4, 200, 1024))
    np.testing.assert_allclose(scores.numpy(), arrays()["t200_test_scores"], atol=1e-5)


@needs_reference
def test_the_losses_and_their_gradients_are_the_published_ones(network: UrDmu) -> None:
    losses, wanted = reference_losses(network), figures()["t200"]
    for published, ours in PUBLISHED_NAMES.items():
        found = getattr(losses, ours).item()
        assert found == pytest.approx(wanted["losses"][published], rel=1e-5), published
    assert losses.distance.item() == pytest.approx(wanted["distance"], rel=1e-5)
    losses.total().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        found = weight.grad.norm().item()
        assert found == pytest.approx(wanted["grad_norm"][name], rel=1e-4), name


@needs_reference
def test_five_steps_of_training_go_the_published_way(network: UrDmu) -> None:
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, weight_decay=5e-5)
    found = []
    for _ in range(5):
        loss = reference_losses(network).total()
        found.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert found == pytest.approx(figures()["adam_5_steps_t200_total_loss"], rel=1e-5)


def test_crops_are_scored_one_by_one_and_averaged() -> None:
    network = UrDmu(UrDmuSettings(feature_dim=8, hidden_dim=16, num_heads=2, head_dim=8)).eval()
    crops = drawn(1, 2, 3, 20, 8)
    with torch.no_grad():
        found = network(crops)
        wanted = torch.stack([network(crops[:, crop]) for crop in range(3)]).mean(0)
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("length", [1, 769, 1000, 1536])
@pytest.mark.parametrize("norm", ["official", "row"])
def test_a_long_video_is_spread_as_by_the_whole_kernel(norm: KernelNorm, length: int) -> None:
    values = drawn(3, 1, 2, length, 4)
    distances = (torch.arange(length)[:, None] - torch.arange(length)[None, :]).abs()
    kernel = torch.exp(-distances / np.e).double()
    kernel /= kernel.sum(-1)[None, :] if norm == "official" else kernel.sum(-1)[:, None]
    found = spread_locally(values, norm=norm)
    torch.testing.assert_close(found.double(), kernel @ values.double(), atol=1e-5, rtol=1e-5)


def test_the_published_kernel_norm_is_not_a_mean_at_the_ends() -> None:
    """The trap: its columns sum to 1, not its rows, so that constants do not stay constant."""
    ones = torch.ones(1, 1, 50, 1)
    torch.testing.assert_close(spread_locally(ones, norm="row"), ones)
    ends = spread_locally(ones, norm="official")[0, 0, [0, 25], 0]
    assert ends[0] < 0.9
    assert ends[1] == pytest.approx(1.0, abs=1e-3)


def test_the_divergence_grows_with_a_videos_length() -> None:
    """The trap: it sums over time, so its published weight holds for 200 snippets alone."""
    network = UrDmu(UrDmuSettings(feature_dim=8, hidden_dim=16, num_heads=2, head_dim=8)).eval()
    short, long = (
        ur_dmu_losses(network.training_outputs(drawn(2, 1, 1, 8).expand(4, length, 8)))
        for length in (100, 400)
    )
    assert long.divergence > 3 * short.divergence > 0
