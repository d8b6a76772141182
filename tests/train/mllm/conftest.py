"""One tiny base of each family, shared by all tests of this folder."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Family -> folder; skips where the training extra is not installed."""
    for name in ("torch", "transformers", "peft", "accelerate", "tensorboard"):
        pytest.importorskip(name, reason=f"{name} is not installed (make install-train)")
    from tests.train.mllm.tiny import FAMILIES, tiny_base

    folder = tmp_path_factory.mktemp("bases")
    return {family: tiny_base(folder / family, family) for family in FAMILIES}
