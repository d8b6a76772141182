"""What answers rule out, and that looking again and again does not make it untrue."""

import random
from itertools import islice

import pytest

from engine.quality.bounds import Aim, Bound, bound_of, looks, next_look
from engine.quality.chances import upper_bound

AIM = Aim(at_most=0.05, confidence=0.95)


def test_looks_come_when_one_more_wrong_answer_is_allowed_and_share_alpha_out() -> None:
    first = list(islice(looks(AIM), 6))
    assert [look.num for look in first[:3]] == [72, 125, 177]
    for allowed, look in enumerate(first):
        assert upper_bound(allowed, look.num, alpha=look.alpha) <= 0.05
        assert upper_bound(allowed, look.num - 1, alpha=look.alpha) > 0.05
    assert sum(look.alpha for look in islice(looks(AIM), 40)) == pytest.approx(0.05)


def test_nothing_is_known_before_the_first_look() -> None:
    assert bound_of([False] * 71, AIM, num_items=1000) is None
    assert next_look(71, AIM, num_items=1000) == 72
    assert next_look(72, AIM, num_items=1000) == 125


def test_aim_is_met_at_the_first_look_where_nothing_is_wrong() -> None:
    bound = bound_of([False] * 72, AIM, num_items=1000)
    assert bound is not None
    assert (bound.is_met, bound.num_checked, bound.num_wrong) == (True, 72, 0)
    assert bound.sentence == "wrong answers ≤ 5.0 % at 95 %, n = 72"


def test_the_sentence_never_says_less_than_was_shown() -> None:
    bound = Bound(0.05004, 0.975, 1200, 3, is_met=False)
    assert bound.sentence == "wrong answers ≤ 5.1 % at 97.5 %, n = 1,200"
    assert (
        Bound(0.1, 1.0, 10, 1, is_met=False).sentence == "wrong answers ≤ 10.0 % at 100 %, n = 10"
    )


def test_a_wrong_answer_puts_the_aim_off_to_a_later_look() -> None:
    is_wrong = [True] + [False] * 124
    early = bound_of(is_wrong[:124], AIM, num_items=1000)
    late = bound_of(is_wrong, AIM, num_items=1000)
    assert early is not None
    assert late is not None
    assert (early.is_met, early.num_checked) == (False, 72)
    assert (late.is_met, late.num_checked, late.num_wrong) == (True, 125, 1)


def test_answers_after_a_look_do_not_count_before_the_next() -> None:
    then = bound_of([False] * 72, AIM, num_items=1000)
    assert bound_of([False] * 72 + [True] * 30, AIM, num_items=1000) == then


def test_all_answers_looked_at_are_the_share_itself() -> None:
    bound = bound_of([True] + [False] * 9, AIM, num_items=10)
    assert bound is not None
    assert (bound.at_most, bound.confidence, bound.is_met) == (0.1, 1.0, False)
    assert next_look(3, AIM, num_items=10) == 10
    assert bound_of([], AIM, num_items=0) is None


def test_who_stops_as_soon_as_the_aim_is_met_is_wrong_no_more_often_than_said() -> None:
    """A plain bound, looked at after every answer, is: that is the trap."""
    share, rounds, draw = 0.0501, 2000, random.Random(7)
    plain = [(num, k) for k, num in enumerate((59, 93, 124, 153, 181, 208))]
    assert all(upper_bound(k, num, alpha=0.05) <= AIM.at_most for num, k in plain)
    ours = [(look.num, k) for k, look in enumerate(islice(looks(AIM), 3))]
    num_false = {"plain": 0, "ours": 0}
    for _ in range(rounds):
        is_wrong = [draw.random() < share for _ in range(208)]
        for name, stops in (("plain", plain), ("ours", ours)):
            num_false[name] += any(sum(is_wrong[:num]) <= allowed for num, allowed in stops)
    assert num_false["ours"] <= 0.05 * rounds
    assert num_false["plain"] > 0.08 * rounds
