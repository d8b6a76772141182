"""Qwen2.5-VL and Qwen3-VL: pairs of frames in their own proportions, with their true times."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.media.frames import Frame, RgbImage
from engine.models.vision_pictures import picture_settings
from train.mllm.architecture import Pictures

_VIDEO = 2
"""The type of a video's token, for the positions in time, height and width."""


@dataclass(frozen=True)
class QwenVL:
    """Frames scaled to at most `picture_px` squared pixels."""

    family: str
    placeholder: str
    placeholder_id: int
    projector: tuple[str, ...]
    patch_px: int
    merge: int
    """So many patches, each way, become one token."""
    pair: int
    """Frames per step in time."""
    picture_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @property
    def max_side_px(self) -> int:
        """Twice the side of a picture."""
        return 2 * self.picture_px

    def pictures(self, frames: Sequence[Frame], *, start_seconds: float) -> Pictures:
        """F frames -> pixels (T·rows·columns, 3·pair·patch²); the last fills up the last pair.

        Qwen3 has a place in the text per step in time, Qwen2.5 one for all.
        """
        full = [*frames, *[frames[-1]] * (-len(frames) % self.pair)]
        rows, columns = self._patches(frames[0].image)
        levels = np.stack([self._scaled(frame.image, rows, columns) for frame in full])
        grid = (len(full) // self.pair, rows, columns)
        times = np.array([frame.time_seconds - start_seconds for frame in full])
        steps = tuple(float(at) for at in times.reshape(-1, self.pair).mean(1))
        tokens = rows * columns // self.merge**2
        is_split = self.family == "qwen3_vl"
        return Pictures(
            pixels=torch.from_numpy(self._flat(levels, grid)),
            seconds=steps if is_split else steps[:1],
            counts=(tokens,) * grid[0] if is_split else (tokens * grid[0],),
            grid=grid,
            spacing_seconds=steps[1] - steps[0] if len(steps) > 1 else 1.0,
        )

    def forward_args(self, shown: Sequence[Pictures], input_ids: Tensor) -> dict[str, Tensor]:
        """`pixel_values_videos`, `video_grid_thw` (B, 3), `mm_token_type_ids` (B, L).

        Qwen2.5 also takes `second_per_grid_ts` (B,): seconds from one step in time to the next.
        """
        args = {
            "pixel_values_videos": torch.cat([one.pixels for one in shown]),
            "video_grid_thw": torch.tensor([one.grid for one in shown]),
            "mm_token_type_ids": (input_ids == self.placeholder_id).int() * _VIDEO,
        }
        if self.family == "qwen2_5_vl":
            args["second_per_grid_ts"] = torch.tensor([one.spacing_seconds for one in shown])
        return args

    def num_tokens(self, num_frames: int) -> int:
        """At most."""
        per_step = (self.picture_px // (self.patch_px * self.merge)) ** 2
        return math.ceil(num_frames / self.pair) * max(1, per_step)

    def _patches(self, image: RgbImage) -> tuple[int, int]:
        """Rows and columns of patches, both multiples of `merge`, within the bound on pixels."""
        height, width = image.shape[:2]
        unit = self.patch_px * self.merge
        shrink = min(1.0, self.picture_px / math.sqrt(height * width))
        rows = max(1, round(height * shrink / unit))
        columns = max(1, round(width * shrink / unit))
        while rows * columns * unit**2 > max(self.picture_px**2, unit**2):
            rows, columns = (rows - 1, columns) if rows >= columns else (rows, columns - 1)
        return rows * self.merge, columns * self.merge

    def _scaled(self, image: RgbImage, rows: int, columns: int) -> NDArray[np.float32]:
        """(3, height, width), normalized."""
        size = columns * self.patch_px, rows * self.patch_px
        is_smaller = size[0] * size[1] < image.shape[0] * image.shape[1]
        method = cv2.INTER_AREA if is_smaller else cv2.INTER_CUBIC
        scaled = np.asarray(cv2.resize(image, size, interpolation=method), np.float32) / 255
        normalized = (scaled - np.array(self.mean)) / np.array(self.std)
        return np.ascontiguousarray(normalized.transpose(2, 0, 1), np.float32)

    def _flat(self, levels: NDArray[np.float32], grid: tuple[int, int, int]) -> NDArray[np.float32]:
        """(F, 3, H, W) -> a row per patch; the patches of one token stand together."""
        steps, rows, columns = grid
        patch, merge = self.patch_px, self.merge
        cut = levels.reshape(
            steps, self.pair, 3, rows // merge, merge, patch, columns // merge, merge, patch
        )
        ordered = cut.transpose(0, 3, 6, 4, 7, 2, 1, 5, 8)
        return np.ascontiguousarray(ordered.reshape(steps * rows * columns, -1))


def qwen_vl_of(base_dir_path: Path, config: Any, *, picture_px: int) -> QwenVL:
    """Sizes from the model's configuration."""
    from transformers import AutoTokenizer

    vision, family = config.vision_config, str(config.model_type)
    tokenizer = AutoTokenizer.from_pretrained(base_dir_path, trust_remote_code=False)
    kind = "clip" if family == "qwen2_5_vl" else "half"
    shades = picture_settings(base_dir_path, side_px=vision.patch_size, model_type=kind)
    is_told = (base_dir_path / "preprocessor_config.json").exists() or kind == "clip"
    half = (0.5, 0.5, 0.5)
    deep = [f"deepstack_merger_list.{n}" for n in range(len(_deep_layers(vision)))]
    return QwenVL(
        family=family,
        placeholder=tokenizer.convert_ids_to_tokens(config.video_token_id),
        placeholder_id=int(config.video_token_id),
        projector=("visual.merger", *deep),
        patch_px=int(vision.patch_size),
        merge=int(vision.spatial_merge_size),
        pair=int(vision.temporal_patch_size),
        picture_px=picture_px,
        mean=shades.mean if is_told else half,
        std=shades.std if is_told else half,
    )


def _deep_layers(vision: Any) -> Sequence[int]:
    return getattr(vision, "deepstack_visual_indexes", None) or ()
