"""Texts -> those that say nearly the same as an earlier one; in bounded memory at a million.

MinHash (Broder 1997) of three-word shingles, 32 values of 32 bits a text, in 8 bands of 4: two
texts that share 80 % of their shingles meet in some band with a chance of 98 %, two that share
half with 40 %. Whoever meets is compared exactly, so that nothing is reported that is not so. A
text is compared with at most two others per band, whatever the number of its likes: the first of
them and its neighbor.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHINGLE_WORDS = 3
NUM_BANDS, ROWS_PER_BAND = 8, 4
_NUM_VALUES = NUM_BANDS * ROWS_PER_BAND
_BATCH_TEXTS = 2_000
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Likeness:
    """A text that says nearly the same as an earlier one."""

    place: int
    """Of the later text, in the order they came."""
    earlier: int
    similarity: float
    """Share of shingles in common (Jaccard), in [0, 1]."""


def find_alike(
    texts: Iterable[str], text_at: Callable[[int], str], *, at_least: float, min_words: int
) -> list[Likeness]:
    """One likeness for each text that is like an earlier one; texts of fewer words never are.

    `texts` are gone through once, `text_at` gives one of them again.
    """
    places, values = _signatures(texts, min_words=min_words)
    found: dict[int, Likeness] = {}
    for band in range(NUM_BANDS):
        rows = values[:, band * ROWS_PER_BAND : (band + 1) * ROWS_PER_BAND]
        for later, earlier in _meetings(rows):
            place, other = int(places[later]), int(places[earlier])
            known = found.get(place)
            if known is not None and known.similarity == 1.0:
                continue
            similarity = jaccard(text_at(place), text_at(other))
            if similarity >= at_least and (known is None or similarity > known.similarity):
                found[place] = Likeness(place, other, similarity)
    return [found[place] for place in sorted(found)]


def jaccard(one: str, other: str) -> float:
    """Share of the shingles of both texts that they have in common."""
    if one == other:
        return 1.0
    first, second = set(_shingles(one)), set(_shingles(other))
    union = len(first | second)
    return len(first & second) / union if union else 0.0


def _shingles(text: str) -> list[int]:
    """CRC-32 of each run of three words; of the whole where there are fewer."""
    words = [word.encode() for word in _WORD.findall(text.casefold())]
    if len(words) <= SHINGLE_WORDS:
        return [crc32(b" ".join(words))]
    first, second = words[:-2], words[1:-1]
    return [crc32(b" ".join(run)) for run in zip(first, second, words[2:], strict=True)]


def _signatures(
    texts: Iterable[str], *, min_words: int
) -> "tuple[NDArray[np.int64], NDArray[np.uint32]]":
    """Places of the texts that are long enough, and their (N, 32) MinHash values."""
    import numpy as np

    places: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    values: list[NDArray[np.uint32]] = [np.empty((0, _NUM_VALUES), np.uint32)]
    factors, shifts = _hash_family()
    numbered = enumerate(texts)
    while batch := list(islice(numbered, _BATCH_TEXTS)):
        long_enough = [
            (place, _shingles(text))
            for place, text in batch
            if len(_WORD.findall(text)) >= min_words
        ]
        if long_enough:
            places.append(np.array([place for place, _ in long_enough], np.int64))
            values.append(_minima([shingles for _, shingles in long_enough], factors, shifts))
    return np.concatenate(places), np.concatenate(values)


def _hash_family() -> "tuple[NDArray[np.uint64], NDArray[np.uint64]]":
    """32 multiply-shift hashes, the same in every run."""
    import numpy as np

    draw = np.random.Generator(np.random.PCG64(20_260_101))
    factors = draw.integers(1, 2**64, size=_NUM_VALUES, dtype=np.uint64) | np.uint64(1)
    return factors, draw.integers(0, 2**64, size=_NUM_VALUES, dtype=np.uint64)


def _minima(
    groups: Sequence[Sequence[int]],
    factors: "NDArray[np.uint64]",
    shifts: "NDArray[np.uint64]",
) -> "NDArray[np.uint32]":
    import numpy as np

    sizes = [len(group) for group in groups]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    shingles = np.fromiter((one for group in groups for one in group), np.uint64, sum(sizes))
    minima = np.empty((len(groups), _NUM_VALUES), np.uint32)
    for number, (factor, shift) in enumerate(zip(factors, shifts, strict=True)):
        hashed = ((shingles * factor + shift) >> np.uint64(32)).astype(np.uint32)
        minima[:, number] = np.minimum.reduceat(hashed, starts)
    return minima


def _meetings(rows: "NDArray[np.uint32]") -> Iterator[tuple[int, int]]:
    """(later, earlier) of the texts whose values in one band are equal."""
    import numpy as np

    if not len(rows):
        return
    keys = _as_numbers(rows)
    order = np.argsort(keys, kind="stable")
    is_same = keys[order][1:] == keys[order][:-1]
    first = 0
    for at in np.flatnonzero(is_same):
        later, neighbor = int(order[at + 1]), int(order[at])
        if at == 0 or not is_same[at - 1]:
            first = neighbor
        yield later, first
        if neighbor != first:
            yield later, neighbor


def _as_numbers(rows: "NDArray[np.uint32]") -> "NDArray[np.uint64]":
    """Four values of 32 bits as one of 64; a chance meeting costs one comparison."""
    import numpy as np

    mixed = np.zeros(len(rows), np.uint64)
    for column in range(ROWS_PER_BAND):
        mixed = (mixed ^ rows[:, column].astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed
