"""A clip's frames in, the parts of a chat message that show them out."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from engine.errors import MediaError
from engine.media.frames import Frame, RgbImage, distinct
from engine.models.chat import Json

TICKS_PER_SECOND = 1000
"""The frame rate that we declare for a made video: indices are then its times in milliseconds, so
that a model which reads times from indices reads the true ones of a variable-rate file."""


@dataclass(frozen=True)
class PreparedFrame:
    """One frame as JPEG, with its presentation time."""

    base64: str
    """The JPEG as it is sent: encoded once, where cores work side by side, not in the one process
    that keeps servers busy."""
    time_seconds: float
    width_px: int
    height_px: int


@dataclass(frozen=True)
class PreparedClip:
    """The frames of one clip, in order of time; picklable."""

    frames: tuple[PreparedFrame, ...]

    @property
    def num_bytes(self) -> int:
        """What it takes in memory, near enough."""
        return sum(len(frame.base64) for frame in self.frames)


EncodeFrame = Callable[[PreparedFrame], str]
"""What stands for a frame's JPEG in a URL: its base64, or a note of its size."""


def prepare_clip(frames: tuple[Frame, ...], *, max_side_px: int, jpeg_quality: int) -> PreparedClip:
    """Encode each distinct frame, scaled down where it is too large.

    Raises `MediaError("media_empty")` where there is no frame.
    """
    if not frames:
        raise MediaError("media_empty", "no frame of the clip was decoded, so none can be shown")
    kept = distinct(frames)
    return PreparedClip(tuple(_prepare_frame(frame, max_side_px, jpeg_quality) for frame in kept))


def media_parts(
    clip: PreparedClip, *, video_format: Literal["image_url", "video_url"], encode: EncodeFrame
) -> list[Json]:
    """One `image_url` part for each frame, or a single `video_url` part of vLLM's kind."""
    encoded = [encode(frame) for frame in clip.frames]
    if video_format == "video_url":
        return [_url_part("video_url", "data:video/jpeg;base64," + ",".join(encoded))]
    return [_url_part("image_url", "data:image/jpeg;base64," + text) for text in encoded]


def media_io_kwargs(clip: PreparedClip, *, duration_seconds: float) -> dict[str, Json]:
    """What vLLM must know of a made video; its times count from the clip's first frame.

    `num_frames=-1` takes all frames sent; vLLM's default silently keeps the first 32. `fps`
    alone would bring that default back, so both are given.
    """
    start_seconds = clip.frames[0].time_seconds
    ticks = [round((f.time_seconds - start_seconds) * TICKS_PER_SECOND) for f in clip.frames]
    num_ticks = max(ticks[-1] + 1, round(duration_seconds * TICKS_PER_SECOND))
    video: dict[str, Json] = {
        "num_frames": -1,
        "fps": float(TICKS_PER_SECOND),
        "frames_indices": list(ticks),
        "total_num_frames": num_ticks,
        "duration": num_ticks / TICKS_PER_SECOND,
        "do_sample_frames": False,
    }
    return {"video": video}


def as_base64(frame: PreparedFrame) -> str:
    """The frame as it is sent."""
    return frame.base64


def as_note(frame: PreparedFrame) -> str:
    """The frame as a person reads it: `<jpeg 23.4 kB at 12.250 s>`."""
    num_kilobytes = len(frame.base64) * 3 / 4 / 1000
    return f"<jpeg {num_kilobytes:.1f} kB at {frame.time_seconds:.3f} s>"


def _prepare_frame(frame: Frame, max_side_px: int, jpeg_quality: int) -> PreparedFrame:
    image = _scaled_down(frame.image, max_side_px)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    is_encoded, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
    height_px, width_px = image.shape[:2]
    if not is_encoded:
        raise MediaError(
            "media_unreadable",
            f"the frame at {frame.time_seconds:.3f} s ({width_px}×{height_px} px) would not "
            "encode as JPEG",
        )
    encoded = base64.b64encode(jpeg.tobytes()).decode("ascii")
    return PreparedFrame(encoded, frame.time_seconds, width_px, height_px)


def _scaled_down(image: RgbImage, max_side_px: int) -> RgbImage:
    height_px, width_px = image.shape[:2]
    scale = max_side_px / max(height_px, width_px)
    if scale >= 1:
        return image
    size = (max(1, round(width_px * scale)), max(1, round(height_px * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _url_part(kind: str, url: str) -> Json:
    return {"type": kind, kind: {"url": url}}
