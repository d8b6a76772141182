import random
from collections.abc import Sequence

import pytest

from engine.quality.duplicates import Likeness, find_alike, jaccard

WORDS = [f"word{number}" for number in range(3000)]


def alike(texts: Sequence[str], *, at_least: float = 0.8, min_words: int = 3) -> list[Likeness]:
    return find_alike(texts, texts.__getitem__, at_least=at_least, min_words=min_words)


def varied(num: int, *, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(8, 25))) for _ in range(num)]


def test_texts_that_say_other_things_are_not_alike() -> None:
    assert alike(varied(2000)) == []
    assert alike([]) == []


def test_later_text_is_reported_once_with_the_earlier_one() -> None:
    texts = [
        "A man walks along the street.",
        "A car passes the gate at night.",
        "a man WALKS along the street!",
    ]
    assert alike(texts) == [Likeness(2, 0, 1.0)]


def test_of_many_equal_texts_each_but_the_first_is_reported() -> None:
    found = alike(["A man walks along the street."] * 500)
    assert [one.place for one in found] == list(range(1, 500))
    assert all(one.similarity == 1.0 for one in found)


def test_short_texts_may_say_the_same() -> None:
    assert alike(["A car passes."] * 3, min_words=4) == []
    assert len(alike(["A car passes."] * 3, min_words=3)) == 2


def test_nearly_all_texts_that_share_most_are_found_and_none_that_share_half() -> None:
    texts = varied(400)
    changed = [" ".join([*text.split()[:-1], "changed"]) for text in texts]
    halved = [
        " ".join([*text.split()[:5], *varied(1, seed=1000 + n)[0].split()])
        for n, text in enumerate(texts)
    ]
    found = alike([*texts, *changed, *halved], at_least=0.7)
    near = [n for n, text in enumerate(texts) if jaccard(text, changed[n]) >= 0.7]
    hit = {one.place - 400 for one in found}
    assert len(hit & set(near)) >= 0.93 * len(near)
    assert all(one.place < 800 for one in found)


def test_what_is_reported_is_so() -> None:
    texts = varied(300) + varied(300)
    for one in alike(texts, at_least=0.5):
        assert jaccard(texts[one.place], texts[one.earlier]) == one.similarity >= 0.5


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [("a b c d", "a b c d", 1.0), ("a b c d", "a b c e", 1 / 3), ("a b", "a b c", 0.0)],
)
def test_similarity_is_the_share_of_common_runs_of_three_words(
    one: str, other: str, share: float
) -> None:
    assert jaccard(one, other) == pytest.approx(share)
