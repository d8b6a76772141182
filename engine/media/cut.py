"""Stretches of one video in, verified H.264 clip files out; all of them in one forward pass.

Clips have no sound (no step here uses it, and broken sound tracks are common in old footage) and
no B-frames, so every reader, however simple, finds each frame at its own time. The frames are
exactly those whose time lies in `[start, end)`; their times count from the cut's start, with the
steps of the source, variable or not.
"""

import errno
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from engine.errors import MediaError, ServiceError, UsageError
from engine.media.container import (
    ASSUMED_FPS,
    OpenVideo,
    PacketIndex,
    frame_times,
    opened,
    scan,
    seconds_of,
)
from engine.media.encoding import EncoderSettings, Encoding, UprightFrames, finer_clock
from engine.media.walk import walk

MAX_TIME_ERROR_SECONDS = 0.0001


@dataclass(frozen=True)
class Cut:
    """One clip file to write: the frames of `[start_seconds, end_seconds)` of the source."""

    target: Path
    """Always written as MP4; its folder must exist."""
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class CutReport:
    """A clip file that was written, read again and found right."""

    target: Path
    num_frames: int
    first_frame_seconds: float
    """When its first frame is shown in the source."""
    first_time_seconds: float
    """When its first frame is shown in the clip: how long after the cut's start it comes."""
    size_bytes: int


def cut_clips(
    path: Path, cuts: Sequence[Cut], *, crf: int = 23, preset: str = "veryfast"
) -> list[CutReport]:
    """Write all cuts, which may overlap; the reports come in the order of `cuts`.

    Each file is written under a temporary name beside its target, read again (number and times
    of its frames), synced and renamed, so a target is whole or absent. Encoders run one thread
    each: their number follows the overlap of the cuts, not the cores, and the same source gives
    the same bytes everywhere. Raises `MediaError` "media_empty" for a cut without a frame (before
    anything is written, where the packets show it), "media_unreadable" for a source that does not
    open or a clip that does not verify (the other clips are kept), `UsageError` for two cuts to
    one file or a missing folder, `ServiceError` when the disk is full.
    """
    if not cuts:
        return []
    _check_targets(cuts)
    try:
        written = _write_partials(path, cuts, crf=crf, preset=preset)
        try:
            return _settle_all(path, cuts, written)
        finally:
            for encoding in written.values():
                encoding.partial.unlink(missing_ok=True)
    except (OSError, av.FFmpegError) as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise ServiceError(
                f"{path.name}: the disk of {cuts[0].target.parent} is full; make room and run "
                "again, what is done is kept"
            ) from error
        raise


def _check_targets(cuts: Sequence[Cut]) -> None:
    target, times = Counter(cut.target for cut in cuts).most_common(1)[0]
    if times > 1:
        raise UsageError(f"{times} cuts would be written to {target}; give each its own name")
    for folder in {cut.target.parent for cut in cuts}:
        if not folder.is_dir():
            raise UsageError(f"clips would be written to {folder}, which is no folder; create it")


def _check_not_empty(path: Path, cut: Cut, index: PacketIndex) -> None:
    times = index.times_seconds
    first, after = np.searchsorted(times, [cut.start_seconds, cut.end_seconds], side="left")
    if first >= after:
        shown = f"{times[0]:.3f}–{times[-1]:.3f} s" if times.size else "nothing"
        raise MediaError(
            "media_empty",
            f"{path.name}: no frame lies in [{cut.start_seconds:.3f}, {cut.end_seconds:.3f}) s "
            f"for {cut.target.name}; the file shows frames at {shown}; move the boundary, or "
            "re-run `vau-data ingest` if the file was replaced",
        )


def _write_partials(
    path: Path, cuts: Sequence[Cut], *, crf: int, preset: str
) -> dict[Path, Encoding]:
    with opened(path) as video:
        index = scan(video)
        for cut in cuts:
            _check_not_empty(path, cut, index)
        settings = EncoderSettings(crf=crf, preset=preset, clock_hz=finer_clock(video.time_base))
        return _feed_encoders(video, index, cuts, settings)


def _feed_encoders(
    video: OpenVideo, index: PacketIndex, cuts: Sequence[Cut], settings: EncoderSettings
) -> dict[Path, Encoding]:
    """Feed every decoded frame to all encoders whose cut holds it."""
    waiting = sorted(cuts, key=lambda cut: (cut.start_seconds, cut.end_seconds))
    spans = [(cut.start_seconds, cut.end_seconds) for cut in waiting]
    open_encodings: list[Encoding] = []
    written: dict[Path, Encoding] = {}
    frames = UprightFrames()
    median_step = _median_step(index)
    last_end_seconds = -np.inf
    with ExitStack() as discard_on_error:
        for shown in walk(video, index, spans):
            time_seconds = shown.time_seconds
            while waiting and waiting[0].start_seconds <= time_seconds:
                cut = waiting.pop(0)
                encoding = Encoding(cut.target, cut.start_seconds, cut.end_seconds, settings)
                discard_on_error.callback(encoding.discard)
                open_encodings.append(encoding)
                written[cut.target] = encoding
            for encoding in [one for one in open_encodings if one.end_seconds <= time_seconds]:
                encoding.finish(last_end_seconds=time_seconds)
                open_encodings.remove(encoding)
            # Before encoding, which puts the frame on the encoder's clock.
            stay = seconds_of(shown.frame.duration or 0, video.time_base)
            last_end_seconds = time_seconds + (
                stay if stay and not index.is_counted else median_step
            )
            for encoding in open_encodings:
                encoding.add(frames.prepared(shown.frame), time_seconds)
        for encoding in open_encodings:
            encoding.finish(last_end_seconds=last_end_seconds)
        discard_on_error.pop_all()
    return written


def _median_step(index: PacketIndex) -> float:
    steps = np.diff(index.times_seconds)
    return float(np.median(steps)) if steps.size else 1 / ASSUMED_FPS


def _settle_all(path: Path, cuts: Sequence[Cut], written: dict[Path, Encoding]) -> list[CutReport]:
    """Settle every cut that can be, then raise what went wrong first."""
    reports: list[CutReport] = []
    failures: list[MediaError] = []
    for cut in cuts:
        try:
            reports.append(_settle(path, cut, written.get(cut.target)))
        except MediaError as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return reports


def _settle(path: Path, cut: Cut, encoding: Encoding | None) -> CutReport:
    """Check the written file against what was fed to it, then rename it into place."""
    if encoding is None or not encoding.ticks:
        raise MediaError(
            "media_empty",
            f"{path.name}: every frame in [{cut.start_seconds:.3f}, {cut.end_seconds:.3f}) s is "
            f"too damaged to decode, so {cut.target.name} was not written; leave this stretch out",
        )
    _verify(cut, encoding)
    with encoding.partial.open("rb") as file:
        os.fsync(file.fileno())
    encoding.partial.replace(cut.target)
    _sync_folder(cut.target.parent)
    return CutReport(
        target=cut.target,
        num_frames=len(encoding.ticks),
        first_frame_seconds=encoding.first_frame_seconds,
        first_time_seconds=encoding.ticks[0] / encoding.settings.clock_hz,
        size_bytes=cut.target.stat().st_size,
    )


def _verify(cut: Cut, encoding: Encoding) -> None:
    found = frame_times(encoding.partial)
    wanted = np.array(encoding.ticks) / encoding.settings.clock_hz
    if len(found) != len(wanted):
        problem = f"holds {len(found)} frames where {len(wanted)} were written"
    elif (worst := float(np.abs(found - wanted).max())) > MAX_TIME_ERROR_SECONDS:
        problem = f"shows frames up to {worst:.4f} s off their time"
    else:
        return
    raise MediaError(
        "media_unreadable",
        f"{cut.target.name}: the written clip {problem}, so it was thrown away; run again, and "
        "report the source file if it happens twice",
    )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
