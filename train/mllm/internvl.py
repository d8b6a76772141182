"""InternVL in transformers' own form: one square picture per frame, a line of text for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.media.frames import Frame
from engine.models.vision_pictures import PictureSettings, picture_settings
from train.mllm.architecture import Pictures


@dataclass(frozen=True)
class InternVL:
    """One tile per frame, squeezed into the tower's square, as Holmes-VAU has it."""

    squares: PictureSettings
    tokens_per_frame: int
    family: str = "internvl"
    placeholder: str = "<IMG_CONTEXT>"
    projector: tuple[str, ...] = ("multi_modal_projector",)

    @property
    def max_side_px(self) -> int:
        """Twice the side of a picture."""
        return 2 * self.squares.side_px

    def pictures(self, frames: Sequence[Frame], *, start_seconds: float) -> Pictures:
        """F frames -> pixels (F, 3, side, side), a place per frame."""
        squares = np.stack([self.squares.tensor(frame.image) for frame in frames])
        return Pictures(
            pixels=torch.from_numpy(squares),
            seconds=tuple(frame.time_seconds - start_seconds for frame in frames),
            counts=(self.tokens_per_frame,) * len(frames),
        )

    def forward_args(self, shown: Sequence[Pictures], input_ids: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        """`pixel_values` (all frames of the batch, 3, side, side)."""
        return {"pixel_values": torch.cat([one.pixels for one in shown])}

    def num_tokens(self, num_frames: int) -> int:
        """The same for every frame."""
        return num_frames * self.tokens_per_frame


def internvl_of(base_dir_path: Path, config: Any) -> InternVL:
    """Sizes from the model's configuration: 448 px and 256 tokens for the published ones."""
    side_px = int(config.vision_config.image_size[0])
    return InternVL(
        squares=picture_settings(base_dir_path, side_px=side_px, model_type="internvl"),
        tokens_per_frame=int(config.image_seq_length),
    )
