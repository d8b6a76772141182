"""Score tracks in, places to look at out; and which videos are blind or hold a false peak.

Against rubber-stamping: on some videos neither curve nor suggestions are shown, and, where that is
switched on and so said on the page, a few suggestions are false. Which ones follows from the
dataset's seed, and nothing that a browser gets tells them apart.
"""

import hashlib
import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from annotator_ui.frames import FrameTable
from engine.proposals import ScorePeaks, Track, prominent_peaks, smoothed_track
from schemas import ScoreTrack

MAX_SUGGESTIONS = 12
_PEAKS = ScorePeaks()
_SMOOTHING_SECONDS = 1.0
"""About the two snippets of 16 frames that proposals are smoothed by; tracks may be coarser."""
_BUMP_SECONDS = 2.0
"""Standard deviation of the rise that a false peak gets in the curve."""


@dataclass(frozen=True)
class Suggestion:
    """A place that the scorer finds suspicious."""

    id: str
    time_seconds: float
    score: float
    is_seeded: bool = False
    """A false peak; never told to a browser."""


@dataclass(frozen=True)
class Curve:
    """A score track as it is shown: perhaps with a false peak."""

    starts_seconds: tuple[float, ...]
    end_seconds: float
    values: tuple[float, ...]
    suggestions: tuple[Suggestion, ...]

    def wire(self) -> dict[str, object]:
        """The curve as JSON."""
        starts = self.starts_seconds
        return {"starts": starts, "end": self.end_seconds, "values": self.values}

    def value_at(self, seconds: float) -> float:
        """The score of the snippet that is shown then."""
        here = bisect_right(self.starts_seconds, seconds) - 1
        return self.values[min(max(here, 0), len(self.values) - 1)]


def is_blind(video_id: str, *, seed: int, share: float) -> bool:
    """Whether curve and suggestions of a video are kept from everybody."""
    return _chance(f"blind/{seed}/{video_id}") < share


def curve_of(track: ScoreTrack, *, seed: int, seeded_share: float) -> Curve:
    """What is shown of a track; about `seeded_share` of all suggestions are false."""
    values = np.array(track.scores, dtype=np.float64)
    edges = [*track.snippet_starts_seconds, track.end_seconds]
    found = _suggestions(track.video_id, values, edges)
    # One false peak for every 1/share - 1 true ones, on the average.
    odds = len(found) * seeded_share / (1.0 - seeded_share)
    chance = _chance(f"seeded/{seed}/{track.video_id}")
    if found and chance < odds:
        false = _false_peak(track.video_id, found, edges, seed)
        if false is not None:
            values = _with_bump(values, edges, false)
            found = sorted([*found, false], key=lambda one: one.time_seconds)
    return Curve(
        starts_seconds=track.snippet_starts_seconds,
        end_seconds=track.end_seconds,
        values=tuple(round(float(value), 4) for value in values),
        suggestions=tuple(found),
    )


def on_frames(suggestions: Sequence[Suggestion], table: FrameTable) -> list[dict[str, object]]:
    """As JSON, each at the frame that is on the screen then."""
    shown = []
    for one in suggestions:
        frame = table.frame_at(one.time_seconds)
        seconds = float(table.seconds[frame])
        shown.append(
            {"id": one.id, "frame": frame, "time_seconds": seconds, "score": round(one.score, 4)}
        )
    return shown


def _suggestions(video_id: str, values: Track, edges: Sequence[float]) -> list[Suggestion]:
    """Prominent peaks, the highest first to be kept, none too near to a higher one."""
    if not values.size:
        return []
    snippet_seconds = (edges[-1] - edges[0]) / values.size
    smoothed = smoothed_track(values, _SMOOTHING_SECONDS / snippet_seconds)
    kept: list[int] = []
    for peak in prominent_peaks(smoothed - smoothed.min(), _PEAKS.min_prominence):
        is_near = any(
            abs(_middle(edges, peak) - _middle(edges, other)) < _PEAKS.min_gap_seconds
            for other in kept
        )
        if not is_near:
            kept.append(peak)
        if len(kept) == MAX_SUGGESTIONS:
            break
    return [
        Suggestion(_id(video_id, _middle(edges, peak)), _middle(edges, peak), float(smoothed[peak]))
        for peak in sorted(kept)
    ]


def _middle(edges: Sequence[float], snippet: int) -> float:
    return (edges[snippet] + edges[snippet + 1]) / 2


def _id(video_id: str, time_seconds: float) -> str:
    """The same for the same place, also after the video was scored anew."""
    return hashlib.sha256(f"{video_id}/{time_seconds:.3f}".encode()).hexdigest()[:12]


def _chance(key: str) -> float:
    """Evenly spread over [0, 1), the same for the same key."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:7]) / 2**56


def _false_peak(
    video_id: str, found: Sequence[Suggestion], edges: Sequence[float], seed: int
) -> Suggestion | None:
    """A snippet far from every true peak; None: the video has no such place."""
    rng = random.Random(f"false/{seed}/{video_id}")
    far = [
        snippet
        for snippet in range(len(edges) - 1)
        if all(abs(_middle(edges, snippet) - o.time_seconds) > 4 * _BUMP_SECONDS for o in found)
    ]
    if not far:
        return None
    at_seconds = _middle(edges, rng.choice(far))
    score = rng.choice([one.score for one in found]) * rng.uniform(0.85, 1.0)
    return replace(Suggestion(_id(video_id, at_seconds), at_seconds, score), is_seeded=True)


def _with_bump(values: Track, edges: Sequence[float], peak: Suggestion) -> Track:
    """The curve rises where the false peak is, or it would give itself away."""
    middles = np.array([_middle(edges, snippet) for snippet in range(len(edges) - 1)])
    rise = np.exp(-0.5 * ((middles - peak.time_seconds) / _BUMP_SECONDS) ** 2)
    here = min(max(bisect_right(edges, peak.time_seconds) - 1, 0), len(values) - 1)
    height = max(0.0, peak.score - float(values[here]))
    raised = np.minimum(1.0, values + height * rise)
    return np.asarray(raised, dtype=np.float64)
