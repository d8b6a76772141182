"""The demo corpus, rendered once for all tests of a run."""

import tempfile
from functools import cache
from pathlib import Path

from engine.demo import render_corpus
from engine.media.decode import frames_at
from engine.media.frames import Frame, FrameRequest, distinct, evenly_spaced_times

_kept: list[tempfile.TemporaryDirectory[str]] = []


@cache
def demo_corpus() -> Path:
    """The folder with `videos/`, `clicks.csv` and `events.json`; do not write into it."""
    _kept.append(tempfile.TemporaryDirectory(prefix="vau-demo-", ignore_cleanup_errors=True))
    folder = Path(_kept[-1].name)
    render_corpus(folder)
    return folder


def demo_video(video_id: str) -> Path:
    """The file of one demo video."""
    return next((demo_corpus() / "videos").rglob(f"{video_id}.mp4"))


def demo_frames(
    video_id: str, start_seconds: float, end_seconds: float, *, num_frames: int = 16
) -> tuple[Frame, ...]:
    """Frames of a stretch of a demo video, as a captioner would get them."""
    times = evenly_spaced_times(start_seconds, end_seconds, num_frames=num_frames)
    request = FrameRequest("clip", times)
    ((_, frames),) = frames_at(demo_video(video_id), [request], max_side_px=320)
    return distinct(frames)
