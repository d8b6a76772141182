"""Index-coded videos: every frame carries its own ordinal, readable from decoded pixels.

The code is a grid of 6 x 4 black and white cells: 16 bits of ordinal and 8 of check, so it
survives lossy coding, re-encoding and scaling to half size, and a damaged frame is not misread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

COLUMNS, ROWS, ORDINAL_BITS = 6, 4, 16
BLACK, WHITE = 24, 228
RATE_2997 = Fraction(30000, 1001)


@dataclass(frozen=True)
class Coding:
    """How a video is encoded; the file's suffix says which container."""

    codec: str = "libx264"
    width_px: int = 160
    height_px: int = 120
    gop: int = 250
    num_b_frames: int = 2
    clockwise_degrees: int = 0
    """The turn that the file asks players for; the code is stored turned the other way."""
    is_moov_first: bool = False
    preset: str = "ultrafast"
    """Of x264 and x265; the default is quick to write, and unusually quick to decode."""


H264 = Coding()
H264_NO_B = Coding(num_b_frames=0)
HEVC = Coding(codec="libx265")
MPEG4 = Coding(codec="mpeg4", gop=12)


def coded_image(index: int, *, width_px: int, height_px: int) -> NDArray[np.uint8]:
    """(height, width, 3) picture that shows `index` (0 to 65535)."""
    word = (index << 8) | _check_byte(index)
    bits = [(word >> bit) & 1 for bit in range(COLUMNS * ROWS)]
    cells = np.where(np.array(bits).reshape(ROWS, COLUMNS) == 1, WHITE, BLACK)
    rows = np.arange(height_px) * ROWS // height_px
    columns = np.arange(width_px) * COLUMNS // width_px
    gray = cells[rows][:, columns].astype(np.uint8)
    return np.repeat(gray[:, :, None], 3, axis=2)


def read_index(image: NDArray[np.uint8]) -> int:
    """The ordinal that a decoded (height, width, 3) picture shows.

    Raises `ValueError` when the picture does not hold a valid code.
    """
    height, width = image.shape[:2]
    word = 0
    for cell in range(COLUMNS * ROWS):
        row, column = divmod(cell, COLUMNS)
        top, left = (row + 0.3) * height / ROWS, (column + 0.3) * width / COLUMNS
        bottom, right = (row + 0.7) * height / ROWS, (column + 0.7) * width / COLUMNS
        patch = image[int(top) : int(bottom) + 1, int(left) : int(right) + 1]
        word |= int(patch.mean() > (BLACK + WHITE) / 2) << cell
    index = word >> 8
    if _check_byte(index) != word & 0xFF:
        raise ValueError(f"no valid index code in a picture of {width}x{height}: {word:#08x}")
    return index


def write_video(
    path: Path, pts: Sequence[int], *, time_base: Fraction, coding: Coding = H264
) -> Path:
    """Encode one coded frame per entry of `pts` (ticks of `time_base`, ascending)."""
    options = {"movflags": "faststart"} if coding.is_moov_first and path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as container:
        stream = _add_coded_stream(container, _mean_rate(pts, time_base), coding)
        stream.codec_context.time_base = time_base
        for index, ticks in enumerate(pts):
            frame = av.VideoFrame.from_ndarray(_stored_image(index, coding), format="rgb24")
            frame.pts, frame.time_base = ticks, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def constant_rate(
    path: Path, *, num_frames: int, fps: Fraction | int = 25, coding: Coding = H264
) -> Path:
    """A video of equal frame durations that starts at 0 (or where its container starts)."""
    return write_video(path, range(num_frames), time_base=1 / Fraction(fps), coding=coding)


def variable_rate_ticks(num_frames: int) -> list[int]:
    """Milliseconds of frames that come 20 to 400 ms apart, the same every time."""
    gaps = (20, 40, 40, 100, 33, 400, 67, 25)
    ticks = [0]
    for index in range(num_frames - 1):
        ticks.append(ticks[-1] + gaps[index % len(gaps)])
    return ticks


def _check_byte(index: int) -> int:
    return (index * 151 + (index >> 8) * 59 + 0xA5) & 0xFF


def _mean_rate(pts: Sequence[int], time_base: Fraction) -> Fraction:
    if len(pts) < 2:
        return Fraction(25)
    return (len(pts) - 1) / ((pts[-1] - pts[0]) * time_base)


def _stored_image(index: int, coding: Coding) -> NDArray[np.uint8]:
    is_sideways = coding.clockwise_degrees % 180 == 90
    width, height = coding.width_px, coding.height_px
    upright = coded_image(
        index,
        width_px=height if is_sideways else width,
        height_px=width if is_sideways else height,
    )
    return np.ascontiguousarray(np.rot90(upright, k=coding.clockwise_degrees // 90))


def _add_coded_stream(
    container: av.container.OutputContainer, rate: Fraction, coding: Coding
) -> av.VideoStream:
    options = {"bf": str(coding.num_b_frames), "g": str(coding.gop), "threads": "1"}
    if coding.codec == "libx264":
        options |= {"preset": coding.preset, "crf": "26", "sc_threshold": "0"}
    if coding.codec == "libx265":
        extra = f"log-level=none:pools=1:frame-threads=1:keyint={coding.gop}"
        options |= {"preset": coding.preset, "x265-params": extra}
    stream = container.add_stream(coding.codec, rate=rate.limit_denominator(65535), options=options)
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height, stream.pix_fmt = coding.width_px, coding.height_px, "yuv420p"
    if coding.clockwise_degrees:
        stream.set_display_rotation(-coding.clockwise_degrees)
    return stream


def remux(
    source: Path, target: Path, *, from_frame: int = 0, shown_from_seconds: float = 0.0
) -> Path:
    """Copy packets without decoding, from the packet `from_frame` on, as `ffmpeg -c copy` does.

    The clock is moved so that `shown_from_seconds` becomes 0; in MP4 what lies before it is then
    hidden by an edit list.
    """
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        stream = reader.streams.video[0]
        copied = writer.add_stream_from_template(stream)
        assert stream.time_base is not None
        shift = round(shown_from_seconds / stream.time_base)
        for number, packet in enumerate(reader.demux(stream)):
            if packet.size and number >= from_frame:
                assert packet.pts is not None
                assert packet.dts is not None
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = copied
                writer.mux(packet)
    return target


def truncated(source: Path, target: Path, *, share: float = 0.6) -> Path:
    """The first part of a file's bytes, as a download that was cut off leaves it."""
    content = source.read_bytes()
    target.write_bytes(content[: int(len(content) * share)])
    return target


def bit_rotted(source: Path, target: Path, *, num_bits: int = 40, seed: int = 1) -> Path:
    """Single bits flipped in the middle of a file; its index at the start stays whole."""
    content = bytearray(source.read_bytes())
    random = np.random.default_rng(seed)
    low, high = len(content) // 5, len(content) * 9 // 10
    for position in random.integers(low, high, size=num_bits):
        content[position] ^= 1 << int(random.integers(8))
    target.write_bytes(content)
    return target


def with_sound(
    source: Path, target: Path, *, codec: str, is_broken: bool = False, seconds: float = 10
) -> Path:
    """The video with a sound track of silence, or of packets of noise that no decoder takes."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        stream = reader.streams.video[0]
        copied = writer.add_stream_from_template(stream)
        sound = writer.add_stream(codec, rate=8000)
        assert isinstance(sound, av.AudioStream)
        sound.codec_context.layout = "mono"
        for packet in _silence(sound, seconds):
            writer.mux(_noise_like(packet) if is_broken else packet)
        for video_packet in reader.demux(stream):
            if video_packet.size:
                video_packet.stream = copied
                writer.mux(video_packet)
    return target


def without_keyframe_table(source: Path, target: Path) -> Path:
    """An MP4 whose index calls every frame a keyframe, so that seeks land where none is."""
    content = source.read_bytes()
    assert content.count(b"stss") == 1
    target.write_bytes(content.replace(b"stss", b"skip"))
    return target


def sound_only(path: Path) -> Path:
    """Two seconds of silence, and no picture."""
    with av.open(str(path), "w", format="mp4") as writer:
        sound = writer.add_stream("aac", rate=8000)
        assert isinstance(sound, av.AudioStream)
        sound.codec_context.layout = "mono"
        for packet in _silence(sound, 2.0):
            writer.mux(packet)
    return path


def _silence(sound: av.AudioStream, seconds: float) -> list["av.Packet[av.AudioStream]"]:
    layout_format = sound.codec_context.format.name
    packets: list[av.Packet[av.AudioStream]] = []
    for start in range(0, int(seconds * 8000), 1024):
        samples = np.zeros((1, 1024), dtype=np.float32 if layout_format == "fltp" else np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format=layout_format, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, start, Fraction(1, 8000)
        packets += sound.encode(frame)
    return packets + sound.encode(None)


def _noise_like(packet: "av.Packet[av.AudioStream]") -> "av.Packet[av.AudioStream]":
    content = np.random.default_rng(0).integers(256, size=64, dtype=np.uint8).tobytes()
    noise: av.Packet[Any] = av.Packet(content)
    noise.stream, noise.time_base = packet.stream, packet.time_base
    noise.pts, noise.dts, noise.duration = packet.pts, packet.dts, packet.duration
    return noise


VOP_START, DIVX_PACKED = b"\x00\x00\x01\xb6", b"\x00\x00\x01\xb2DivX503b1393p"
NOT_CODED_VOP = VOP_START + b"\x50\x00\x00\x02"
I_VOP, B_VOP = 0, 2


def write_packed_avi(path: Path, *, num_frames: int) -> Path:
    """An old DivX file: B-frames ride in the packet before, and an empty one takes their place."""
    coding = Coding(codec="mpeg4", gop=12, num_b_frames=1)
    source = constant_rate(path.with_suffix(".m4v"), num_frames=num_frames, coding=coding)
    with av.open(str(source)) as reader:
        coded = [bytes(packet) for packet in reader.demux(video=0) if packet.size]
    packed: list[bytes] = []
    for content in coded:
        at = content.index(VOP_START)
        kind = content[at + len(VOP_START)] >> 6
        if kind == B_VOP:
            packed[-1] += content
            packed.append(NOT_CODED_VOP)
        else:
            mark = DIVX_PACKED if kind == I_VOP else b""
            packed.append(content[:at] + mark + content[at:])
    assert NOT_CODED_VOP in packed
    with av.open(str(path), "w") as writer:
        stream = _add_coded_stream(writer, Fraction(25), coding)
        for number, content in enumerate(packed):
            packet: av.Packet[Any] = av.Packet(content)
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            writer.mux(packet)
    return path
