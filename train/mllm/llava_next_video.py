"""LLaVA-NeXT-Video: all frames behind one tag, their patches pooled."""

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
class LlavaNextVideo:
    """CLIP's middle square of each frame."""

    squares: PictureSettings
    tokens_per_frame: int
    placeholder: str
    family: str = "llava_next_video"
    projector: tuple[str, ...] = ("multi_modal_projector",)

    @property
    def max_side_px(self) -> int:
        """Twice the side of a picture."""
        return 2 * self.squares.side_px

    def pictures(self, frames: Sequence[Frame], *, start_seconds: float) -> Pictures:
        """F frames -> pixels (F, 3, side, side), one place for all."""
        squares = np.stack([self.squares.tensor(frame.image) for frame in frames])
        return Pictures(
            pixels=torch.from_numpy(squares),
            seconds=(frames[0].time_seconds - start_seconds,),
            counts=(self.num_tokens(len(frames)),),
        )

    def forward_args(self, shown: Sequence[Pictures], input_ids: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        """`pixel_values_videos` (1, all frames of the batch, 3, side, side).

        As one video, since samples may have different numbers of frames; each frame is encoded by
        itself, and its tokens go to the places of its own sample.
        """
        return {"pixel_values_videos": torch.cat([one.pixels for one in shown])[None]}

    def num_tokens(self, num_frames: int) -> int:
        """The same for every frame."""
        return num_frames * self.tokens_per_frame


def llava_next_video_of(base_dir_path: Path, config: Any) -> LlavaNextVideo:
    """Sizes from the model's configuration: 336 px and 144 tokens a frame for the 7B weights."""
    from transformers import AutoTokenizer

    vision = config.vision_config
    side = vision.image_size // vision.patch_size // config.spatial_pool_stride
    tokenizer = AutoTokenizer.from_pretrained(base_dir_path, trust_remote_code=False)
    return LlavaNextVideo(
        squares=picture_settings(base_dir_path, side_px=vision.image_size, model_type="clip"),
        tokens_per_frame=side * side,
        placeholder=tokenizer.convert_ids_to_tokens(config.video_token_id),
    )
