"""Small scorers with weights that nobody trained, for what only needs one to be there."""

from pathlib import Path

import orjson
import pytest

from engine.models.baseline_features import BaselineFeatures


def untaught_scorer(dir_path: Path, *, width: int = BaselineFeatures.width) -> Path:
    """A folder as training writes it, with a scorer of the embedded features."""
    torch = pytest.importorskip("torch")
    save_file = pytest.importorskip("safetensors.torch").save_file
    from train.scorer.checkpoint import MODEL_NAME
    from train.scorer.networks import build_network, sizes_of

    torch.manual_seed(0)
    network = build_network("mlp", {"feature_dim": width}, where="a test")
    meta = {"network": "mlp", "sizes": orjson.dumps(sizes_of(network)).decode()}
    dir_path.mkdir(parents=True)
    weights = dict(network.state_dict())
    save_file(weights, dir_path / MODEL_NAME, metadata={**meta, "extractor": "baseline-1"})
    return dir_path
