"""Requests for frames by time in, upright RGB frames out; one forward pass per file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from engine.errors import MediaError
from engine.media.container import opened, scan
from engine.media.convert import RgbConverter
from engine.media.frames import Frame, FrameRequest
from engine.media.walk import ShownFrame, walk

Decoder = Literal["pyav", "decord"]


def frames_at(
    path: Path,
    requests: Sequence[FrameRequest],
    *,
    max_side_px: int | None,
    decoder: Decoder = "pyav",
) -> Iterator[tuple[str, tuple[Frame, ...]]]:
    """For each request, the frames on screen at its times, as soon as the last is decoded.

    The frame on screen at t is the last with a time <= t, or the first of the file where t comes
    before it; past the end it is the last one. Requests may overlap; each frame is decoded and
    converted once. Images are upright, scaled down so that the longer side is at most
    `max_side_px` (None: as stored; never scaled up). Raises `MediaError` "media_unreadable" or
    "media_empty"; a request without times is answered with no frames.
    """
    if decoder == "decord":
        from engine.media.decord_frames import frames_at_with_decord

        yield from frames_at_with_decord(path, requests, max_side_px=max_side_px)
        return
    pending = _Pending.of(requests)
    yield from pending.take_complete()
    if not pending.is_done:
        yield from _answer_all(path, pending, max_side_px=max_side_px)


def all_frames(path: Path, *, max_side_px: int | None = None) -> Iterator[Frame]:
    """Every frame that a player shows, in order of time; scaled and turned like `frames_at`.

    Raises `MediaError` "media_unreadable" or "media_empty".
    """
    converter = RgbConverter(max_side_px)
    is_empty = True
    with opened(path) as video:
        for shown in walk(video, scan(video), [(-np.inf, np.inf)]):
            is_empty = False
            yield _to_frame(shown, converter)
    if is_empty:
        raise _no_frame(path)


def _to_frame(shown: ShownFrame, converter: RgbConverter) -> Frame:
    image = converter.convert(shown.frame)
    return Frame(image, time_seconds=shown.time_seconds, is_corrupt=shown.frame.is_corrupt)


@dataclass
class _Pending:
    """Which wanted times are not answered yet; requests share the frame of a moment."""

    wanted: list[tuple[float, int, int]]
    """(time, request, position in the request), ascending."""
    ids: list[str]
    answers: list[list[Frame | None]]
    num_missing: list[int]
    complete: list[int] = field(default_factory=list)
    num_answered: int = 0

    @classmethod
    def of(cls, requests: Sequence[FrameRequest]) -> "_Pending":
        wanted = sorted(
            (seconds, number, position)
            for number, request in enumerate(requests)
            for position, seconds in enumerate(request.times_seconds)
        )
        lengths = [len(request.times_seconds) for request in requests]
        return cls(
            wanted=wanted,
            ids=[request.id for request in requests],
            answers=[[None] * length for length in lengths],
            num_missing=lengths,
            complete=[number for number, length in enumerate(lengths) if length == 0],
        )

    @property
    def is_done(self) -> bool:
        return self.num_answered == len(self.wanted)

    def is_due(self, before_seconds: float) -> bool:
        return not self.is_done and self.wanted[self.num_answered][0] < before_seconds

    def answer(self, frame: Frame, *, before_seconds: float) -> None:
        """Give `frame` to every open time before `before_seconds`."""
        while self.is_due(before_seconds):
            _, number, position = self.wanted[self.num_answered]
            self.answers[number][position] = frame
            self.num_answered += 1
            self.num_missing[number] -= 1
            if self.num_missing[number] == 0:
                self.complete.append(number)

    def take_complete(self) -> Iterator[tuple[str, tuple[Frame, ...]]]:
        """Hand out the requests that became complete, and let go of their frames."""
        for number in self.complete:
            frames = tuple(frame for frame in self.answers[number] if frame is not None)
            self.answers[number] = []
            yield self.ids[number], frames
        self.complete.clear()


def _answer_all(
    path: Path, pending: _Pending, *, max_side_px: int | None
) -> Iterator[tuple[str, tuple[Frame, ...]]]:
    spans = [(seconds, seconds) for seconds in sorted({time for time, _, _ in pending.wanted})]
    converter = RgbConverter(max_side_px)
    on_screen: ShownFrame | None = None
    with opened(path) as video:
        for shown in walk(video, scan(video), spans):
            if pending.is_due(shown.time_seconds):
                # What is wanted before the first frame gets the first frame.
                frame = _to_frame(on_screen or shown, converter)
                pending.answer(frame, before_seconds=shown.time_seconds)
                yield from pending.take_complete()
            on_screen = shown
            if pending.is_done:
                return
    if on_screen is None:
        raise _no_frame(path)
    pending.answer(_to_frame(on_screen, converter), before_seconds=np.inf)
    yield from pending.take_complete()


def _no_frame(path: Path) -> MediaError:
    return MediaError(
        "media_empty",
        f"{path.name}: opens, but not one frame of it can be decoded; download it again, or take "
        "it out of the folder",
    )
