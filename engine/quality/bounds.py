"""How many answers to look at, and what share of wrong ones that rules out.

Who looks after every answer whether the bound is met, and stops when it is, stops too early too
often: a plain Clopper–Pearson bound holds for a number of answers that was fixed before. So the
bound is looked at only at numbers that follow from the aim alone, and the chance of being wrong is
shared out among these looks: the k-th, from 0, is at the number of answers at which k wrong ones
would meet the aim, and is given alpha / 2^(k + 1). All looks together are wrong with a chance of
at most alpha, so the best of them may be quoted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from math import ceil

from engine.quality.chances import binomial_head, upper_bound


@dataclass(frozen=True)
class Aim:
    """What is to be ruled out: a larger share of wrong answers than `at_most`."""

    at_most: float
    confidence: float


@dataclass(frozen=True)
class Look:
    """When the bound is looked at, and how sure it must be then."""

    num: int
    """Answers."""
    alpha: float


@dataclass(frozen=True)
class Bound:
    """What the answers of a uniform sample rule out."""

    at_most: float
    confidence: float
    """1 where every answer of the dataset was looked at."""
    num_checked: int
    num_wrong: int
    """Those that a person was unsure of among them."""
    is_met: bool
    """Whether it is as low as was aimed for."""

    @property
    def sentence(self) -> str:
        """As a dataset card says it; rounded up, since less was not shown."""
        percent = ceil(round(1000 * self.at_most, 6)) / 10
        share = f"{percent:.1f} % at {100 * self.confidence:.4g} %"
        return f"wrong answers ≤ {share}, n = {self.num_checked:,}"


def looks(aim: Aim) -> Iterator[Look]:
    """Without end: the more wrong answers there are, the later the aim can be met."""
    num = 0
    for allowed in count():
        alpha = (1 - aim.confidence) / 2 ** (allowed + 1)
        num = _fewest(allowed, alpha, aim.at_most, more_than=max(num, allowed))
        yield Look(num, alpha)


def bound_of(is_wrong: Sequence[bool], aim: Aim, *, num_items: int) -> Bound | None:
    """From a uniform sample in the order it was drawn; None before the first look.

    `num_items` is how many answers there are in all.
    """
    if num_items and len(is_wrong) >= num_items:
        share = sum(is_wrong) / len(is_wrong)
        return Bound(share, 1.0, len(is_wrong), sum(is_wrong), share <= aim.at_most)
    best: Bound | None = None
    for look in takewhile(lambda one: one.num <= len(is_wrong), looks(aim)):
        num_wrong = sum(is_wrong[: look.num])
        share = upper_bound(num_wrong, look.num, alpha=look.alpha)
        if best is None or share < best.at_most:
            is_met = share <= aim.at_most
            best = Bound(share, aim.confidence, look.num, num_wrong, is_met)
    return best


def next_look(num_checked: int, aim: Aim, *, num_items: int) -> int:
    """At how many answers the bound is looked at next; at most all there are."""
    after = next(look.num for look in looks(aim) if look.num > num_checked)
    return min(after, num_items)


def _fewest(allowed: int, alpha: float, at_most: float, *, more_than: int) -> int:
    """Fewest answers at which `allowed` wrong ones rule the share out."""
    low, high = more_than, more_than + 1
    while binomial_head(allowed, high, share=at_most) > alpha:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if binomial_head(allowed, middle, share=at_most) > alpha:
            low = middle
        else:
            high = middle
    return high
