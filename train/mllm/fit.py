"""Whether a run fits into a device's memory: arithmetic before the first step."""

from dataclasses import dataclass
from typing import Any

import torch

from engine.errors import UsageError
from train.mllm.recipe import MllmRecipe

_GIB = 2**30
_TRAINED_BYTES = 16
"""float32 weight, gradient and AdamW's two moments."""
_LAYER_BYTES = 34
"""Per token and unit of width, what a layer keeps for its gradient in 16 bits (Korthikanti et al.,
2022, without the attention's matrix, which fused attention never has)."""
_LOGIT_BYTES = 12
_LEARNED_TOKENS = 256
"""Of an answer: generous for the papers' (a video's summary has about 110)."""
_REST = 1.1
"""For fragments and buffers."""


@dataclass(frozen=True)
class Need:
    """Bytes on one device."""

    weights: int
    trained: int
    """Gradients and moments, and the trained weights themselves."""
    activations: int
    """Of one sample."""
    per_device: int

    @property
    def total(self) -> int:
        """Of all, with a tenth for the rest."""
        return int(_REST * (self.weights + self.trained + self.per_device * self.activations))


def need_of(
    config: Any, counts: tuple[int, int], *, recipe: MllmRecipe, num_tokens: int, num_shards: int
) -> Need:
    """From the model's sizes. `counts`: all weights and trained ones; `num_shards`: devices that
    share the weights (1: each has all of them)."""
    text = config.get_text_config()
    width, num_layers = text.hidden_size, text.num_hidden_layers
    bytes_each = 2 if recipe.precision == "bfloat16" else 4
    kept = 2 * num_layers + _LAYER_BYTES if recipe.is_checkpointed else _LAYER_BYTES * num_layers
    hidden = num_tokens * width * kept * bytes_each // 2
    logits = min(num_tokens, _LEARNED_TOKENS) * text.vocab_size * _LOGIT_BYTES
    num_all, num_trained = counts
    return Need(
        weights=(num_all - num_trained) * bytes_each // num_shards,
        trained=num_trained * _TRAINED_BYTES // num_shards,
        activations=hidden + logits,
        per_device=recipe.per_device,
    )


def refuse_too_large(need: Need, *, free_bytes: int, base: str) -> None:
    """Raises `UsageError` with the arithmetic and what would fit."""
    if need.total <= free_bytes:
        return
    raise UsageError(
        f"{base} does not fit: its weights take {_gib(need.weights)}, what is trained "
        f"{_gib(need.trained)}, {need.per_device} samples at once {need.per_device} × "
        f"{_gib(need.activations)}, with a tenth for the rest {_gib(need.total)} in all, and the "
        f"device has {_gib(free_bytes)} free; {_remedy(need, free_bytes)}"
    )


def _remedy(need: Need, free_bytes: int) -> str:
    left = free_bytes / _REST - need.weights - need.trained
    if left >= need.activations:
        return f"per_device = {int(left // need.activations)} in the recipe would fit"
    per_weight = max(0.0, free_bytes / _REST - need.trained - need.activations)
    num_devices = -(-need.total // max(1, free_bytes))
    return (
        f"over {num_devices} or more such devices it may (`accelerate launch` with FSDP); or "
        f"take a base whose weights take at most {per_weight / _GIB:.1f} GiB, or fewer or smaller "
        "frames ([frames] num, picture_px)"
    )


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / _GIB:.1f} GiB"


def free_bytes_of(device: torch.device) -> int:
    """Of the GPU, or of this machine where there is none."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    return int(psutil.virtual_memory().available)


def device_of(name: str, *, needs_gpu: bool) -> torch.device:
    """`auto`, `cpu`, `cuda` … Raises `UsageError` for a device that is not there.

    `needs_gpu`: refuse the processor unless it was asked for.
    """
    if name == "auto" and needs_gpu and not torch.cuda.is_available():
        raise UsageError(
            "the recipe is for a GPU, and PyTorch finds none here; run it on a machine that has "
            "one, or say --device cpu for a base that is small enough for that"
        )
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"no device {name!r} here: {str(error).splitlines()[0]}") from error
