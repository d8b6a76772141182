"""What was seen in a file in, what a person should know about it out; each with a hint."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.media.boxes import edit_lists
from schemas import MediaProblem

MIN_STEP_SECONDS = 0.002
"""Frames closer than this (or than a quarter of the median step) are one moment twice."""
MAX_JITTER_SECONDS = 0.002
"""Containers round times to a millisecond; a rate that varies within this is constant."""
MAX_JITTER_SHARE = 0.1
OFFSET_SECONDS = 0.1
"""AVI starts one or two frames late and MPEG-TS a little after 0; that is no offset."""
MISMATCH_SECONDS = 0.25
MISMATCH_SHARE = 0.01
MAX_REORDERED_FRAMES = 4
ONE_FRAME_PER_PACKET = frozenset({"h264", "hevc", "mpeg4", "mpeg2video", "mjpeg"})
"""Codecs in which a packet without a frame is a loss; VP8 and VP9 have packets never shown."""


@dataclass(frozen=True)
class Findings:
    """What a full decode of one file showed."""

    path: Path
    times_seconds: NDArray[np.float64]
    """Of the decoded frames, ascending; two frames of one moment are both in it."""
    packet_seconds: NDArray[np.float64]
    """Of the packets that should be shown, ascending."""
    end_seconds: float
    sound_end_seconds: float | None
    claimed_seconds: float | None
    """Duration in the header; None: it has none."""
    is_claim_of_stream: bool
    """False: the claim is the whole file's, and a longer sound track may explain it."""
    num_hidden: int
    num_refused: int
    """Packets that the decoder refused."""
    num_concealed: int
    """Frames in which the decoder concealed damage."""
    codec: str
    rotation_degrees: int
    sound: str | None
    """Why the sound cannot be decoded; None: it can, or there is none."""


def find_problems(seen: Findings) -> tuple[MediaProblem, ...]:
    """Every problem of the fixed list in `schemas.video` that the findings show."""
    return (
        *_damage(seen),
        *_duration(seen),
        *_edits(seen),
        *_clock(seen),
        *_picture_and_sound(seen),
    )


def is_variable_rate(times_seconds: NDArray[np.float64]) -> bool:
    """Whether ordinal / average rate misses a frame's time by more than rounding explains."""
    if len(times_seconds) < 3:
        return False
    steps = np.diff(times_seconds)
    median = float(np.median(steps))
    allowed = max(MAX_JITTER_SECONDS, MAX_JITTER_SHARE * median)
    even = np.linspace(times_seconds[0], times_seconds[-1], len(times_seconds))
    is_drifting = np.abs(times_seconds - even).max() > max(MAX_JITTER_SECONDS, median / 2)
    return bool(np.abs(steps - median).max() > allowed or is_drifting)


def _damage(seen: Findings) -> Iterator[MediaProblem]:
    num_lost = 0
    if seen.codec in ONE_FRAME_PER_PACKET:
        num_lost = max(0, len(seen.packet_seconds) - len(seen.times_seconds))
    if seen.num_refused or seen.num_concealed or num_lost:
        yield MediaProblem(
            code="damaged_frames",
            detail=f"{seen.num_concealed} frames hide damage, {num_lost} are lost, "
            f"{seen.num_refused} packets were refused, of {len(seen.packet_seconds)}",
            hint="download or copy it again; what is decoded keeps its true time",
        )


def _duration(seen: Findings) -> Iterator[MediaProblem]:
    if seen.claimed_seconds is None:
        return
    start = float(seen.times_seconds[0])
    # Matroska counts its duration from 0, the others from the first frame.
    lengths = [seen.end_seconds - start, seen.end_seconds]
    if seen.sound_end_seconds is not None and not seen.is_claim_of_stream:
        lengths += [seen.sound_end_seconds - start, seen.sound_end_seconds]
    missing = min((seen.claimed_seconds - length for length in lengths), key=abs)
    # Writers sum up decoding times: with variable rates that is wrong by as many of the longest
    # steps as frames are reordered, mostly too short. Too long by more than a step is a loss.
    steps = np.diff(seen.packet_seconds)
    longest = float(steps.max()) if steps.size else 0.0
    rounding = longest if missing > 0 else MAX_REORDERED_FRAMES * longest
    if abs(missing) > max(MISMATCH_SECONDS, MISMATCH_SHARE * seen.claimed_seconds, rounding):
        yield MediaProblem(
            code="duration_mismatch",
            detail=f"the header says {seen.claimed_seconds:.2f} s, "
            f"decoding gave {lengths[0]:.2f} s",
            hint="often a download that was cut off: download it again; only what can be decoded "
            "is used",
        )


def _edits(seen: Findings) -> Iterator[MediaProblem]:
    # One plain entry is what every encoder with B-frames writes, to start at 0.
    unusual = [edits for edits in edit_lists(seen.path) if len(edits) > 1]
    if unusual or seen.num_hidden:
        yield MediaProblem(
            code="edit_list",
            detail=f"{sum(len(edits) for edits in unusual)} edit list entries move or hide frames"
            if unusual
            else "an edit list starts inside the track",
            hint="our times follow it; tools that ignore edit lists show other times: re-encode "
            "if you use such a tool",
        )
    if seen.num_hidden:
        yield MediaProblem(
            code="hidden_frames",
            detail=f"{seen.num_hidden} frames are stored but never shown, as `-c copy` cuts leave "
            f"them; {len(seen.times_seconds)} are shown",
            hint="hidden frames are left out here; other tools may count them",
        )


def _clock(seen: Findings) -> Iterator[MediaProblem]:
    start = float(seen.times_seconds[0])
    steps = np.diff(seen.times_seconds)
    median = float(np.median(steps)) if steps.size else 0.0
    if is_variable_rate(seen.packet_seconds):
        stored = np.diff(seen.packet_seconds) * 1000
        yield MediaProblem(
            code="variable_rate",
            detail=f"steps of {stored.min():.0f} to {stored.max():.0f} ms, "
            f"median {np.median(stored):.0f} ms",
            hint="frame numbers divided by a rate are not times here; use seconds",
        )
    if abs(start) > max(OFFSET_SECONDS, 2 * median):
        yield MediaProblem(
            code="offset_start",
            detail=f"the first frame is shown at {start:.3f} s",
            hint="times are on this clock; annotations that count from the first frame need "
            "this much added",
        )
    if steps.size and steps.min() < max(MIN_STEP_SECONDS, median / 4):
        yield MediaProblem(
            code="near_duplicate_times",
            detail=f"two frames lie {steps.min() * 1000:.2f} ms apart, median "
            f"{median * 1000:.2f} ms",
            hint="a click on one of them may mean the other; re-encode if exact frames matter",
        )
    if len(seen.times_seconds) == 1:
        yield MediaProblem(
            code="single_frame",
            detail="it holds one frame",
            hint="a picture, or a recording that was cut off; nothing can happen in it",
        )


def _picture_and_sound(seen: Findings) -> Iterator[MediaProblem]:
    if seen.rotation_degrees:
        yield MediaProblem(
            code="rotated",
            detail=f"shown upright after {seen.rotation_degrees} degrees clockwise",
            hint="frames and cut clips are turned here; tools that ignore the turn show it lying",
        )
    if seen.sound is not None:
        yield MediaProblem(
            code="audio_undecodable",
            detail=f"the sound cannot be used: {seen.sound}",
            hint="the picture is not affected, and no step here uses sound",
        )
