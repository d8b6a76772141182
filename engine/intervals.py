"""Interval algebra: half-open `[start, end)` pairs of seconds in, such pairs or a number out."""

import math
import random
from collections.abc import Iterable
from itertools import accumulate, pairwise

Interval = tuple[float, float]


def tiou(one: Interval, other: Interval) -> float:
    """Temporal intersection over union, in [0, 1]; 0 where the intervals only touch."""
    intersection = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    union = (one[1] - one[0]) + (other[1] - other[0]) - intersection
    return intersection / union if union > 0.0 else 0.0


def merge_overlapping(intervals: Iterable[Interval]) -> list[Interval]:
    """The union as sorted disjoint intervals; those that only touch become one."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def tile_evenly(whole: Interval, num_parts: int) -> list[Interval]:
    """Equal parts that share their edges and begin and end exactly where the whole does."""
    step_seconds = (whole[1] - whole[0]) / num_parts
    inner = [whole[0] + step_seconds * part for part in range(1, num_parts)]
    return list(pairwise([whole[0], *inner, whole[1]]))


def tile_randomly(
    whole: Interval, num_parts: int, *, seed: str, limits_seconds: tuple[float, float]
) -> list[Interval]:
    """Parts of random length within the limits; the same for the same seed on every platform.

    The caller sees to it that `num_parts` such parts can fill the whole; a single part may be
    shorter than the limit.
    """
    lengths = _random_lengths(whole[1] - whole[0], num_parts, random.Random(seed), limits_seconds)
    inner = list(accumulate(lengths[:-1], initial=whole[0]))[1:]
    return list(pairwise([whole[0], *inner, whole[1]]))


def _random_lengths(
    total_seconds: float, num_parts: int, rng: random.Random, limits: tuple[float, float]
) -> list[float]:
    """Lengths that sum to the total; each is drawn so that the rest can still be filled."""
    lengths: list[float] = []
    for num_after in range(num_parts - 1, -1, -1):
        rest_seconds = total_seconds - math.fsum(lengths)
        shortest = max(limits[0], rest_seconds - num_after * limits[1])
        longest = min(limits[1], rest_seconds - num_after * limits[0])
        lengths.append(rng.uniform(shortest, max(shortest, longest)))
    rng.shuffle(lengths)
    return lengths
