"""A tuned model in memory: frames and a question in, its answer out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.errors import UsageError
from engine.media.frames import Frame
from train.mllm.architecture import Architecture, architecture_of
from train.mllm.base import asked_of, find_base, load_model, with_adapter
from train.mllm.card import MllmCard
from train.mllm.encode import Asked
from train.mllm.prompt import Exchange
from train.mllm.recipe import FramesSection
from train.mllm.run import read_card

ADAPTER_CONFIG = "adapter_config.json"


@dataclass(frozen=True)
class Tuned:
    """A model that answers; dropout is off."""

    model: Any
    architecture: Architecture
    asked: Asked
    frames: FramesSection
    """What it was shown while it was trained."""
    card: MllmCard

    def inputs(
        self,
        frames: Sequence[Frame],
        question: str,
        *,
        start_seconds: float = 0.0,
        history: Sequence[Exchange] = (),
    ) -> dict[str, Tensor]:
        """What `generate` takes, on the model's device; the prompt is the one of training."""
        shown = self.architecture.pictures(frames, start_seconds=start_seconds)
        ids = self.asked.prompt(
            question, seconds=shown.seconds, counts=shown.counts, history=history
        )
        tokens = torch.from_numpy(ids)[None]
        args = self.architecture.forward_args([shown], tokens)
        given = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), **args}
        return {name: value.to(self.model.device) for name, value in given.items()}

    def answer(
        self,
        frames: Sequence[Frame],
        question: str,
        *,
        start_seconds: float = 0.0,
        history: Sequence[Exchange] = (),
        most_tokens: int = 512,
    ) -> str:
        """The likeliest next word each time, until the model ends its turn."""
        inputs = self.inputs(frames, question, start_seconds=start_seconds, history=history)
        with torch.inference_mode():
            said = self.model.generate(
                **inputs, max_new_tokens=most_tokens, do_sample=False, use_cache=True
            )
        new = said[0, inputs["input_ids"].shape[1] :]
        text: str = self.asked.tokenizer.decode(new, skip_special_tokens=True)
        return text.strip()


def load_tuned(
    dir_path: Path, *, base: str | None = None, device: str = "cpu", precision: str = "bfloat16"
) -> Tuned:
    """An adapter with its base, or a merged model.

    `base`: where the adapter's base lies now. Raises `UsageError` where the folder holds neither,
    or the base is not the one that the adapter was trained on.
    """
    card = read_card(dir_path)
    frames = FramesSection(**card.recipe["frames"])
    if not (dir_path / ADAPTER_CONFIG).exists():
        model, model_dir_path = load_model(dir_path, precision=precision), dir_path
    else:
        model_dir_path = base_of(card, base=base)
        plain = load_model(model_dir_path, precision=precision)
        model = with_adapter(plain, dir_path)
    architecture = architecture_of(model_dir_path, picture_px=frames.picture_px)
    asked = asked_of(dir_path, architecture)
    return Tuned(model.to(device).eval(), architecture, asked, frames, card)


def base_of(card: MllmCard, *, base: str | None) -> Path:
    """The base of an adapter, checked. Raises `UsageError` for another one."""
    found = find_base(base or card.base)
    if found.sha256 != card.base_sha256:
        raise UsageError(
            f"{found.dir_path} is not the base of this adapter: it was trained on {card.base} with "
            f"weights {card.base_sha256[:16]}, and these are {found.sha256[:16]}; name the right "
            "folder with --base"
        )
    return found.dir_path
