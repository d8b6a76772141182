"""A base model: its folder, its weights with what is trained of them, its tokenizer."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.errors import UsageError
from engine.models.vision_tower import weights_hash
from train.mllm.architecture import LANGUAGE_LAYERS, Architecture
from train.mllm.encode import Asked
from train.mllm.prompt import chat_of
from train.mllm.recipe import LoraSection, Trained

_NO_LAYERS = "dummy-target-modules"
"""peft's word for an adapter without low-rank layers, which only holds whole modules."""


@dataclass(frozen=True)
class Base:
    """Where a base lies, and which weights it has."""

    name: str
    """As it was given."""
    dir_path: Path
    sha256: str
    """Of the weight files; not all of their bytes are read."""


def find_base(name: str) -> Base:
    """A folder, or a name on the hub, which is then fetched into transformers' cache.

    Raises `UsageError` where it is neither.
    """
    if (path := Path(name)).is_dir():
        return Base(name, path.resolve(), weights_hash(path))
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        patterns = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
        path = Path(snapshot_download(name, allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise UsageError(
            f"no base model {name!r}: it is no folder here, and the hub did not give it "
            f"({str(error).splitlines()[0]}); name a folder with --base"
        ) from error
    return Base(name, path, weights_hash(path))


def asked_of(dir_path: Path, architecture: Architecture) -> Asked:
    """The tokenizer with the family's chat.

    Raises `UsageError` where a mark of the chat is no single token.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(dir_path, trust_remote_code=False)
    if architecture.placeholder not in tokenizer.get_vocab():
        raise UsageError(
            f"the tokenizer in {dir_path} has no token {architecture.placeholder!r}, which stands "
            f"for pictures in {architecture.family}; take the tokenizer that came with the model"
        )
    placeholder_id = int(tokenizer.convert_tokens_to_ids(architecture.placeholder))
    return Asked(tokenizer, chat_of(architecture.family), placeholder_id)


def load_model(dir_path: Path, *, precision: str) -> Any:
    """The whole model on the processor. Raises `UsageError` where transformers cannot load it."""
    from safetensors import SafetensorError
    from transformers import AutoModelForImageTextToText
    from transformers.utils import logging as their_logging

    their_logging.disable_progress_bar()
    try:
        return AutoModelForImageTextToText.from_pretrained(
            dir_path, dtype=dtype_of(precision), trust_remote_code=False
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise UsageError(f"transformers cannot load {dir_path}: {error}") from error


def blank_model(dir_path: Path) -> Any:
    """The model's shapes without memory behind them: to count with."""
    from transformers import AutoConfig, AutoModelForImageTextToText

    config = AutoConfig.from_pretrained(dir_path, trust_remote_code=False)
    with torch.device("meta"):
        return AutoModelForImageTextToText.from_config(config)


def dtype_of(precision: str) -> torch.dtype:
    """Of the frozen weights."""
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def adapted(model: Any, architecture: Architecture, *, train: Trained, lora: LoraSection) -> Any:
    """The model with all weights frozen but those that are trained, which are float32.

    Low-rank layers go to the LLM alone; the projector is trained as a whole.
    """
    from peft import LoraConfig, get_peft_model

    has_lora, has_projector = "lora" in train, "projector" in train
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=LANGUAGE_LAYERS if has_lora else _NO_LAYERS,
        modules_to_save=list(architecture.projector) if has_projector else None,
    )
    with peft_made_quiet():
        tuned = get_peft_model(model, config)
    for weight in tuned.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
    return tuned


def with_adapter(model: Any, dir_path: Path) -> Any:
    """The model with a trained adapter on it."""
    from peft import PeftModel

    with peft_made_quiet():
        return PeftModel.from_pretrained(model, str(dir_path))


@contextmanager
def peft_made_quiet() -> Iterator[None]:
    """peft 0.21 asks for an attribute by a name that transformers 5.23 warns of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        yield


def num_weights(model: Any) -> tuple[int, int]:
    """All, and those that are trained."""
    sizes = [(weight.numel(), weight.requires_grad) for weight in model.parameters()]
    return sum(size for size, _ in sizes), sum(size for size, is_trained in sizes if is_trained)
