"""Decoded frames in order of time for some stretches of one video: one pass, seeks over gaps."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame

from engine.media.container import (
    OpenVideo,
    PacketIndex,
    decode_packet,
    opened,
    packets,
    seconds_of,
)

SEEK_COSTS_FRAMES = 8
"""A seek refills the decoder's threads and its reordering; below this, decoding on is quicker."""
EARLIER_KEYFRAMES = (0, 1, 4)
"""How many keyframes before the planned one to try, before reading from the start."""

Span = tuple[float, float]


class ShownFrame(NamedTuple):
    """A decoded frame that nobody has converted yet."""

    frame: VideoFrame
    time_seconds: float


def walk(video: OpenVideo, index: PacketIndex, spans: Sequence[Span]) -> Iterator[ShownFrame]:
    """Frames in ascending time, each once, that cover the closed `spans` (seconds, by start).

    For every span come the frame on screen at its start (or the first frame of the file), all
    frames inside, and one frame after its end where there is one; frames between spans may come
    too. Every seek is checked on the first frame it leads to. Where none leads to a frame at or
    before the wanted time (a broken index, a damaged keyframe), the file is opened again, read
    from its start and never sought in again, so a damaged file costs at most two passes.
    `index` is the scan of this very `video`, which it left at its end.
    """
    if not spans:
        return
    frames = _first_frames(video, index, spans[0][0])
    can_seek = not index.is_counted
    last_seconds = -np.inf
    for start_seconds, end_seconds in spans:
        if last_seconds > end_seconds:
            continue
        if (
            can_seek
            and last_seconds > -np.inf
            and _is_seek_worthwhile(index, last_seconds, start_seconds)
        ):
            landed = _land(video, index, start_seconds)
            can_seek = landed is not None
            frames = landed or _decoded_from_start(video.path, index)
        for shown in frames:
            if shown.time_seconds <= last_seconds:
                continue
            last_seconds = shown.time_seconds
            yield shown
            if last_seconds > end_seconds:
                break


def _first_frames(
    video: OpenVideo, index: PacketIndex, wanted_seconds: float
) -> Iterator[ShownFrame]:
    if not index.is_counted and index.times_seconds.size:
        landed = _land(video, index, max(wanted_seconds, float(index.times_seconds[0])))
        if landed is not None:
            return landed
    return _decoded_from_start(video.path, index)


def _is_seek_worthwhile(index: PacketIndex, last_seconds: float, wanted_seconds: float) -> bool:
    keyframe = _keyframe_before(index, wanted_seconds)
    if keyframe < 0:
        return False
    times = index.times_seconds
    num_decoded = np.searchsorted(times, last_seconds, side="right")
    num_before = np.searchsorted(times, index.keyframe_seconds[keyframe], side="left")
    return bool(num_before - num_decoded > SEEK_COSTS_FRAMES)


def _keyframe_before(index: PacketIndex, seconds: float) -> int:
    return int(np.searchsorted(index.keyframe_seconds, seconds, side="right")) - 1


def _land(
    video: OpenVideo, index: PacketIndex, wanted_seconds: float
) -> Iterator[ShownFrame] | None:
    """Frames from a keyframe at or before the wanted time on; None where no seek leads there."""
    planned = _keyframe_before(index, wanted_seconds)
    for step in EARLIER_KEYFRAMES:
        if planned - step < 0:
            return None
        # MP4 and Matroska seek by one clock, MPEG-TS by the other: try both.
        for ticks in (index.keyframe_ticks, index.keyframe_dts_ticks):
            try:
                video.container.seek(ticks[planned - step], stream=video.stream)
            except av.FFmpegError:
                continue
            frames = _decoded_from_keyframe(video, wanted_seconds)
            first = next(frames, None)
            if first is not None and first.time_seconds <= wanted_seconds:
                return chain([first], frames)
    return None


def _decoded_from_start(path: Path, index: PacketIndex) -> Iterator[ShownFrame]:
    with opened(path) as video:
        yield from _decoded(video, index)


def _decoded(video: OpenVideo, index: PacketIndex) -> Iterator[ShownFrame]:
    frames = _frames_of(video, packets(video.container, [video.stream]))
    if index.is_counted:
        # Not strict: damage may leave fewer frames than times, or the other way round.
        yield from map(ShownFrame, frames, index.times_seconds.tolist())
        return
    for frame in frames:
        if frame.pts is not None:
            yield ShownFrame(frame, seconds_of(frame.pts, video.time_base))


def _decoded_from_keyframe(video: OpenVideo, wanted_seconds: float) -> Iterator[ShownFrame]:
    """Frames from the first keyframe after a seek on, without its leading frames.

    Leading frames (open groups) refer to what lies before the seek and would be garbage. Gives
    nothing, undecoded, where that keyframe comes after the wanted time.
    """
    incoming = packets(video.container, [video.stream])
    keyframe = next((one for one in incoming if one.is_keyframe and one.pts is not None), None)
    if keyframe is None or keyframe.pts is None:
        return
    if seconds_of(keyframe.pts, video.time_base) > wanted_seconds:
        return
    first_pts = keyframe.pts
    numerator, denominator = video.time_base.numerator, video.time_base.denominator
    for frame in _frames_of(video, chain([keyframe], incoming)):
        pts = frame.pts
        if pts is not None and pts >= first_pts:
            yield ShownFrame(frame, pts * numerator / denominator)


def _frames_of(video: OpenVideo, incoming: Iterable["Packet[Stream]"]) -> Iterator[VideoFrame]:
    """Everything that the decoder gives for the packets, and what it still holds at their end."""
    for packet in incoming:
        yield from decode_packet(video.stream, packet)[0]
    yield from decode_packet(video.stream, None)[0]
