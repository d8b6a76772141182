"""A file that browsers cannot play, or cannot seek in, to one that they can; no frame moves.

H.264 without B-frames, a keyframe every 15 frames, 854 px wide at most, no sound, and every frame
at its very own time: on the source's own clock, or, for times that lie too close, on a clock that
counts frames. What was written is read again and thrown away if a frame is missing or moved.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from annotator_ui.frames import FrameTable, table_of
from engine.errors import MediaError
from engine.media.container import opened, scan
from engine.media.convert import clockwise_degrees
from engine.media.encoding import COLOR_FIELDS, UprightFrames
from engine.media.walk import walk

MAX_WIDTH_PX = 854
FRAMES_PER_KEYFRAME = 15
_OPTIONS = {
    "preset": "veryfast",
    "crf": "26",
    "g": str(FRAMES_PER_KEYFRAME),
    "bf": "0",
    "sc_threshold": "0",
    "threads": "2",
}


@dataclass(frozen=True)
class ProxyReport:
    """What was written."""

    num_frames: int
    num_repeated: int
    """Frames too damaged to decode: the picture before stands in their place."""


def write_proxy(source: Path, target: Path, *, clock: FrameTable) -> ProxyReport:
    """Write the proxy of a file; `clock` says when each of its frames is shown in it.

    Raises `MediaError` "media_unreadable" where a frame would be missing or moved, and what
    opening and decoding raise; the target is then as it was.
    """
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        report = _encode(source, partial, clock)
        _verify(partial, clock, source)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return report


def _encode(source: Path, partial: Path, clock: FrameTable) -> ProxyReport:
    writer = _Writer(partial, clock)
    num_repeated = 0
    try:
        for frame, is_repeated in _each_frame(source, len(clock)):
            writer.add(frame)
            num_repeated += is_repeated
        writer.finish()
    finally:
        writer.close()
    return ProxyReport(writer.num_frames, num_repeated)


def _each_frame(source: Path, num_frames: int) -> Iterator[tuple[VideoFrame, bool]]:
    """One decoded picture for every frame of the source's table, and whether it is a repeat."""
    with opened(source) as video:
        index = scan(video)
        table = table_of(video, index)
        if len(table) != num_frames:
            raise _refused(source, f"it shows {len(table)} frames now, and {num_frames} before")
        seconds = table.seconds
        number = 0
        last: VideoFrame | None = None
        for shown in walk(video, index, [(-np.inf, np.inf)]):
            ordinal = int(np.searchsorted(seconds, shown.time_seconds))
            if ordinal >= num_frames or seconds[ordinal] != shown.time_seconds:
                raise _refused(source, f"no packet tells of its frame at {shown.time_seconds} s")
            while number < ordinal:
                yield last or shown.frame, True
                number += 1
            last = shown.frame
            yield last, False
            number += 1
        if last is None:
            raise MediaError("media_empty", f"{source.name}: not one frame of it can be decoded")
        for _ in range(number, num_frames):
            yield last, True


@dataclass
class _Writer:
    """One H.264 file being written."""

    path: Path
    clock: FrameTable
    num_frames: int = 0
    _frames: UprightFrames = field(default_factory=UprightFrames)
    _container: av.container.OutputContainer | None = None
    _stream: VideoStream | None = None
    _held: "Packet[VideoStream] | None" = None
    """The newest packet: the last of all must say how long it stays."""

    def add(self, frame: VideoFrame) -> None:
        """Encode the next frame."""
        if self._frames.size is None:
            self._frames.size = _size_of(frame)
        ready = self._frames.prepared(frame)
        if self._stream is None:
            self._open(ready, frame)
        ready.pts = int(self.clock.ticks[self.num_frames])
        ready.time_base = self.clock.time_base
        # Otherwise x264 would repeat the source's choice of frame types.
        ready.pict_type = PictureType.NONE
        self.num_frames += 1
        self._mux(ready)

    def finish(self) -> None:
        """Write what the encoder still holds."""
        self._mux(None)
        if self._held is not None and self._container is not None:
            self._held.duration = _median_step(self.clock)
            self._container.mux(self._held)

    def close(self) -> None:
        """Close the file, be it finished or not."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def _open(self, ready: VideoFrame, source: VideoFrame) -> None:
        # A movie clock as fine as the track's: the first frame's time is kept in movie ticks.
        scale = self.clock.time_base.denominator
        options = {"movflags": "+faststart", "movie_timescale": str(scale)}
        self._container = av.open(str(self.path), "w", format="mp4", options=options)
        stream = self._container.add_stream("libx264", rate=25, options=dict(_OPTIONS))
        stream.width, stream.height, stream.pix_fmt = ready.width, ready.height, "yuv420p"
        stream.codec_context.time_base = stream.time_base = self.clock.time_base
        for name in COLOR_FIELDS:
            setattr(stream.codec_context, name, getattr(source, name))
        self._stream = stream

    def _mux(self, frame: VideoFrame | None) -> None:
        assert self._stream is not None
        assert self._container is not None
        for packet in self._stream.encode(frame):
            if self._held is not None:
                self._container.mux(self._held)
            self._held = packet


def _size_of(frame: VideoFrame) -> tuple[int, int]:
    """(width, height) before turning, even, such that the upright picture is narrow enough."""
    upright = frame.width if clockwise_degrees(frame) % 180 == 0 else frame.height
    scale = min(1.0, MAX_WIDTH_PX / upright)
    return _even(frame.width * scale), _even(frame.height * scale)


def _even(pixels: float) -> int:
    return max(2, round(pixels / 2) * 2)


def _median_step(clock: FrameTable) -> int:
    steps = np.diff(clock.ticks)
    return max(1, int(np.median(steps))) if steps.size else 1


def _verify(partial: Path, clock: FrameTable, source: Path) -> None:
    with opened(partial) as video:
        found = scan(video).times_seconds
    if len(found) != len(clock):
        raise _refused(source, f"its proxy shows {len(found)} frames instead of {len(clock)}")
    worst = float(np.abs(found - clock.seconds).max())
    if worst > 1e-6:
        raise _refused(source, f"its proxy shows frames up to {worst * 1000:.3f} ms off their time")


def _refused(source: Path, why: str) -> MediaError:
    return MediaError(
        "media_unreadable",
        f"{source.name}: {why}, so no proxy of it is served; run `vau-data ingest` if the file "
        "was replaced, else re-encode it",
    )
