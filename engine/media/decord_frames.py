"""The same interface as `decode.frames_at`, through decord; for constant-rate files only.

decord has had no release since 2021, hangs for ever on some files (a stream-copied MPEG-TS) and
makes up times for AVI. So it is never the default, and it is asked for frames by their number
only; the times are ours. It is here to compare with datasets that were made with it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from engine.errors import MediaError, UsageError
from engine.media.container import FORMATS_WITHOUT_PTS, opened, scan
from engine.media.convert import RgbConverter
from engine.media.frames import Frame, FrameRequest

MAX_JITTER_SECONDS = 0.002
OTHER_DECODER = 'set `[media] decoder = "pyav"`'


def frames_at_with_decord(
    path: Path, requests: Sequence[FrameRequest], *, max_side_px: int | None
) -> Iterator[tuple[str, tuple[Frame, ...]]]:
    """Answer each request in turn; see `decode.frames_at` for what a frame at a time is.

    Raises `UsageError` where decord is not installed, and `MediaError` "media_unreadable" for
    files that decord gets wrong or hangs on: variable rate, an edit list, AVI, MPEG-TS.
    """
    try:
        import decord
    except ImportError as error:
        raise UsageError(
            f"{path.name}: decord is not installed here; install it, or {OTHER_DECODER}"
        ) from error
    times_seconds = _constant_rate_times(path)
    converter = RgbConverter(max_side_px)
    try:
        reader = decord.VideoReader(str(path), ctx=decord.cpu(0))
        _check_count(path, len(reader), len(times_seconds))
        for request in requests:
            yield request.id, _pick(reader, times_seconds, request, converter)
    except (decord.DECORDError, decord.DECORDLimitReachedError) as error:
        raise MediaError(
            "media_unreadable", f"{path.name}: decord failed ({error}); {OTHER_DECODER}"
        ) from error


def _constant_rate_times(path: Path) -> NDArray[np.float64]:
    with opened(path) as video:
        formats = set(video.container.format.name.split(","))
        index = scan(video)
    steps = np.diff(index.times_seconds)
    is_even = steps.size == 0 or float(steps.max() - steps.min()) <= MAX_JITTER_SECONDS
    if index.num_hidden or not is_even or formats & (FORMATS_WITHOUT_PTS | {"mpegts", "mpeg"}):
        raise MediaError(
            "media_unreadable",
            f"{path.name}: decord reads files of constant rate only, without an edit list and "
            f"not AVI or MPEG-TS (this is {min(formats)}, {index.num_hidden} hidden frames, "
            f"even steps: {is_even}); {OTHER_DECODER}",
        )
    return index.times_seconds


def _check_count(path: Path, num_decord: int, num_packets: int) -> None:
    if num_decord != num_packets or num_packets == 0:
        raise MediaError(
            "media_unreadable",
            f"{path.name}: decord counts {num_decord} frames where the file holds {num_packets}; "
            f"{OTHER_DECODER}",
        )


def _pick(
    reader: Any,
    times_seconds: NDArray[np.float64],
    request: FrameRequest,
    converter: RgbConverter,
) -> tuple[Frame, ...]:
    after = np.searchsorted(times_seconds, request.times_seconds, side="right")
    ordinals = np.maximum(after - 1, 0)
    needed = sorted({int(ordinal) for ordinal in ordinals})
    if not needed:
        return ()
    images = reader.get_batch(needed).asnumpy()
    frames = {
        ordinal: Frame(
            converter.convert(av.VideoFrame.from_ndarray(image, format="rgb24")),
            time_seconds=float(times_seconds[ordinal]),
        )
        for ordinal, image in zip(needed, images, strict=True)
    }
    return tuple(frames[int(ordinal)] for ordinal in ordinals)
