"""What differs between families of video LLMs: how frames become tensors and places in a text."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor

from engine.errors import UsageError
from engine.media.frames import Frame

FAMILIES = ("internvl", "llava_next_video", "qwen2_5_vl", "qwen3_vl")
LANGUAGE_LAYERS = (
    r".*language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"
)
"""The layers of the LLM that LoRA adapts. A bare `q_proj` would also mean those of the tower."""


@dataclass(frozen=True)
class Pictures:
    """The frames of one sample, ready for a model."""

    pixels: Tensor
    """float32; its shape is the family's business."""
    seconds: tuple[float, ...]
    """Per place in the text, when it is shown, after the segment's start."""
    counts: tuple[int, ...]
    """Per place, how many tokens of the LLM it takes."""
    grid: tuple[int, int, int] | None = None
    """Qwen: (time, rows, columns) of patches."""
    spacing_seconds: float = 1.0
    """Qwen: from one step in time to the next."""


class Architecture(Protocol):
    """One family of models, with the sizes of one base."""

    @property
    def family(self) -> str:
        """The name of its chat in `prompts/chat/`."""
        ...

    @property
    def placeholder(self) -> str:
        """The token that stands for a picture's tokens."""
        ...

    @property
    def projector(self) -> tuple[str, ...]:
        """Ends of the names of the modules between vision tower and LLM."""
        ...

    @property
    def max_side_px(self) -> int:
        """Frames are decoded to at most this: twice what is looked at."""
        ...

    def pictures(self, frames: Sequence[Frame], *, start_seconds: float) -> Pictures:
        """At least one frame, in order of time."""
        ...

    def forward_args(self, shown: Sequence[Pictures], input_ids: Tensor) -> dict[str, Tensor]:
        """What the model takes beside `input_ids` (B, L) and `attention_mask`."""
        ...

    def num_tokens(self, num_frames: int) -> int:
        """Of the LLM for so many frames, at most."""
        ...


def architecture_of(base_dir_path: Path, *, picture_px: int) -> Architecture:
    """The family of a base model. `picture_px`: see `qwen_vl`.

    Raises `UsageError` for a folder that holds no model, or one of another family.
    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(base_dir_path, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{base_dir_path} holds no model that transformers knows: {str(error).splitlines()[0]}"
        ) from error
    if config.model_type == "internvl":
        from train.mllm.internvl import internvl_of

        return internvl_of(base_dir_path, config)
    if config.model_type == "llava_next_video":
        from train.mllm.llava_next_video import llava_next_video_of

        return llava_next_video_of(base_dir_path, config)
    if config.model_type in ("qwen2_5_vl", "qwen3_vl"):
        from train.mllm.qwen_vl import qwen_vl_of

        return qwen_vl_of(base_dir_path, config, picture_px=picture_px)
    raise UsageError(
        f"{base_dir_path} is a {config.model_type!r}, which is not among {', '.join(FAMILIES)}; of "
        "InternVL take a folder in transformers' own form, such as OpenGVLab/InternVL3-2B-hf"
    )
