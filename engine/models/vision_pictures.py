"""Frames in, the numbers that a vision tower takes out, as its `preprocessor_config.json` says.

Done with OpenCV: the image processors of transformers want torchvision. Shrinking averages areas
where theirs interpolates, so vectors differ a little from theirs.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import UsageError
from engine.media.frames import RgbImage

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class PictureSettings:
    """How a picture is fitted into the tower's square."""

    side_px: int
    is_cropped: bool
    """True: the shorter side fills it and the rest is cut off (CLIP); False: squeezed."""
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def tensor(self, image: RgbImage) -> NDArray[np.float32]:
        """(h, w, 3) levels -> (3, side, side) normalized float32."""
        fitted = self._cropped(image) if self.is_cropped else self._resized(image, (1.0, 1.0))
        levels = fitted.astype(np.float32) / 255
        scaled = (levels - np.array(self.mean)) / np.array(self.std)
        return np.ascontiguousarray(scaled.transpose(2, 0, 1), dtype=np.float32)

    def _cropped(self, image: RgbImage) -> RgbImage:
        height, width = image.shape[:2]
        short = min(height, width)
        resized = self._resized(image, (width / short, height / short))
        top = (resized.shape[0] - self.side_px) // 2
        left = (resized.shape[1] - self.side_px) // 2
        return resized[top : top + self.side_px, left : left + self.side_px]

    def _resized(self, image: RgbImage, sides: tuple[float, float]) -> RgbImage:
        width, height = (max(self.side_px, round(self.side_px * side)) for side in sides)
        is_smaller = width * height < image.shape[0] * image.shape[1]
        method = cv2.INTER_AREA if is_smaller else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)


def picture_settings(dir_path: Path, *, side_px: int, model_type: str) -> PictureSettings:
    """As the folder's file says; without one, as its family of models is used to.

    Raises `UsageError` for a file that is no JSON object.
    """
    is_clip = model_type.startswith("clip")
    said = _read(dir_path / "preprocessor_config.json")
    mean, std = (_CLIP_MEAN, _CLIP_STD) if is_clip else (_IMAGENET_MEAN, _IMAGENET_STD)
    return PictureSettings(
        side_px=side_px,
        is_cropped=bool(said.get("do_center_crop", is_clip)),
        mean=_three(said.get("image_mean", mean)),
        std=_three(said.get("image_std", std)),
    )


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {error}; download the model again") from error
    if not isinstance(loaded, dict):
        raise UsageError(f"{path} holds no settings; download the model again")
    return loaded
