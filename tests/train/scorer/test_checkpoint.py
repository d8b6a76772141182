from pathlib import Path

import numpy as np
import orjson
import pytest

pytest.importorskip("torch", reason="torch is not installed (make install-train)")

import torch

from engine.errors import UsageError
from train.scorer.card import ModelCard, Selection
from train.scorer.checkpoint import load_checkpoint, save_checkpoint
from train.scorer.dropout import Dropout
from train.scorer.mlp import Mlp, MlpSettings
from train.scorer.networks import Network, name_of, sizes_of
from train.scorer.ur_dmu import UrDmu, UrDmuSettings
from train.scorer.vador import Vador, VadorSettings

SIZES = UrDmuSettings(feature_dim=8, hidden_dim=16, num_heads=4, head_dim=4, num_slots=20)
FEATURES = np.random.default_rng(0).standard_normal((2, 30, 8)).astype(np.float16)


def a_network(settings: UrDmuSettings = SIZES) -> UrDmu:
    torch.manual_seed(0)
    return UrDmu(settings)


def a_card(network: Network, chosen_on: str = "validation") -> ModelCard:
    return ModelCard(
        run_id="r" * 64,
        network=name_of(network),
        sizes=sizes_of(network),
        num_parameters=7,
        extractor="tests-1",
        width=8,
        recipe={"name": "mine", "about": "Ours.", "supervision": "clicks"},
        seed=3,
        num_steps=100,
        selection=Selection(40, chosen_on, "roc_auc of frames", 0.75, 5),
        dataset_name="fights",
        dataset_sha256="d" * 64,
        num_train_videos=12,
        num_left_out={"no features": 2},
        vau_data_version="1",
        torch_version="2",
    )


def saved(tmp_path: Path, weights: object, name: str = "model.pkl") -> Path:
    torch.save(weights, tmp_path / name)
    return tmp_path / name


@pytest.mark.parametrize(
    "network",
    [
        a_network(),
        Vador(VadorSettings(8, 16, "ltc", 3, "code")),
        Mlp(MlpSettings(8, (16, 4))),
    ],
)
def test_a_scorer_of_each_network_comes_back_as_it_was(tmp_path: Path, network: Network) -> None:
    path = save_checkpoint(tmp_path, network, a_card(network))
    loaded = load_checkpoint(tmp_path)
    assert loaded.path == path
    assert (loaded.network, loaded.width, loaded.extractor) == (name_of(network), 8, "tests-1")
    with torch.no_grad():
        wanted = network.eval()(torch.from_numpy(FEATURES).float()).mean(0)
    np.testing.assert_allclose(loaded.score(FEATURES), wanted, atol=1e-6)


def test_the_card_says_what_it_is_as_data_and_as_a_page(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, a_network(), a_card(a_network()))
    card = orjson.loads((tmp_path / "model.json").read_bytes())
    assert card["sizes"]["hidden_dim"] == 16
    assert card["selection"]["value"] == 0.75
    page = (tmp_path / "README.md").read_text()
    for words in (
        "`tests-1`",
        "seed 3",
        "0.7500",
        "12 videos of `fights`",
        "2: no features",
        "ddd",
    ):
        assert words in page
    assert "test set" not in page


def test_a_checkpoint_chosen_on_the_test_set_says_so(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, a_network(), a_card(a_network(), "test"))
    assert "Chosen on the test set" in (tmp_path / "README.md").read_text()


def test_its_fingerprint_is_that_of_the_file(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, a_network(), a_card(a_network()))
    first = load_checkpoint(tmp_path).fingerprint
    other = a_network()
    torch.nn.init.zeros_(other.Amemory.memory_block)
    save_checkpoint(tmp_path, other, a_card(other))
    assert load_checkpoint(tmp_path).fingerprint != first


@pytest.mark.parametrize("name", ["model.pkl", "anomaly_scorer.pth"])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("attention", ["selfatt", "self_attn"])
@pytest.mark.parametrize("wrapper", [None, "state_dict"])
def test_published_files_load_by_whichever_names(
    tmp_path: Path, name: str, prefix: str, attention: str, wrapper: str | None
) -> None:
    network = a_network()
    weights = {
        f"{prefix}{key.replace('selfatt', attention)}": weight
        for key, weight in network.state_dict().items()
    }
    path = saved(tmp_path, {wrapper: weights} if wrapper else weights, name)
    loaded = load_checkpoint(path)
    assert (loaded.network, loaded.extractor) == ("ur_dmu", "")
    assert loaded.module.settings == SIZES
    with torch.no_grad():
        wanted = network.eval()(torch.from_numpy(FEATURES).float()).mean(0)
    np.testing.assert_allclose(loaded.score(FEATURES), wanted, atol=1e-6)


def test_a_published_file_of_the_default_size_gives_the_default_settings(tmp_path: Path) -> None:
    loaded = load_checkpoint(saved(tmp_path, UrDmu().state_dict()))
    assert loaded.module.settings == UrDmuSettings()


class Stranger:
    """What a pickle could run anything through."""


def test_a_file_with_more_than_weights_is_not_opened(tmp_path: Path) -> None:
    """The trap: a plain torch.load runs whatever the file says."""
    with pytest.raises(UsageError, match=r"model\.pkl as a file of weights alone"):
        load_checkpoint(saved(tmp_path, Stranger()))


def test_another_networks_file_is_named_with_its_weights(tmp_path: Path) -> None:
    weights = {"conv1.weight": torch.zeros(3), "fc.bias": torch.zeros(2)}
    with pytest.raises(UsageError, match=r"weights \(conv1\.weight, fc\.bias …\) are not those"):
        load_checkpoint(saved(tmp_path, weights))


def test_missing_and_unknown_weights_and_other_shapes_are_named(tmp_path: Path) -> None:
    weights = a_network().state_dict()
    del weights["encoder_mu.0.bias"]
    weights["extra.weight"] = torch.zeros(1)
    weights["cls_head.mlp.2.weight"] = torch.zeros(1, 64)
    with pytest.raises(UsageError) as caught:
        load_checkpoint(saved(tmp_path, weights))
    for words in (
        "has no encoder_mu.0.bias",
        "unknown extra.weight",
        "(1, 64) instead of (1, 128)",
    ):
        assert words in str(caught.value)


def test_half_a_file_and_no_file_are_told_apart(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, a_network(), a_card(a_network()))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UsageError, match="was it cut off"):
        load_checkpoint(tmp_path)
    with pytest.raises(UsageError, match=r"no checkpoint at .*nothing; train one with"):
        load_checkpoint(tmp_path / "nothing")


def test_features_of_another_width_are_refused_with_both_widths(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, a_network(), a_card(a_network()))
    with pytest.raises(UsageError, match=r"snippets, 8\), not \(1, 5, 9\).*\(tests-1\)"):
        load_checkpoint(tmp_path).score(np.zeros((1, 5, 9), dtype=np.float32))


def test_dropout_is_off_when_scoring(tmp_path: Path) -> None:
    """The trap: Holmes-VAU's sampler leaves it on, and scores move by 0.08 from call to call."""
    save_checkpoint(tmp_path, a_network().train(), a_card(a_network()))
    loaded = load_checkpoint(tmp_path)
    dropouts = [module for module in loaded.module.modules() if isinstance(module, Dropout)]
    assert dropouts
    assert not any(module.training for module in dropouts)
    assert np.array_equal(loaded.score(FEATURES), loaded.score(FEATURES))


@pytest.mark.parametrize("length", [1, 13_500])
def test_one_snippet_and_two_hours_are_scored(tmp_path: Path, length: int) -> None:
    save_checkpoint(tmp_path, a_network(), a_card(a_network()))
    scores = load_checkpoint(tmp_path).score(np.zeros((1, length, 8), dtype=np.float16))
    assert scores.shape == (length,)
    assert ((scores >= 0) & (scores <= 1)).all()
