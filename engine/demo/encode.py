"""Frames to an mp4 file whose bytes are the same on every run of one machine."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av

from engine.media.frames import Frame

_TIME_BASE = Fraction(1, 12800)
_OPTIONS = {
    "preset": "veryfast",
    "crf": "27",
    "threads": "1",
    "x264-params": "threads=1:keyint=50:bframes=0",
}


def write_mp4(path: Path, frames: Iterator[Frame]) -> None:
    """Encode frames of one size at their own times; H.264 in one thread. Needs one frame."""
    first = next(frames)
    container_options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", options=container_options) as container:
        stream = container.add_stream("libx264", rate=15, options=_OPTIONS)
        stream.pix_fmt = "yuv420p"
        stream.height, stream.width = first.image.shape[:2]
        stream.codec_context.time_base = _TIME_BASE
        for frame in chain((first,), frames):
            picture = av.VideoFrame.from_ndarray(frame.image, format="rgb24")
            picture.time_base = _TIME_BASE
            picture.pts = round(frame.time_seconds / _TIME_BASE)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
