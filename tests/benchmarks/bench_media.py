"""How fast frames are taken out of videos and clips are cut, as ratios measured side by side.

Run with `python -m tests.benchmarks.bench_media`; prints JSON. Every ratio is the median over
repeats in which the two sides take turns, so that a noisy machine slows both.

`frames`: seconds to fetch all frames that captioning asks of a video, over seconds to decode,
with PyAV alone, just the stretches of packets they lie in (from the last keyframe before a clip
to its last frame; overlapping stretches once). At most 1.25 is wanted.
`cut`: seconds of one ffmpeg call per clip, decoding from the start, over seconds of `cut_clips`.
At least 3 is wanted, with the same frames in every clip.
"""

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from engine.media.container import PacketIndex, scan_path
from engine.media.cut import Cut, cut_clips
from engine.media.decode import all_frames, frames_at
from engine.media.frames import FrameRequest, evenly_spaced_times
from tests.videos import Coding, constant_rate, read_index

MAX_CLIPS, CLIP_SECONDS, NUM_FRAMES, MAX_SIDE_PX = 20, 5.0, 8, 336
NUM_REPEATS = 5
REAL_VIDEOS = Path(__file__).resolve().parents[3] / "shared" / "data" / "videos"
FIVE_MINUTES = Coding(width_px=320, height_px=240, gop=250, num_b_frames=3, preset="veryfast")
"""As surveillance video is published: 320x240, CABAC, B-frames, long groups."""
Interval = tuple[float, float]


def measure() -> dict[str, Any]:
    """All figures."""
    with tempfile.TemporaryDirectory() as folder:
        synthetic = constant_rate(
            Path(folder) / "five_minutes.mp4", num_frames=7500, coding=FIVE_MINUTES
        )
        real = sorted(REAL_VIDEOS.iterdir()) if REAL_VIDEOS.is_dir() else []
        return {
            "machine": {"av": av.__version__, "cores": _num_cores()},
            "frames": {path.name: bench_frames(path) for path in [synthetic, *real]},
            "cut": bench_cut(synthetic, Path(folder)),
        }


def bench_frames(path: Path) -> dict[str, float]:
    """Frames of up to 20 clips against plain decoding of the stretches they lie in."""
    index = scan_path(path)
    clips = spread_clips(index)
    requests = [
        FrameRequest(str(number), evenly_spaced_times(*clip, num_frames=NUM_FRAMES))
        for number, clip in enumerate(clips)
    ]
    ends = [(request.times_seconds[0], request.times_seconds[-1]) for request in requests]
    stretches = stretches_of(index, ends)

    def fetch() -> None:
        for _ in frames_at(path, requests, max_side_px=MAX_SIDE_PX):
            pass

    ours, plain = in_turns(fetch, lambda: decode_plainly(path, stretches))
    return {
        "ratio": _median_ratio(ours, plain),
        "ours_seconds": statistics.median(ours),
        "plain_seconds": statistics.median(plain),
        "num_clips": len(clips),
        "num_stretches": len(stretches),
    }


def bench_cut(path: Path, folder: Path) -> dict[str, object]:
    """20 clips in one pass against one ffmpeg call each."""
    if shutil.which("ffmpeg") is None:
        return {"skipped": "there is no ffmpeg program to compare with"}
    clips = spread_clips(scan_path(path))
    ours_folder, theirs_folder = folder / "ours", folder / "theirs"
    ours_folder.mkdir()
    theirs_folder.mkdir()
    cuts = [Cut(ours_folder / f"{n}.mp4", *clip) for n, clip in enumerate(clips)]

    def by_ffmpeg() -> None:
        for number, (start, end) in enumerate(clips):
            _ffmpeg_cut(path, theirs_folder / f"{number}.mp4", start, end)

    ours, theirs = in_turns(lambda: cut_clips(path, cuts), by_ffmpeg, num_repeats=3)
    equal = [
        _codes(cut.target) == _codes(theirs_folder / f"{number}.mp4")
        for number, cut in enumerate(cuts)
    ]
    return {
        "times_faster": _median_ratio(theirs, ours),
        "ours_seconds": statistics.median(ours),
        "ffmpeg_seconds": statistics.median(theirs),
        "num_clips": len(equal),
        "num_clips_of_equal_frames": sum(equal),
    }


def spread_clips(index: PacketIndex) -> list[Interval]:
    """5 s clips (HIVAU-70k's median) at even distances, 20 of them or as many as find room.

    They begin and end on frames, because ffmpeg rounds where they do not and loses a frame.
    """
    times = index.times_seconds
    num_clips = max(1, min(MAX_CLIPS, int((times[-1] - times[0]) / CLIP_SECONDS)))
    last_start = max(times[0], times[-1] - CLIP_SECONDS)
    starts = np.searchsorted(times, np.linspace(times[0], last_start, num_clips))
    ends = np.searchsorted(times, times[starts] + CLIP_SECONDS).clip(max=len(times) - 1)
    pairs = zip(times[starts], times[ends], strict=True)
    return [(float(start), float(end)) for start, end in pairs]


def stretches_of(index: PacketIndex, clips: Sequence[Interval]) -> list[tuple[int, float]]:
    """(keyframe ticks, end in seconds) of what must be decoded; neighbors made one."""
    stretches: list[tuple[int, float]] = []
    for start, end in clips:
        at = max(0, int(np.searchsorted(index.keyframe_seconds, start, side="right")) - 1)
        keyframe = float(index.keyframe_seconds[at])
        if stretches and keyframe <= stretches[-1][1]:
            stretches[-1] = stretches[-1][0], max(end, stretches[-1][1])
        else:
            stretches.append((index.keyframe_ticks[at], end))
    return stretches


def decode_plainly(path: Path, stretches: Sequence[tuple[int, float]]) -> None:
    """Decode from each keyframe to each end, converting nothing."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for ticks, end_seconds in stretches:
            container.seek(ticks, stream=stream)
            for frame in container.decode(stream):
                if frame.time is not None and frame.time > end_seconds:
                    break


def in_turns(
    first: Callable[[], object], second: Callable[[], object], *, num_repeats: int = NUM_REPEATS
) -> tuple[list[float], list[float]]:
    """Seconds of each side in each repeat, after one run of each to warm the file cache."""
    first()
    second()
    pairs = [(_seconds(first), _seconds(second)) for _ in range(num_repeats)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def _ffmpeg_cut(path: Path, target: Path, start_seconds: float, end_seconds: float) -> None:
    interval = ["-ss", f"{start_seconds:.6f}", "-to", f"{end_seconds:.6f}"]
    coding = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-bf", "0", "-an"]
    head = ["ffmpeg", "-v", "error", "-y", "-i", str(path)]
    subprocess.run([*head, *interval, *coding, str(target)], check=True)


def _codes(path: Path) -> list[int]:
    return [read_index(frame.image) for frame in all_frames(path)]


def _num_cores() -> int:
    return len(os.sched_getaffinity(0))


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
