"""From clicks, anomaly scores or nothing but a length to event and clip intervals in seconds.

Pure functions; intervals are half-open `[start, end)`, sorted, disjoint. See engine/PROPOSALS.md.
"""

import math
import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.intervals import Interval, tile_evenly, tile_randomly

ClickEvent = tuple[Interval, tuple[int, ...]]
Numbers = Sequence[float] | NDArray[np.floating]
Track = NDArray[np.float64]
Sides = tuple[float, float]


@dataclass(frozen=True)
class ClickExtent:
    """How far an event reaches before and after the click that marks it.

    Before the click: `before_share` × video length × (share of the video that lies between the
    click and the *next* click, or the video's end, + `gap_floor_share`) ** exponent. After the
    click the same, with the *previous* click or the video's start. Where two events would overlap
    they are cut between their clicks in proportion to their reach.

    The first four constants were fitted on 2026-11-21 to 369 UCF-Crime training videos with human
    clicks and human event intervals (tests/benchmarks/fit_click_extent.py), maximising mean tIoU
    plus half a softened recall@0.5. The others are guards for videos unlike those, not fits.
    """

    before_share: float = 0.107
    """Reach before the click as a share of the video, with the whole video free after it."""
    after_share: float = 0.116
    """Reach after the click as a share of the video, with the whole video free before it."""
    edge_exponent: float = 0.17
    """How much a near start or end of the video shortens the opposite side."""
    neighbor_exponent: float = 0.40
    """How much a near click shortens the opposite side: crowded clicks mark short events."""
    gap_floor_share: float = 0.01
    """Added to every gap; keeps an extent where the gap is nothing. 0.001 to 0.06 fit alike."""
    merge_gap_share: float = 0.05
    """Clicks nearer than this share of the video mark one event. The reference has no such pair."""
    merge_gap_seconds: float = 10.0
    """…but never clicks further apart than this: beyond 10 s, 9 of 10 reference pairs are two."""
    min_side_seconds: float = 0.5
    """Least reach on either side; one 16-frame snippet at 30 fps."""
    max_side_seconds: float = 180.0
    """Greatest reach on either side; binds only in videos of more than about 25 minutes."""


@dataclass(frozen=True)
class ClickGrowth:
    """How scores grow an event around its click (Holmes-VAD, appendix, Alg. 1)."""

    alpha: float = 0.9
    """A snippet joins while its score exceeds this share of the clicked snippet's (the paper's)."""
    shortest_side_share: float = 0.5
    """A side is at least so much of what the click alone gives: a spike is no extent."""
    longest_side_share: float = 1.5
    """And at most so much: scores stay high between two events that follow each other."""
    min_score_range: float = 0.05
    """A track that varies by less says nothing about extents."""
    extent: ClickExtent = ClickExtent()


@dataclass(frozen=True)
class ScorePeaks:
    """What counts as an event in a score track without clicks. Chosen by reasoning, not fitted."""

    smoothing_snippets: float = 2.0
    """Standard deviation of the Gaussian smoothing; 2 snippets are about a second."""
    min_prominence: float = 0.1
    """A peak must stand out this much from the higher of its two valleys."""
    alpha: float = 0.5
    """An event lasts while its height exceeds this share of the peak's. Of a bell-shaped peak 0.9
    spans a third of the area, 0.5 three quarters."""
    min_gap_seconds: float = 2.0
    """A weaker peak nearer than this to a kept event is part of it."""
    max_events: int = 5
    """At most so many events, the highest peaks first."""
    min_score: float = 0.0
    """A lower peak is none; for scores that mean something by themselves, as motion's do not."""


@dataclass(frozen=True)
class NormalSegments:
    """Which stretches of a normal video become its normal events.

    Shaped after 68 normal videos of HIVAU-70k's UCF test part: one or two events, one in each half
    of the video where there are two, median length 16 s, mean 26 s (ours: 22 and 26 s).
    """

    whole_video_under_seconds: float = 10.0
    """A shorter video is one segment."""
    max_segments: int = 2
    """At most so many, as in HIVAU-70k."""
    min_length_share: float = 0.3
    """Shortest segment as a share of its slot (the video's part that it is drawn from)."""
    max_length_share: float = 0.9
    max_seconds: float = 75.0
    """Slots count as no longer than this, so that hour-long videos give watchable segments."""


def events_from_clicks(
    click_seconds: Sequence[float],
    *,
    start_seconds: float,
    end_seconds: float,
    settings: ClickExtent = ClickExtent(),
) -> list[ClickEvent]:
    """Events with their clicks' indices, each in one event; ValueError for a click outside."""
    bounds = (start_seconds, end_seconds)
    groups = _click_groups(click_seconds, bounds, settings)
    return _separated(groups, _click_sides(groups, bounds, settings), bounds)


def events_from_clicks_and_scores(
    click_seconds: Sequence[float],
    scores: Numbers,
    snippet_starts_seconds: Numbers,
    *,
    end_seconds: float,
    settings: ClickGrowth = ClickGrowth(),
) -> list[ClickEvent]:
    """Holmes-VAD's rule: grow from each click while the score holds, never past the next click.

    Snippet i spans from its start to the next one's, the last to `end_seconds`. Each side keeps
    near the click-only rule's, which stands in where the track is flat.
    """
    track = _checked_track(scores, snippet_starts_seconds, end_seconds)
    if not track.size:
        raise ValueError("no scores to grow events with; events_from_clicks works without them")
    bounds = (min(float(snippet_starts_seconds[0]), *click_seconds, math.inf), end_seconds)
    groups = _click_groups(click_seconds, bounds, settings.extent)
    sides = _click_sides(groups, bounds, settings.extent)
    if float(np.ptp(track)) >= settings.min_score_range:
        edges = [bounds[0], *map(float, snippet_starts_seconds[1:]), end_seconds]
        grown = _grown_sides(groups, track, edges, settings.alpha)
        sides = [_limited(*two, settings) for two in zip(sides, grown, strict=True)]
    return _separated(groups, sides, bounds)


def events_from_scores(
    scores: Numbers,
    snippet_starts_seconds: Numbers,
    *,
    end_seconds: float,
    settings: ScorePeaks = ScorePeaks(),
) -> list[Interval]:
    """The most prominent stretches of a score track; empty when the track is flat.

    Heights count from the smoothed track's lowest point, so that a scorer's floor is no anomaly.
    """
    track = _checked_track(scores, snippet_starts_seconds, end_seconds)
    if not track.size:
        return []
    smoothed = smoothed_track(track, settings.smoothing_snippets)
    heights = smoothed - smoothed.min()
    edges = [*map(float, snippet_starts_seconds), end_seconds]
    kept: list[tuple[int, int]] = []
    for peak in prominent_peaks(heights, settings.min_prominence):
        if len(kept) == settings.max_events or smoothed[peak] < settings.min_score:
            break
        if _is_near(peak, kept, edges, settings.min_gap_seconds):
            continue
        low = max((last + 1 for _, last in kept if last < peak), default=0)
        high = min((first - 1 for first, _ in kept if first > peak), default=len(heights) - 1)
        kept.append(_grown(heights, peak, settings.alpha, (low, high)))
    return [(edges[first], edges[last + 1]) for first, last in sorted(kept)]


def normal_segments(
    *,
    start_seconds: float,
    end_seconds: float,
    seed: str,
    settings: NormalSegments = NormalSegments(),
) -> list[Interval]:
    """Random segments of a normal video, one in each of equal slots; the same for the same seed."""
    _check_bounds((start_seconds, end_seconds))
    length_seconds = end_seconds - start_seconds
    if length_seconds < settings.whole_video_under_seconds:
        return [(start_seconds, end_seconds)]
    rng = random.Random(seed)
    slots = tile_evenly((start_seconds, end_seconds), rng.randint(1, settings.max_segments))
    return [_random_segment(rng, slot, settings) for slot in slots]


def split_uniform(
    start_seconds: float, end_seconds: float, *, target_seconds: float
) -> list[Interval]:
    """The event tiled with equal clips whose length is as near to the target as equality allows."""
    _check_bounds((start_seconds, end_seconds))
    if not target_seconds > 0.0:
        raise ValueError(f"target_seconds is {target_seconds}; it must be above 0")
    num_clips = max(1, round((end_seconds - start_seconds) / target_seconds))
    return tile_evenly((start_seconds, end_seconds), num_clips)


def split_random(
    start_seconds: float, end_seconds: float, *, seed: str, min_seconds: float, max_seconds: float
) -> list[Interval]:
    """The event tiled with clips of random length in [min, max]; the same for the same seed.

    Equal clips where no number of such clips fits; one clip where the event is below the minimum.
    """
    _check_bounds((start_seconds, end_seconds))
    if not 0.0 < min_seconds <= max_seconds:
        raise ValueError(f"need 0 < min_seconds <= max_seconds, got {min_seconds}, {max_seconds}")
    length_seconds = end_seconds - start_seconds
    fewest = math.ceil(length_seconds / max_seconds)
    most = max(1, math.floor(length_seconds / min_seconds))
    event = (start_seconds, end_seconds)
    if fewest > most:
        return tile_evenly(event, most)
    nearest = round(2.0 * length_seconds / (min_seconds + max_seconds))
    num_clips = min(most, max(fewest, nearest))
    return tile_randomly(event, num_clips, seed=seed, limits_seconds=(min_seconds, max_seconds))


@dataclass(frozen=True)
class _ClickGroup:
    """Clicks that mark one event: their times, ascending, and their indices in the input."""

    click_seconds: tuple[float, ...]
    click_indices: tuple[int, ...]


def _check_bounds(bounds: Interval) -> None:
    if not (math.isfinite(bounds[0]) and math.isfinite(bounds[1]) and bounds[0] < bounds[1]):
        raise ValueError(f"start {bounds[0]} s and end {bounds[1]} s leave no time between them")


def _click_groups(
    click_seconds: Sequence[float], bounds: Interval, settings: ClickExtent
) -> list[_ClickGroup]:
    _check_bounds(bounds)
    for index, click in enumerate(click_seconds):
        if not bounds[0] <= click <= bounds[1]:
            raise ValueError(f"click {index} at {click} s is outside {bounds[0]}–{bounds[1]} s")
    share_seconds = settings.merge_gap_share * (bounds[1] - bounds[0])
    merge_gap_seconds = min(share_seconds, settings.merge_gap_seconds)
    groups: list[_ClickGroup] = []
    for index in sorted(range(len(click_seconds)), key=click_seconds.__getitem__):
        click = float(click_seconds[index])
        last = groups[-1] if groups else None
        if last and click - last.click_seconds[-1] <= merge_gap_seconds:
            groups[-1] = _ClickGroup((*last.click_seconds, click), (*last.click_indices, index))
        else:
            groups.append(_ClickGroup((click,), (index,)))
    return groups


def _click_sides(
    groups: Sequence[_ClickGroup], bounds: Interval, settings: ClickExtent
) -> list[Sides]:
    """Seconds before each group's first click and after its last, by the rule of `ClickExtent`."""
    length_seconds = bounds[1] - bounds[0]

    def reach(share: float, far_gap_seconds: float, is_edge: bool) -> float:
        gap_share = far_gap_seconds / length_seconds + settings.gap_floor_share
        exponent = settings.edge_exponent if is_edge else settings.neighbor_exponent
        seconds = share * length_seconds * math.pow(gap_share, exponent)
        return min(max(seconds, settings.min_side_seconds), settings.max_side_seconds)

    sides: list[Sides] = []
    for position, group in enumerate(groups):
        is_first, is_last = position == 0, position == len(groups) - 1
        previous = bounds[0] if is_first else groups[position - 1].click_seconds[-1]
        following = bounds[1] if is_last else groups[position + 1].click_seconds[0]
        before = reach(settings.before_share, following - group.click_seconds[-1], is_last)
        after = reach(settings.after_share, group.click_seconds[0] - previous, is_first)
        sides.append((before, after))
    return sides


def _separated(
    groups: Sequence[_ClickGroup], sides: Sequence[Sides], bounds: Interval
) -> list[ClickEvent]:
    """Clip to the video; cut overlaps between clicks in proportion to the two reaches."""
    starts = [max(bounds[0], g.click_seconds[0] - s[0]) for g, s in zip(groups, sides, strict=True)]
    ends = [min(bounds[1], g.click_seconds[-1] + s[1]) for g, s in zip(groups, sides, strict=True)]
    for left in range(len(groups) - 1):
        if ends[left] > starts[left + 1]:
            last_click = groups[left].click_seconds[-1]
            next_click = groups[left + 1].click_seconds[0]
            after, before = ends[left] - last_click, next_click - starts[left + 1]
            cut = last_click + (next_click - last_click) * after / (after + before)
            ends[left] = starts[left + 1] = cut
    indices = [group.click_indices for group in groups]
    return list(zip(zip(starts, ends, strict=True), indices, strict=True))


def _checked_track(scores: Numbers, snippet_starts_seconds: Numbers, end_seconds: float) -> Track:
    track = np.asarray(scores, dtype=np.float64)
    edges = np.append(np.asarray(snippet_starts_seconds, dtype=np.float64), end_seconds)
    if track.ndim != 1 or len(edges) != len(track) + 1:
        raise ValueError(f"{track.size} scores for {len(edges) - 1} snippet starts")
    if not np.isfinite(track).all():
        raise ValueError("a score is not a finite number; score the video again")
    if len(track) and not (np.diff(edges) > 0.0).all():
        raise ValueError(f"snippet starts must ascend and stay below the end, {end_seconds} s")
    return track


def _grown(track: Track, snippet: int, alpha: float, limits: tuple[int, int]) -> tuple[int, int]:
    """First and last snippet around the given one whose scores all exceed alpha × its score."""
    threshold = alpha * track[snippet]
    first = last = snippet
    while first > limits[0] and track[first - 1] > threshold:
        first -= 1
    while last < limits[1] and track[last + 1] > threshold:
        last += 1
    return first, last


def _grown_sides(
    groups: Sequence[_ClickGroup], track: Track, edges: Sequence[float], alpha: float
) -> list[Sides]:
    """Reaches grown from every click, stopping before the snippet of the neighbouring group."""
    snippets = [
        [min(bisect_right(edges, click), len(track)) - 1 for click in group.click_seconds]
        for group in groups
    ]
    sides: list[Sides] = []
    for position, group in enumerate(groups):
        low = snippets[position - 1][-1] + 1 if position else 0
        high = snippets[position + 1][0] - 1 if position + 1 < len(groups) else len(track) - 1
        runs = [_grown(track, snippet, alpha, (low, high)) for snippet in snippets[position]]
        start_seconds = edges[min(first for first, _ in runs)]
        end_seconds = edges[max(last for _, last in runs) + 1]
        before = group.click_seconds[0] - start_seconds
        sides.append((before, end_seconds - group.click_seconds[-1]))
    return sides


def _limited(click: Sides, grown: Sides, settings: ClickGrowth) -> Sides:
    """The grown reaches, kept near those of the click alone; these where the click is no peak."""
    if sum(grown) < 0.25 * sum(click):
        return click
    lowest, highest = settings.shortest_side_share, settings.longest_side_share
    before, after = (
        min(max(wide, lowest * side), highest * side)
        for side, wide in zip(click, grown, strict=True)
    )
    return before, after


def smoothed_track(track: Track, sigma_snippets: float) -> Track:
    """Gaussian smoothing whose weights are renormalised at the ends."""
    if sigma_snippets <= 0.0:
        return track
    radius = min(math.ceil(3.0 * sigma_snippets), len(track) - 1)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma_snippets) ** 2)
    weights = np.convolve(np.ones_like(track), kernel)[radius : radius + len(track)]
    sums = np.convolve(track, kernel)[radius : radius + len(track)]
    return np.asarray(sums / weights, dtype=np.float64)


def prominent_peaks(heights: Track, min_prominence: float) -> list[int]:
    """Snippets of the local maxima that stand out, highest first; beyond the ends lies height 0."""
    padded = np.concatenate([[0.0], heights, [0.0]])
    changes = np.flatnonzero(np.diff(padded))
    steps = np.diff(padded)[changes]
    tops = changes[:-1][(steps[:-1] > 0.0) & (steps[1:] < 0.0)] + 1
    peaks = [int(top) - 1 for top in tops if _prominence(padded, int(top)) >= min_prominence]
    return sorted(peaks, key=lambda peak: (-heights[peak], peak))


def _prominence(heights: Track, top: int) -> float:
    """Height above the higher of the valleys between a peak and higher ground, or the ends."""
    higher = np.flatnonzero(heights > heights[top])
    side = int(np.searchsorted(higher, top))
    left = int(higher[side - 1]) if side > 0 else 0
    right = int(higher[side]) if side < len(higher) else len(heights) - 1
    valley = max(heights[left : top + 1].min(), heights[top : right + 1].min())
    return float(heights[top] - valley)


def _is_near(
    peak: int, kept: list[tuple[int, int]], edges: list[float], gap_seconds: float
) -> bool:
    return any(
        edges[first] - edges[peak + 1] < gap_seconds and edges[peak] - edges[last + 1] < gap_seconds
        for first, last in kept
    )


def _random_segment(rng: random.Random, slot: Interval, settings: NormalSegments) -> Interval:
    slot_seconds = slot[1] - slot[0]
    share = rng.uniform(settings.min_length_share, settings.max_length_share)
    length_seconds = share * min(slot_seconds, settings.max_seconds)
    start_seconds = slot[0] + rng.random() * (slot_seconds - length_seconds)
    return start_seconds, min(slot[1], start_seconds + length_seconds)
