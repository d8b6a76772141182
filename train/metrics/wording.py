"""Answers and references, as tokens -> BLEU, CIDEr and ROUGE-L of the COCO caption toolkit.

Formulas and constants are those of pycocoevalcap 1.2, to the last digits (a test compares them):
corpus BLEU (Papineni et al. 2002), CIDEr-D (Vedantam et al. 2015), ROUGE-L with beta 1.2 (Lin
2004). One reference per answer, since a segment has one text.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

LONGEST_NGRAM = 4
_SMALL, _TINY = 1e-9, 1e-15
"""Added to denominators and numerators of BLEU, so that nothing in common gives almost 0."""
_SIGMA = 6.0
"""Of CIDEr's penalty for answers of another length."""
_BETA = 1.2
"""Of ROUGE-L: recall counts more than precision."""

Tokens = Sequence[str]
NGram = tuple[str, ...]


class Pair(NamedTuple):
    """What was answered, and what should have been."""

    answer: Tokens
    reference: Tokens


@dataclass(frozen=True)
class WordingFigures:
    """How near answers come to references in their words; all but `cider` lie in [0, 1]."""

    num_answers: int
    bleu: tuple[float, float, float, float]
    """BLEU-1 to BLEU-4, of all answers together."""
    bleu_cumulative: float
    """BLEU-1 + BLEU-2 + BLEU-3 + BLEU-4: Holmes-VAU's "BLEU", up to 4."""
    cider: float
    """In [0, 10]. Rare words count more, so it depends on which references are measured together;
    0 for a single pair."""
    rouge_l: float
    meteor: float | None = None
    """METEOR 1.5; None: not measured."""


def wording_figures(pairs: Sequence[Pair], *, meteor: float | None = None) -> WordingFigures:
    """All figures of at least one pair; `meteor` is handed through."""
    bleu = _bleu(pairs)
    return WordingFigures(
        num_answers=len(pairs),
        bleu=bleu,
        bleu_cumulative=math.fsum(bleu),
        cider=_cider(pairs),
        rouge_l=float(np.mean([_rouge_l(pair) for pair in pairs])),
        meteor=meteor,
    )


def _bleu(pairs: Iterable[Pair]) -> tuple[float, float, float, float]:
    num_guessed, num_right = [0] * LONGEST_NGRAM, [0] * LONGEST_NGRAM
    answer_length = reference_length = 0
    for answer, reference in pairs:
        answer_length += len(answer)
        reference_length += len(reference)
        wanted = _ngrams(reference)
        for length in range(1, LONGEST_NGRAM + 1):
            num_guessed[length - 1] += max(0, len(answer) - length + 1)
        for ngram, count in _ngrams(answer).items():
            num_right[len(ngram) - 1] += min(count, wanted[ngram])
    ratio = (answer_length + _TINY) / (reference_length + _SMALL)
    penalty = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    product, found = 1.0, []
    for length in range(1, LONGEST_NGRAM + 1):
        product *= (num_right[length - 1] + _TINY) / (num_guessed[length - 1] + _SMALL)
        found.append(product ** (1 / length) * penalty)
    one, two, three, four = found
    return one, two, three, four


def _ngrams(tokens: Tokens) -> Counter[NGram]:
    return Counter(
        tuple(tokens[start : start + length])
        for length in range(1, LONGEST_NGRAM + 1)
        for start in range(len(tokens) - length + 1)
    )


class _Weighed(NamedTuple):
    """A text as CIDEr sees it."""

    weights: tuple[dict[NGram, float], ...]
    """For each length of n-grams: how often it occurs, times how rare it is."""
    norms: tuple[float, ...]
    num_bigrams: int
    """What the toolkit calls its length."""


def _cider(pairs: Sequence[Pair]) -> float:
    counted = [(_ngrams(answer), _ngrams(reference)) for answer, reference in pairs]
    num_texts_with = Counter(ngram for _, reference in counted for ngram in reference)
    log_num_texts = math.log(len(pairs))
    rarity = {ngram: log_num_texts - math.log(n) for ngram, n in num_texts_with.items()}
    return float(
        np.mean(
            [
                _similarity(
                    _weighed(answer, rarity, log_num_texts),
                    _weighed(reference, rarity, log_num_texts),
                )
                for answer, reference in counted
            ]
        )
    )


def _weighed(counts: Counter[NGram], rarity: dict[NGram, float], rarest: float) -> _Weighed:
    weights: tuple[dict[NGram, float], ...] = tuple({} for _ in range(LONGEST_NGRAM))
    for ngram, count in counts.items():
        weights[len(ngram) - 1][ngram] = count * rarity.get(ngram, rarest)
    norms = tuple(math.sqrt(sum(w * w for w in some.values())) for some in weights)
    return _Weighed(weights, norms, sum(n for ngram, n in counts.items() if len(ngram) == 2))


def _similarity(answer: _Weighed, reference: _Weighed) -> float:
    """Ten times the mean over lengths of n-grams of a clipped cosine, in [0, 10]."""
    penalty = math.exp(-((answer.num_bigrams - reference.num_bigrams) ** 2) / (2 * _SIGMA**2))
    total = 0.0
    for length in range(LONGEST_NGRAM):
        wanted = reference.weights[length]
        common = sum(
            min(weight, wanted[ngram]) * wanted[ngram]
            for ngram, weight in answer.weights[length].items()
            if ngram in wanted
        )
        norm = answer.norms[length] * reference.norms[length]
        total += penalty * (common / norm if norm else common)
    return 10 * total / LONGEST_NGRAM


def _rouge_l(pair: Pair) -> float:
    # The toolkit splits at single spaces, where an empty text has one empty token.
    answer, reference = pair.answer or [""], pair.reference or [""]
    common = _longest_common(answer, reference)
    if not common:
        return 0.0
    precision, recall = common / len(answer), common / len(reference)
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


def _longest_common(one: Tokens, other: Tokens) -> int:
    """Length of the longest common subsequence, a row of the table at once as bits of a number."""
    places: dict[str, int] = {}
    for place, token in enumerate(one):
        places[token] = places.get(token, 0) | 1 << place
    row, every = (1 << len(one)) - 1, (1 << len(one)) - 1
    for token in other:
        hits = row & places.get(token, 0)
        row = (row + hits | row - hits) & every
    return len(one) - row.bit_count()
