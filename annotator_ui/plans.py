"""How a browser gets a video: as it is, or by a proxy; decided from the file, on the server."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import orjson

from annotator_ui.frames import FrameTable, counting_table, table_of
from engine.media.container import OpenVideo, PacketIndex, opened, scan
from engine.store import write_whole_file
from schemas import Media

Need = Literal["nothing", "quicker_seeks", "proxy"]
"""`quicker_seeks`: the file plays; a proxy, once there, is better to search in."""

PLAYABLE_CONTAINERS = {
    "h264": frozenset({"mp4", "mov", "m4v", "matroska"}),
    "vp8": frozenset({"webm", "matroska"}),
    "vp9": frozenset({"webm", "matroska", "mp4"}),
    "av1": frozenset({"webm", "matroska", "mp4"}),
    "libdav1d": frozenset({"webm", "matroska", "mp4"}),
}
"""Codec -> containers in which Chromium plays it; it fails silently on HEVC."""
PLAYABLE_PIXELS = frozenset({"yuv420p", "yuvj420p"})
MAX_KEYFRAME_GAP_SECONDS = 2.0


@dataclass(frozen=True)
class Plan:
    """What is served for one file."""

    table: FrameTable
    """The true times."""
    need: Need
    why: str
    """Empty where nothing is needed."""
    counts_frames: bool
    """The proxy's clock counts frames, as the true times lie too close to be told apart."""
    fps: float

    @property
    def clock(self) -> FrameTable:
        """When the proxy shows each frame."""
        return counting_table(len(self.table), self.fps) if self.counts_frames else self.table

    def dump(self) -> bytes:
        """As a file."""
        parts = {
            "times": self.table.wire(),
            "need": self.need,
            "why": self.why,
            "counts_frames": self.counts_frames,
            "fps": self.fps,
        }
        return orjson.dumps(parts)

    @classmethod
    def load(cls, content: bytes) -> "Plan":
        """What `dump` gave."""
        parts = orjson.loads(content)
        table = FrameTable.from_wire(parts.pop("times"))
        return cls(table=table, **parts)


def read_plan(path: Path) -> Plan | None:
    """A plan that was made before; None: there is none."""
    try:
        return Plan.load(path.read_bytes())
    except FileNotFoundError:
        return None


def write_plan(path: Path, plan: Plan) -> None:
    """Keep a plan: reading all packets of a long file takes seconds."""
    write_whole_file(path, plan.dump())


def make_plan(path: Path, media: Media, *, is_remote: bool) -> Plan:
    """Read the packets of a file and decide. Raises `MediaError` like `opened`."""
    with opened(path) as video:
        index = scan(video)
        table = table_of(video, index)
        need, why = _need(video, index, media)
    near = table.has_near_duplicates or _has(media, "near_duplicate_times")
    if near:
        need, why = "proxy", "frames lie too close in time to be sought one by one"
    if is_remote and need != "proxy":
        need, why = "proxy", "the file lies in a remote store"
    length_seconds = float(table.seconds[-1] - table.seconds[0])
    fps = (len(table) - 1) / length_seconds if length_seconds > 0 else 25.0
    return Plan(table, need, why, counts_frames=near, fps=fps)


def _need(video: OpenVideo, index: PacketIndex, media: Media) -> tuple[Need, str]:
    context = video.stream.codec_context
    pixels = context.pix_fmt or "unknown"
    if media.container not in PLAYABLE_CONTAINERS.get(context.name, ()):
        return "proxy", f"browsers do not play {context.name} in {media.container}"
    if pixels not in PLAYABLE_PIXELS:
        return "proxy", f"browsers do not play {context.name} with {pixels} pictures"
    if index.is_counted:
        return "proxy", "the file does not say when its frames are shown"
    if _has(media, "damaged_frames"):
        return "proxy", "the file is damaged, and a browser would stop at the damage"
    gap_seconds = _largest_keyframe_gap(index)
    if gap_seconds > MAX_KEYFRAME_GAP_SECONDS:
        return "quicker_seeks", f"keyframes are {gap_seconds:.1f} s apart"
    # Chromium seeks by durations, which packets out of order and Matroska tell wrongly.
    if media.is_variable_rate and (context.has_b_frames or media.container == "matroska"):
        return "quicker_seeks", "some of its frames cannot be sought, as their durations vary"
    return "nothing", ""


def _largest_keyframe_gap(index: PacketIndex) -> float:
    """From each keyframe to the next, or to the end."""
    if not index.times_seconds.size:
        return 0.0
    edges = np.append(index.keyframe_seconds, index.times_seconds[-1])
    return float(np.diff(edges).max()) if len(edges) > 1 else 0.0


def _has(media: Media, code: str) -> bool:
    return any(problem.code == code for problem in media.problems)
