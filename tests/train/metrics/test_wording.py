import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.train.metrics.coco import needs_package
from train.metrics.wording import Pair, wording_figures

REFERENCES = (
    "a man in a white shirt runs out of the shop",
    "two cars meet at the crossing and one of them turns over",
    "nothing happens on the empty street",
    "a man in a white shirt picks up a book from the table",
)
ANSWERS = (
    "a man in a shirt leaves the shop",
    "a car turns over at the crossing while the other one stands still for a long time",
    "",
    "a man picks up the book",
)


def pairs(answers: tuple[str, ...], references: tuple[str, ...] = REFERENCES) -> list[Pair]:
    return [Pair(a.split(), r.split()) for a, r in zip(answers, references, strict=True)]


def test_references_as_answers_are_perfect() -> None:
    found = wording_figures(pairs(REFERENCES))
    assert found.bleu == pytest.approx((1, 1, 1, 1))
    assert found.bleu_cumulative == pytest.approx(4)
    assert found.rouge_l == pytest.approx(1)
    assert found.cider == pytest.approx(10)
    assert found.num_answers == 4


def test_answers_without_a_common_word_are_worth_nothing() -> None:
    found = wording_figures(pairs(("zebra", "zebra", "zebra", "zebra")))
    assert found.bleu == pytest.approx((0, 0, 0, 0), abs=1e-4)
    assert (found.cider, found.rouge_l) == (0, 0)


def test_bleu_and_rouge_of_one_pair_are_those_worked_out_by_hand() -> None:
    found = wording_figures([Pair(["a", "man", "runs"], ["a", "man", "runs", "out", "fast"])])
    penalty = math.exp(1 - 5 / 3)
    assert found.bleu[:3] == pytest.approx((penalty, penalty, penalty), rel=1e-6)
    assert found.rouge_l == pytest.approx((1 + 1.44) * 0.6 / (0.6 + 1.44))


def test_cumulative_bleu_is_the_sum_of_four() -> None:
    found = wording_figures(pairs(ANSWERS))
    assert found.bleu_cumulative == pytest.approx(sum(found.bleu))


def test_cider_depends_on_what_is_measured_together() -> None:
    alone = wording_figures(pairs(ANSWERS[:1], REFERENCES[:1]))
    first, second = (wording_figures(pairs(ANSWERS[:n], REFERENCES[:n])) for n in (2, 4))
    assert alone.cider == 0
    assert first.cider != pytest.approx(second.cider)


WORDS = st.lists(st.sampled_from("abcd"), max_size=12)
CORPUS = st.lists(st.tuples(WORDS, WORDS.filter(bool)), min_size=1, max_size=6)


@given(WORDS, WORDS)
def test_longest_common_subsequence_is_that_of_the_plain_table(
    one: list[str], other: list[str]
) -> None:
    answer, reference = one or [""], other or [""]
    table = [[0] * (len(reference) + 1) for _ in range(len(answer) + 1)]
    for i, a in enumerate(answer):
        for j, r in enumerate(reference):
            table[i + 1][j + 1] = (
                table[i][j] + 1 if a == r else max(table[i][j + 1], table[i + 1][j])
            )
    common = table[-1][-1]
    precision, recall = common / len(answer), common / len(reference)
    expected = 2.44 * precision * recall / (recall + 1.44 * precision) if common else 0
    assert wording_figures([Pair(one, other)]).rouge_l == pytest.approx(expected)


@needs_package
@given(CORPUS)
def test_figures_are_the_toolkit_s_to_the_last_digits(
    corpus: list[tuple[list[str], list[str]]],
) -> None:
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    answers = {n: [" ".join(answer)] for n, (answer, _) in enumerate(corpus)}
    references = {n: [" ".join(reference)] for n, (_, reference) in enumerate(corpus)}
    bleu, _ = Bleu(4).compute_score(references, answers, verbose=0)
    cider, _ = Cider().compute_score(references, answers)
    rouge, _ = Rouge().compute_score(references, answers)
    found = wording_figures([Pair(*both) for both in corpus])
    assert [*found.bleu, found.cider, found.rouge_l] == pytest.approx(
        [*bleu, cider, rouge], rel=1e-9, abs=1e-12
    )
