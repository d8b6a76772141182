"""A file that may still be written, or a network stream, in; frames as they arrive out.

Times are seconds since the first frame. After a stream was lost and came back they go on by the
wall clock, so that they never run backwards.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from urllib.parse import urlsplit

import av
from av.container import InputContainer
from av.video.frame import VideoFrame

from engine.errors import ServiceError, UsageError
from engine.media.container import ASSUMED_FPS
from engine.media.convert import RgbConverter
from engine.media.frames import Frame

logger = logging.getLogger(__name__)

_OPEN_SECONDS = 10.0
_ENDING = ("http://", "https://", "file://")
"""What may come to an end of its own; others were cut off when they fall silent."""
_SECONDS_BETWEEN_TRIES = 1.0


@dataclass(frozen=True)
class LiveSettings:
    """How a source is read."""

    max_side_px: int
    patience_seconds: float = 30.0
    """A file that does not grow for so long has ended; a stream that is gone so long is lost."""
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass
class _Clock:
    """Stream time to seconds since the first frame, across reconnections."""

    now: Callable[[], float]
    _offset: float | None = None
    _last_seconds: float = 0.0
    _last_seen: float = 0.0
    _is_new: bool = True

    def seconds_of(self, stamp: float) -> float | None:
        """None for a frame that would run backwards."""
        if self._is_new:
            gap = 0.0 if self._offset is None else self.now() - self._last_seen
            self._offset = self._last_seconds + gap - stamp
        seconds = stamp + (self._offset or 0.0)
        if not self._is_new and seconds <= self._last_seconds:
            return None
        self._is_new, self._last_seconds, self._last_seen = False, seconds, self.now()
        return seconds

    def restart(self) -> None:
        """The next frame is of another connection."""
        self._is_new = True


@dataclass
class LiveSource:
    """Frames of one source, once through."""

    name: str
    """A path or a URL."""
    settings: LiveSettings
    num_reconnections: int = 0
    _clock: _Clock = field(init=False)

    def __post_init__(self) -> None:
        self._clock = _Clock(self.settings.now)

    @property
    def is_stream(self) -> bool:
        """Whether it is no file of this machine."""
        return "://" in self.name

    @property
    def shown_name(self) -> str:
        """The name without a password."""
        parts = urlsplit(self.name)
        if not self.is_stream or "@" not in parts.netloc:
            return self.name
        return parts._replace(netloc=f"***@{parts.netloc.rpartition('@')[2]}").geturl()

    def frames(self) -> Iterator[Frame]:
        """Until the file has ended. Raises `UsageError` where it cannot be opened at first, and
        `ServiceError` where a stream is lost and does not come back.
        """
        opened = self._opened()
        while True:
            with opened as container:
                yield from self._decoded(container)
            if not self.is_stream or self.name.startswith(_ENDING):
                return
            opened = self._reconnected()
            self.num_reconnections += 1
            self._clock.restart()

    def _opened(self) -> InputContainer:
        if not self.is_stream and not Path(self.name).is_file():
            raise UsageError(f"{self.name} is no file; name a video or a stream (rtsp://…)")
        try:
            return self._open()
        except (av.FFmpegError, OSError) as error:
            raise UsageError(
                f"cannot open {self.shown_name}: {error.strerror or type(error).__name__}; does it "
                "play with ffplay, and is it reachable from here?"
            ) from error

    def _open(self) -> InputContainer:
        options = {"follow": "1"}
        name = f"file:{self.name}"
        if self.is_stream:
            options = {"rtsp_transport": "tcp"} if self.name.startswith("rtsp") else {}
            name = self.name
        timeouts = (_OPEN_SECONDS, self.settings.patience_seconds)
        container = av.open(name, options=options, timeout=timeouts, metadata_errors="replace")
        if not container.streams.video:
            container.close()
            raise UsageError(f"{self.shown_name} carries no video")
        # Threads that decode one frame each would hold back as many frames.
        container.streams.video[0].thread_type = "SLICE"
        return container

    def _decoded(self, container: InputContainer) -> Iterator[Frame]:
        converter = RgbConverter(self.settings.max_side_px)
        stream = container.streams.video[0]
        rate = float(stream.average_rate or ASSUMED_FPS)
        tick_seconds = stream.time_base or Fraction(1, 90_000)
        for number, frame in enumerate(_until_silence(container)):
            # Not `frame.time`: it is NaN for the frames that a decoder gives up at its end.
            stamp = number / rate if frame.pts is None else float(frame.pts * tick_seconds)
            seconds = self._clock.seconds_of(stamp)
            if seconds is not None:
                yield Frame(converter.convert(frame), seconds, frame.is_corrupt)

    def _reconnected(self) -> InputContainer:
        """Raises `ServiceError` once patience is at its end."""
        logger.warning("%s is lost; trying to reach it again", self.shown_name)
        deadline = self.settings.now() + self.settings.patience_seconds
        while True:
            try:
                return self._open()
            except (av.FFmpegError, OSError, UsageError) as error:
                if self.settings.now() >= deadline:
                    raise ServiceError(
                        f"{self.shown_name} is lost, and did not come back within "
                        f"{self.settings.patience_seconds:.0f} s ({error}); the scores so far are "
                        "printed: start again when it is reachable, or raise --patience"
                    ) from error
            self.settings.sleep(_SECONDS_BETWEEN_TRIES)


def _until_silence(container: InputContainer) -> Iterator[VideoFrame]:
    """Frames until the source ends or says nothing for as long as its timeout; the rest after."""
    stream = container.streams.video[0]
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError as error:
            logger.debug("the source ended: %s", error)
            packet = None
        if packet is None or not packet.size:
            break
        try:
            yield from stream.decode(packet)
        except av.InvalidDataError as error:
            logger.debug("a damaged packet was passed over: %s", error)
    yield from stream.decode(None)
