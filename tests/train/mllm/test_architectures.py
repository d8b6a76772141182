from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make install-train)")

import torch

from engine.errors import UsageError
from engine.media.frames import Frame
from tests.train.mllm.test_encode import FAMILIES, TALK, some_frames
from train.mllm.architecture import architecture_of
from train.mllm.base import adapted, asked_of, load_model, num_weights
from train.mllm.recipe import LoraSection
from train.mllm.samples import Collate, Ready


def ready(folder: Path, num_frames: int) -> tuple[Any, Ready]:
    architecture = architecture_of(folder, picture_px=28)
    asked = asked_of(folder, architecture)
    shown = architecture.pictures(some_frames(num_frames), start_seconds=2.0)
    encoded = asked.exchanges(TALK, seconds=shown.seconds, counts=shown.counts)
    return architecture, Ready(encoded, shown)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_sample_says_does_not_depend_on_the_others_in_its_batch(
    bases: dict[str, Path], family: str
) -> None:
    model = load_model(bases[family], precision="float32").eval()
    architecture, few = ready(bases[family], 2)
    _, many = ready(bases[family], 5)
    collate = Collate(architecture, pad_id=0)
    with torch.inference_mode():
        alone = model(**collate([few]))
        together = model(**collate([few, many]))
    kept_alone, kept_together = (
        collate([few])["logits_to_keep"],
        collate([few, many])["logits_to_keep"],
    )
    places = torch.searchsorted(kept_together, kept_alone)
    assert (kept_together[places] == kept_alone).all()
    assert torch.allclose(together.logits[0, places], alone.logits[0], atol=1e-4)


def test_logits_are_made_only_where_something_is_learned(bases: dict[str, Path]) -> None:
    architecture, one = ready(bases["internvl"], 3)
    batch = Collate(architecture, pad_id=0)([one])
    learned = one.encoded.labels[1:] != -100
    assert batch["logits_to_keep"].tolist() == [0, *np.flatnonzero(learned).tolist()]
    assert batch["labels"][0, 0] == -100
    assert batch["labels"][0, 1:].tolist() == one.encoded.labels[1:][learned].tolist()


@pytest.mark.parametrize("family", FAMILIES)
def test_lora_adapts_the_language_model_and_nothing_of_the_vision_tower(
    bases: dict[str, Path], family: str
) -> None:
    architecture = architecture_of(bases[family], picture_px=28)
    names = {}
    for train in ("lora", "projector", "projector+lora"):
        model = load_model(bases[family], precision="float32")
        tuned = adapted(model, architecture, train=train, lora=LoraSection(rank=2))
        names[train] = {n for n, weight in tuned.named_parameters() if weight.requires_grad}
        assert 0 < num_weights(tuned)[1] < num_weights(tuned)[0]
    assert all(".language_model.layers." in name for name in names["lora"])
    assert len(names["lora"]) == 2 * 2 * 7
    assert all(any(end in name for end in architecture.projector) for name in names["projector"])
    assert names["projector+lora"] == names["lora"] | names["projector"]


def test_qwens_patches_are_those_of_its_own_picture_processor(bases: dict[str, Path]) -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    architecture = architecture_of(bases["qwen2_5_vl"], picture_px=28)
    image = np.random.default_rng(0).integers(0, 255, (28, 28, 3), dtype=np.uint8)
    theirs = Qwen2VLImageProcessorPil(
        patch_size=7, temporal_patch_size=2, merge_size=2, do_resize=False
    )(image, return_tensors="np")
    ours = architecture.pictures([Frame(image, 0.0)], start_seconds=0.0)
    assert ours.grid == tuple(theirs["image_grid_thw"][0])
    assert np.allclose(ours.pixels.numpy(), theirs["pixel_values"], atol=1e-5)


def test_qwens_pictures_stay_within_their_pixels_and_keep_their_proportions(
    bases: dict[str, Path],
) -> None:
    architecture = architecture_of(bases["qwen3_vl"], picture_px=112)
    wide = [Frame(np.zeros((90, 360, 3), np.uint8), float(n)) for n in range(3)]
    shown = architecture.pictures(wide, start_seconds=0.0)
    steps, rows, columns = shown.grid or (0, 0, 0)
    assert (steps, len(shown.counts)) == (2, 2)
    assert rows * columns * 7**2 <= 112**2
    assert columns > 3 * rows
    assert sum(shown.counts) <= architecture.num_tokens(3)


def test_a_model_of_another_family_is_refused_by_name(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed")
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(UsageError, match="'gpt2', which is not among internvl"):
        architecture_of(tmp_path, picture_px=28)
    with pytest.raises(UsageError, match="holds no model that transformers knows"):
        architecture_of(tmp_path / "nowhere", picture_px=28)
