"""A video file and moments in, SHA-256 of the decoded pixels on screen then out.

Hashed are the decoder's own planes, before any conversion to RGB or scaling, with width, height
and pixel format before them: H.264 and HEVC define every decoded bit, while converters round as
they like. So a file that was remuxed or renamed has the same hashes, and one that was encoded
again, scaled, trimmed or shifted by one frame has others; nothing is tolerated, because a text is
about what was seen, and "nearly the same" cannot be told from "another second of the same wall".
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import MediaError
from engine.media.container import opened, scan
from engine.media.walk import walk

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


def frame_hashes(path: Path, times_seconds: Mapping[str, float]) -> dict[str, str]:
    """Name of a moment -> hash of the frame on screen then; one pass over the file.

    Times are on the container's clock; before the first frame the first one counts. Raises
    `MediaError` where the file cannot be decoded.
    """
    waiting = sorted(times_seconds, key=lambda name: times_seconds[name])
    spans = [(seconds, seconds) for seconds in sorted(set(times_seconds.values()))]
    found: dict[str, str] = {}
    on_screen: VideoFrame | None = None
    with opened(path) as video:
        for shown in walk(video, scan(video), spans):
            done = 0
            while done < len(waiting) and times_seconds[waiting[done]] < shown.time_seconds:
                done += 1
            _tell(found, waiting[:done], on_screen or shown.frame)
            waiting = waiting[done:]
            on_screen = shown.frame
            if not waiting:
                return found
    if on_screen is None:
        raise MediaError("media_empty", f"{path.name}: not one frame of it can be decoded")
    _tell(found, waiting, on_screen)
    return found


def _tell(found: dict[str, str], names: list[str], frame: "VideoFrame") -> None:
    if names:
        found.update(dict.fromkeys(names, _hash(frame)))


def _hash(frame: "VideoFrame") -> str:
    digest = hashlib.sha256(f"{frame.format.name} {frame.width}x{frame.height}\n".encode())
    digest.update(frame.to_ndarray().tobytes())
    return digest.hexdigest()
