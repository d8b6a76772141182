"""A shot in, the frames that a model is shown of it out; decoded by the engine."""

import hashlib
from collections.abc import Sequence

import numpy as np

from engine.errors import MediaError
from engine.frame_sampling import Sampling, sample_frames
from engine.media.container import frame_times
from engine.media.decode import frames_at
from engine.media.frames import Frame, FrameRequest, evenly_spaced_times
from engine.media.remote import at_hand
from train.mllm.footage import Scores, Shot


def frames_of(
    shot: Shot, *, tau: float, max_side_px: int, chance: str | None
) -> tuple[tuple[Frame, ...], float]:
    """Frames in order of time, and when the shot starts on their clock.

    `chance`: what random numbers follow from, such as seed, epoch and sample; None: nothing is
    left to chance, and clips have their most frames. Raises `MediaError` where the stretch cannot
    be decoded.
    """
    with at_hand(shot.file) as path:
        known = frame_times(path)
        if not len(known):
            raise MediaError("media_empty", f"{path.name}: no frame of it is shown")
        start, end = _span(shot, known[0], known[-1])
        times = [start + at for at in times_of(shot, end - start, tau=tau, chance=chance)]
        request = FrameRequest(shot.id, tuple(times))
        for _, frames in frames_at(path, [request], max_side_px=max_side_px):
            return frames, start
    raise MediaError("media_empty", f"{shot.id}: nothing was decoded")


def times_of(
    shot: Shot, duration_seconds: float, *, tau: float, chance: str | None
) -> Sequence[float]:
    """Seconds after the shot's start, ascending."""
    draw = None if chance is None else np.random.default_rng(_seed_of(f"{chance}/{shot.id}"))
    num_frames = shot.most_frames
    if draw is not None and shot.fewest_frames < shot.most_frames:
        num_frames = int(draw.integers(shot.fewest_frames, shot.most_frames + 1))
    if shot.sampler == "density" and shot.scores is not None:
        return times_by_scores(shot.scores, num_frames, tau=tau)
    if shot.sampler == "random" and draw is not None:
        places = (np.arange(num_frames) + draw.random(num_frames)) / num_frames
        return [float(at) for at in places * duration_seconds]
    return evenly_spaced_times(0.0, duration_seconds, num_frames=num_frames)


def times_by_scores(scores: Scores, num_frames: int, *, tau: float) -> list[float]:
    """More where scores are high; those that fall into one snippet are spread evenly in it."""
    chosen = sample_frames(scores.values, num_frames, Sampling("density", tau=tau))
    times = list[float]()
    for snippet, count in zip(*np.unique(chosen, return_counts=True), strict=True):
        start, end = scores.edges_seconds[snippet : snippet + 2]
        times += evenly_spaced_times(float(start), float(end), num_frames=int(count))
    return times


def _span(shot: Shot, first_seconds: float, last_seconds: float) -> tuple[float, float]:
    if shot.span is None:
        return first_seconds, max(last_seconds, first_seconds + 1e-3)
    start, end = shot.span
    if start > last_seconds - first_seconds:
        raise MediaError(
            "media_empty",
            f"{shot.id}: starts at {start:.2f} s, but the file's last frame is at "
            f"{last_seconds - first_seconds:.2f} s; run `vau-data ingest` and export again",
        )
    return first_seconds + start, first_seconds + end


def _seed_of(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
