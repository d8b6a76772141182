from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed (make install-train)")

import torch

from engine.errors import UsageError
from tests.train.mllm.lessons import a_plan, a_recipe, cut_release
from train.mllm.fit import Need, device_of, need_of, refuse_too_large

GIB = 2**30


def test_a_base_that_does_not_fit_is_refused_with_the_arithmetic() -> None:
    need = Need(weights=14 * GIB, trained=GIB, activations=2 * GIB, per_device=2)
    refuse_too_large(need, free_bytes=21 * GIB, base="big")
    with pytest.raises(UsageError, match=r"weights take 14.0 GiB.*2 × 2.0 GiB.*per_device = 1"):
        refuse_too_large(need, free_bytes=19 * GIB, base="big")
    with pytest.raises(UsageError, match=r"over 3 or more such devices.* at most 4.3 GiB"):
        refuse_too_large(need, free_bytes=8 * GIB, base="big")


def test_memory_grows_with_tokens_samples_and_kept_activations(bases: dict[str, Path]) -> None:
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(bases["internvl"])
    kept = a_recipe(is_checkpointed=False, per_device=3)

    def total(num_tokens: int, **changes: object) -> int:
        recipe = kept.model_copy(update=changes)
        counts = (10**6, 10**4)
        return need_of(config, counts, recipe=recipe, num_tokens=num_tokens, num_shards=1).total

    assert total(2000) > total(1000)
    assert total(1000, is_checkpointed=True) < total(1000)
    assert total(1000, per_device=1) < total(1000)
    assert total(1000, precision="bfloat16") < total(1000)


def test_a_recipe_for_a_gpu_is_refused_where_there_is_none() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(UsageError, match="PyTorch finds none here"):
        device_of("auto", needs_gpu=True)
    assert device_of("auto", needs_gpu=False).type == "cpu"
    assert device_of("cpu", needs_gpu=True).type == "cpu"
    with pytest.raises(UsageError, match="no device 'cuda' here"):
        device_of("cuda", needs_gpu=False)


def test_a_batch_that_devices_cannot_share_is_refused(
    bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = cut_release(tmp_path / "releases" / "v1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="a batch of 3 cannot be shared by 2 devices"):
        a_plan(release, bases["internvl"], tmp_path / "out", a_recipe())


def test_a_base_that_is_nowhere_is_refused_by_name(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed")
    release = cut_release(tmp_path / "releases" / "v1")
    with pytest.raises(UsageError, match="no base model 'no such/thing'"):
        a_plan(release, Path("no such/thing"), tmp_path / "out", a_recipe())
