"""A path in, an opened video stream out, with its packets' clock; damage is stepped over.

The clock. A container that stores presentation times is believed (`pts`). AVI and raw streams
store none: FFmpeg then numbers packets in decoding order, which is wrong for every reordered
frame (B-frames). There the n-th frame that the decoder shows gets the n-th smallest packet time
(`PacketIndex.is_counted`), and the file is always read from its start, because only then is n
known.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from engine.errors import MediaError
from engine.media.boxes import recovery_hint

FORMATS_WITHOUT_PTS = frozenset({"avi", "h264", "hevc", "m4v", "mpegvideo", "vc1"})
ASSUMED_FPS = 25
"""For files that name neither times nor a rate."""
MAX_READ_ERRORS_IN_A_ROW = 100
"""A demuxer that fails this often without giving a packet is taken to stand still."""


@dataclass(frozen=True)
class OpenVideo:
    """A file under reading; valid inside `opened` only."""

    path: Path
    container: InputContainer
    stream: VideoStream
    time_base: Fraction
    """Seconds per tick of the video stream's clock."""

    @property
    def audio(self) -> AudioStream | None:
        """The first audio stream."""
        return next(iter(self.container.streams.audio), None)


@dataclass(frozen=True)
class PacketIndex:
    """What the packets of one video stream say, without decoding any."""

    times_seconds: NDArray[np.float64]
    """When each shown frame comes on screen; ascending."""
    keyframe_ticks: tuple[int, ...]
    """Presentation times of the keyframes, hidden ones too; ascending."""
    keyframe_dts_ticks: tuple[int, ...]
    """Their decoding times, in the same order."""
    keyframe_seconds: NDArray[np.float64]
    num_hidden: int
    """Packets that an edit list hides: needed for decoding, never shown."""
    is_counted: bool
    """Frames take these times in the order in which they are shown; see the module's text."""


class PacketStamp(NamedTuple):
    """The times of one packet, in ticks."""

    pts: int | None
    dts: int | None
    is_keyframe: bool
    is_hidden: bool


@contextmanager
def opened(path: Path) -> Iterator[OpenVideo]:
    """Open the first real video stream (not a cover picture), with frame threading.

    Raises `MediaError` "media_unreadable" where the container cannot be opened and
    "media_empty" where it holds no video; the message says what to do.
    """
    try:
        container = av.open(str(path), "r", metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise MediaError(
            "media_unreadable", f"{path.name}: cannot be opened ({error}); {recovery_hint(path)}"
        ) from error
    with container:
        stream = _first_video_stream(container, path)
        stream.thread_type = "AUTO"
        yield OpenVideo(path, container, stream, stream.time_base or Fraction(1, 90_000))


def scan(video: OpenVideo) -> PacketIndex:
    """Read all packets of the video stream, decoding none; leaves the file at its end."""
    stamps = list(map(stamp_of, packets(video.container, [video.stream])))
    return index_of(video, stamps)


def scan_path(path: Path) -> PacketIndex:
    """`scan` of a file that is not open yet."""
    with opened(path) as video:
        return scan(video)


def frame_times(path: Path) -> NDArray[np.float64]:
    """Presentation times in seconds of the frames a player shows, ascending; nothing is decoded.

    Frames hidden by an edit list are left out. Frames whose packet is there but too damaged to
    decode are in. Raises `MediaError` like `opened`.
    """
    return scan_path(path).times_seconds


def packets(container: InputContainer, streams: Iterable[Stream]) -> Iterator["Packet[Stream]"]:
    """All packets that carry bytes, in file order; read errors are stepped over.

    Empty packets are left out: AVI uses them for "show the last frame again", and a decoder
    would take one for the end of the file.
    """
    chosen = list(streams)
    num_errors = 0
    while num_errors < MAX_READ_ERRORS_IN_A_ROW:
        try:
            for packet in container.demux(*chosen):
                num_errors = 0
                if packet.size:
                    yield packet
        except av.FFmpegError:
            num_errors += 1
        except IndexError:
            # PyAV 18 trips here at the end of a file in which damage made new streams appear.
            return
        else:
            return


def decode_packet(
    stream: VideoStream, packet: "Packet[Stream] | None"
) -> tuple[list[VideoFrame], bool]:
    """(frames, whether the decoder refused) for one packet; None drains the decoder."""
    try:
        return stream.decode(packet), False
    except av.FFmpegError:
        return [], True


def decode_audio_packet(stream: AudioStream, packet: "Packet[Stream]") -> tuple[int, bool]:
    """(number of sound frames, whether the decoder refused) for one packet."""
    try:
        return len(stream.decode(packet)), False
    except av.FFmpegError:
        return 0, True


def stamp_of(packet: "Packet[Stream]") -> PacketStamp:
    """What the index keeps of a packet."""
    return PacketStamp(packet.pts, packet.dts, packet.is_keyframe, packet.is_discard)


def index_of(video: OpenVideo, stamps: list[PacketStamp]) -> PacketIndex:
    """The index of a stream's packets, given in file order."""
    keys = sorted(
        (stamp.pts, stamp.pts if stamp.dts is None else stamp.dts)
        for stamp in stamps
        if stamp.is_keyframe and stamp.pts is not None
    )
    # One pass in local names: this runs for every packet of every file that is read.
    shown = [dts if pts is None else pts for pts, dts, _, is_hidden in stamps if not is_hidden]
    known = sorted({ticks for ticks in shown if ticks is not None})
    is_counted = _is_counted(video, [stamp.pts for stamp in stamps])
    times_seconds = _to_seconds(known, video.time_base)
    if is_counted and len(known) < len(shown):
        times_seconds = np.arange(len(shown)) / float(video.stream.guessed_rate or ASSUMED_FPS)
    key_ticks = tuple(pts for pts, _ in keys)
    return PacketIndex(
        times_seconds=times_seconds,
        keyframe_ticks=key_ticks,
        keyframe_dts_ticks=tuple(dts for _, dts in keys),
        keyframe_seconds=_to_seconds(key_ticks, video.time_base),
        num_hidden=len(stamps) - len(shown),
        is_counted=is_counted,
    )


def seconds_of(ticks: int, time_base: Fraction) -> float:
    """The double nearest to `ticks` times `time_base`: equal wherever it is computed."""
    return ticks * time_base.numerator / time_base.denominator


def _first_video_stream(container: InputContainer, path: Path) -> VideoStream:
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic and stream.codec_context is not None:
            return stream
    kinds: list[str] = sorted({stream.type for stream in container.streams}) or ["no"]
    raise MediaError(
        "media_empty",
        f"{path.name}: holds no video that can be decoded, only {' and '.join(kinds)} streams; "
        "if it is a sound recording take it out of the folder, otherwise download it again "
        "with its video track or convert it to H.264 (`ffmpeg -i … -c:v libx264 …`)",
    )


def _to_seconds(ticks: Sequence[int], time_base: Fraction) -> NDArray[np.float64]:
    """`seconds_of` for many: the same doubles, as products below 2**53 are exact."""
    products = np.array(ticks, dtype=np.int64) * time_base.numerator
    return products.astype(np.float64) / time_base.denominator


def _is_counted(video: OpenVideo, all_pts: list[int | None]) -> bool:
    if 2 * all_pts.count(None) > len(all_pts):
        return True
    is_numbered_by_decoding = not FORMATS_WITHOUT_PTS.isdisjoint(
        video.container.format.name.split(",")
    )
    return is_numbered_by_decoding and bool(video.stream.codec_context.has_b_frames)
