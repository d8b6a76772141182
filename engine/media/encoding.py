"""Decoded frames in, one H.264 file under a temporary name out."""

import os
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from av.filter import Graph
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from engine.media.convert import clockwise_degrees

MIN_CLOCK_HZ, MAX_CLOCK_HZ, OTHER_CLOCK_HZ = 48_000, 1_000_000, 90_000
TURN_FILTERS = {90: [("transpose", "clock")], 180: [("hflip", ""), ("vflip", "")]} | {
    270: [("transpose", "cclock")]
}
COLOR_FIELDS = ("color_range", "colorspace", "color_primaries", "color_trc")


@dataclass(frozen=True)
class EncoderSettings:
    """What all clips of one video share."""

    crf: int
    preset: str
    clock_hz: int
    """Ticks per second in the written file."""


def finer_clock(time_base: Fraction) -> int:
    """Ticks per second that hold the source's steps exactly and place a start within 11 µs."""
    ticks = time_base.denominator
    while ticks < MIN_CLOCK_HZ:
        ticks *= 2
    return ticks if ticks <= MAX_CLOCK_HZ else OTHER_CLOCK_HZ


@dataclass
class UprightFrames:
    """Turns the frames of one video into what x264 takes, once per frame: yuv420p, even, upright.

    All have the size of the first, because an encoder cannot change size on the way.
    """

    size: tuple[int, int] | None = None
    source: VideoFrame | None = None
    result: VideoFrame | None = None
    graph: Graph | None = None

    def prepared(self, frame: VideoFrame) -> VideoFrame:
        """The frame to encode; the same object when asked again for the same frame."""
        if self.result is None or self.source is not frame:
            self.source = frame
            self.result = self._turned(self._even(frame), clockwise_degrees(frame))
        return self.result

    def _even(self, frame: VideoFrame) -> VideoFrame:
        if self.size is None:
            self.size = max(2, frame.width // 2 * 2), max(2, frame.height // 2 * 2)
        width, height = self.size
        if (frame.width, frame.height, frame.format.name) == (width, height, "yuv420p"):
            return frame
        return frame.reformat(width=width, height=height, format="yuv420p")

    def _turned(self, frame: VideoFrame, degrees: int) -> VideoFrame:
        if not degrees:
            return frame
        if self.graph is None:
            self.graph = _turning_graph(frame, degrees)
        self.graph.vpush(frame)
        return self.graph.vpull()


@dataclass
class Encoding:
    """One clip file being written, under a temporary name beside its target."""

    target: Path
    start_seconds: float
    end_seconds: float
    settings: EncoderSettings
    ticks: list[int] = field(default_factory=list)
    """Times of the frames fed so far, from the cut's start."""
    first_frame_seconds: float = 0.0
    _held: "Packet[VideoStream] | None" = None
    """The newest packet: its duration is known only when the next frame comes."""
    _container: av.container.OutputContainer | None = None
    _stream: VideoStream | None = None

    @property
    def partial(self) -> Path:
        """The temporary name; of this process, so that two never write to one file."""
        return self.target.with_name(f".{self.target.name}.{os.getpid()}.partial")

    def add(self, frame: VideoFrame, time_seconds: float) -> None:
        """Encode one frame at its time in the source; frames come in ascending time."""
        if self._stream is None or self._container is None:
            self.first_frame_seconds = time_seconds
            self._open(frame)
        assert self._stream is not None
        assert self._container is not None
        ticks = self._ticks_at(time_seconds)
        frame.pts, frame.time_base = ticks, Fraction(1, self.settings.clock_hz)
        # Otherwise x264 would repeat the source's choice of frame types, B-frames included.
        frame.pict_type = PictureType.NONE
        self.ticks.append(ticks)
        self._mux(frame)

    def finish(self, *, last_end_seconds: float) -> None:
        """Write what is left and close the file.

        The last frame stays until `last_end_seconds` (in the source), but not past the cut's end.
        """
        if self._container is None:
            return
        self._mux(None)
        if self._held is not None:
            end_seconds = min(last_end_seconds, self.end_seconds)
            self._held.duration = max(1, self._ticks_at(end_seconds) - self.ticks[-1])
            self._container.mux(self._held)
        self._container.close()
        self._container = None

    def discard(self) -> None:
        """Close and remove the unfinished file."""
        try:
            if self._container is not None:
                self._container.close()
                self._container = None
        finally:
            self.partial.unlink(missing_ok=True)

    def _ticks_at(self, seconds: float) -> int:
        clock_hz = self.settings.clock_hz
        return round(seconds * clock_hz) - round(self.start_seconds * clock_hz)

    def _open(self, frame: VideoFrame) -> None:
        # A movie clock as fine as the track's: the first frame's time is kept in movie ticks.
        options = {"movflags": "+faststart", "movie_timescale": str(self.settings.clock_hz)}
        self._container = av.open(str(self.partial), "w", format="mp4", options=options)
        stream = self._container.add_stream("libx264", rate=25, options=self._codec_options())
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, self.settings.clock_hz)
        stream.time_base = stream.codec_context.time_base
        for name in COLOR_FIELDS:
            setattr(stream.codec_context, name, getattr(frame, name))
        self._stream = stream

    def _codec_options(self) -> dict[str, str]:
        settings = self.settings
        return {"preset": settings.preset, "crf": str(settings.crf), "bf": "0", "threads": "1"}

    def _mux(self, frame: VideoFrame | None) -> None:
        assert self._stream is not None
        assert self._container is not None
        for packet in self._stream.encode(frame):
            if self._held is not None:
                self._container.mux(self._held)
            self._held = packet


def _turning_graph(frame: VideoFrame, degrees: int) -> Graph:
    graph = Graph()
    nodes = [
        graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base,
        )
    ]
    nodes += [graph.add(name, arguments) for name, arguments in TURN_FILTERS[degrees]]
    graph.link_nodes(*nodes, graph.add("buffersink")).configure()
    return graph
