"""Counts -> chances and bounds, exactly enough for any count that a person can make."""

from collections.abc import Sequence
from math import erfc, exp, lgamma, log, log1p, pi, sqrt

_STEPS = 60
"""Halvings of [0, 1]: past what a float can tell apart."""


def chi_squared_even(counts: Sequence[int]) -> float:
    """Pearson's χ² of counts that should all be the same; 0 where there are none."""
    even = sum(counts) / len(counts)
    return sum((count - even) ** 2 / even for count in counts) if even else 0.0


def chi_squared_tail(chi_squared: float) -> float:
    """Chance of a larger χ² with three degrees of freedom, which is where four letters leave it."""
    half = chi_squared / 2
    return erfc(sqrt(half)) + 2 * sqrt(half / pi) * exp(-half)


def told_evenness(counts: Sequence[int]) -> str:
    """How even four counts are, as reports say it: χ² and the chance of a larger one."""
    chi_squared = chi_squared_even(counts)
    chance = chi_squared_tail(chi_squared)
    return f"χ² {chi_squared:.1f} with 3 degrees of freedom, p = {chance:.2g}"


def binomial_tail(count: int, num: int, *, share: float) -> float:
    """Chance of `count` or more of `num`, each with the chance `share`."""
    return sum(_term(k, num, share) for k in range(count, num + 1))


def binomial_head(count: int, num: int, *, share: float) -> float:
    """Chance of `count` or fewer of `num`."""
    return sum(_term(k, num, share) for k in range(count + 1))


def upper_bound(count: int, num: int, *, alpha: float) -> float:
    """One-sided Clopper–Pearson: the share above which so few as `count` of `num` are rarer than
    `alpha`. It is the 1 - alpha quantile of Beta(count + 1, num - count); 1 where all are.

    Clopper and Pearson, Biometrika 26 (1934).
    """
    if count >= num:
        return 1.0
    low, high = count / num, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if binomial_head(count, num, share=middle) > alpha:
            low = middle
        else:
            high = middle
    return high


def _term(count: int, num: int, share: float) -> float:
    if share in (0.0, 1.0):
        return float(count == num * share)
    ways = lgamma(num + 1) - lgamma(count + 1) - lgamma(num - count + 1)
    return exp(ways + count * log(share) + (num - count) * log1p(-share))
