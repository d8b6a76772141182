"""A video file in, small pictures spread evenly over it out, for the strip under the player."""

import os
import shutil
from pathlib import Path

from PIL import Image

from engine.media.decode import frames_at
from engine.media.frames import FrameRequest, evenly_spaced_times

NUM_THUMBS = 25
MAX_SIDE_PX = 320
_JPEG_QUALITY = 75


def thumb_times(start_seconds: float, end_seconds: float) -> tuple[float, ...]:
    """Which moments are shown."""
    return evenly_spaced_times(start_seconds, end_seconds, num_frames=NUM_THUMBS)


def thumb_path(dir_path: Path, number: int) -> Path:
    """Picture `number`, from 0."""
    return dir_path / f"{number:02d}.jpg"


def write_thumbs(source: Path, dir_path: Path, *, times_seconds: tuple[float, ...]) -> None:
    """Make the folder with all pictures, or nothing. Raises `MediaError` like `frames_at`."""
    partial = dir_path.with_name(f".{dir_path.name}.{os.getpid()}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        request = FrameRequest("thumbs", times_seconds)
        for _, frames in frames_at(source, [request], max_side_px=MAX_SIDE_PX):
            for number, frame in enumerate(frames):
                picture = Image.fromarray(frame.image)
                picture.save(thumb_path(partial, number), quality=_JPEG_QUALITY)
        shutil.rmtree(dir_path, ignore_errors=True)
        partial.rename(dir_path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
