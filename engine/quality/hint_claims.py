"""What a model said with and without the label -> which claims only the label produced.

A claim is a content word: one of three letters or more, taken down to a crude stem, that is neither
a stop word nor a word of the label itself. That is all that is looked at: `no fire` claims fire, a
synonym is another claim, and only English is stemmed. So two answers always differ a little; the
words that only the answer *without* the label has say by how much.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from schemas import Record
from schemas.base import Frozen, NonEmptyText

MOST_CLAIMS_SHOWN = 5
_SHORTEST_WORD, _SHORTEST_STEM = 3, 3
_WORD = re.compile(r"[^\W\d_]+")
_PART_OF_LABEL = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![a-z])")
_SENTENCE = re.compile(r"[^.!?。！？]+[.!?。！？]*")
_ENDINGS = (("ies", "y"), ("ied", "y"), ("ing", ""), ("ed", ""), ("s", ""))
_VOWEL = re.compile(r"[aeiouy]")
_STOP_WORDS_TEXT = """
about above after again all also although and any appear appears apparently are around back been
before behind being below between both but camera can captured caption captures clip could depicted
depicts did does doing down due during each either event events features few first focus focuses
followed following footage for frame from further had has have having her here hers him himself his
however image indicating into its itself just last later likely main many may might more most moving
near nearby next nor not now off once one only other others out over own possibly presence present
same scene second see seem seems seen segment several she should shot showing shown shows since some
someone something still subject subjects such suggesting suggests than that the their them
themselves then there these they this those through together too toward towards two under until upon
various very video view visible was way were what when where whether which while who whole whom
whose why will with within without would
"""
STOP_WORDS = frozenset(_STOP_WORDS_TEXT.split())
"""Words that carry no claim, those in which captions speak of themselves among them."""


Verdict = Literal["abnormal", "normal", "cannot tell"]


class Said(Frozen):
    """One answer."""

    text: NonEmptyText
    verdict: Verdict | None
    """What the model judged; None: it was not asked, as captioners are not."""


class HintAnswer(Record):
    """What a model said about one item, told its label and not told; id = the item's id."""

    is_anomalous: bool
    """The label."""
    categories: tuple[str, ...]
    with_hint: Said
    without_hint: Said
    key: str = ""
    """Stands for the input, the label and the settings it was asked under."""


@dataclass(frozen=True)
class Claim:
    """A word that the label brings in."""

    word: str
    num_with: int
    """Items in which only the answer with the hint has it."""
    num_without: int
    """Items in which only the answer without the hint has it."""
    item_id: str
    sentence: str
    """Where it is said, in that item's answer with the hint."""


@dataclass(frozen=True)
class CategoryFindings:
    """All answers about one category, or about normal ones; shares are None for no items."""

    category: str
    num_items: int
    only_with_share: float | None
    """Of the claims made with the hint, those that the answer without it lacks."""
    only_without_share: float | None
    """The other way around: how much two answers differ by anyway."""
    names_label_with: float | None
    """Share of answers that have every word of a label; None: normal ones have no label."""
    names_label_without: float | None
    judged_as_labelled_with: float | None
    """Share of answers whose verdict is the label's; None: no verdict was asked for."""
    judged_as_labelled_without: float | None
    claims: tuple[Claim, ...]
    """Those that the hint adds in most items, more often than it takes them away."""


def find_by_category(answers: Sequence[HintAnswer]) -> tuple[CategoryFindings, ...]:
    """One row for each category, the normal ones last; who has two categories counts in both."""
    rows: dict[str, list[HintAnswer]] = {}
    for answer in answers:
        for category in names_of(answer.is_anomalous, answer.categories):
            rows.setdefault(category, []).append(answer)
    names = sorted(rows, key=lambda name: (not rows[name][0].is_anomalous, name))
    return tuple(_findings(name, rows[name]) for name in names)


def names_of(is_anomalous: bool, categories: tuple[str, ...]) -> tuple[str, ...]:
    """Under which names an item is counted."""
    if not is_anomalous:
        return ("normal",)
    return categories or ("abnormal",)


def _findings(category: str, answers: Sequence[HintAnswer]) -> CategoryFindings:
    compared = [_Comparison.of(answer) for answer in answers]
    return CategoryFindings(
        category=category,
        num_items=len(answers),
        only_with_share=_share_of_words((one.only_with, one.with_hint) for one in compared),
        only_without_share=_share_of_words((one.only_without, one.without) for one in compared),
        names_label_with=_share(one.names_label_with for one in compared),
        names_label_without=_share(one.names_label_without for one in compared),
        judged_as_labelled_with=_share(_is_as_labelled(one, one.with_hint) for one in answers),
        judged_as_labelled_without=_share(
            _is_as_labelled(one, one.without_hint) for one in answers
        ),
        claims=tuple(_claims(answers, compared)),
    )


@dataclass(frozen=True)
class _Comparison:
    """Stems of both answers, those of the label left out."""

    with_hint: frozenset[str]
    without: frozenset[str]
    names_label_with: bool | None
    names_label_without: bool | None

    @classmethod
    def of(cls, answer: HintAnswer) -> "_Comparison":
        said_with = frozenset(stems_in(answer.with_hint.text))
        said_without = frozenset(stems_in(answer.without_hint.text))
        spellings = [one for category in answer.categories for one in _spellings(category)]
        told = _WORDS_OF_BOTH_PROMPTS.union(*spellings)
        return cls(
            said_with - told,
            said_without - told,
            any(one <= said_with for one in spellings) if spellings else None,
            any(one <= said_without for one in spellings) if spellings else None,
        )

    @property
    def only_with(self) -> frozenset[str]:
        return self.with_hint - self.without

    @property
    def only_without(self) -> frozenset[str]:
        return self.without - self.with_hint


def stems_in(text: str) -> dict[str, str]:
    """The content words of a text: stem -> the word as it first stands there, in lower case."""
    found: dict[str, str] = {}
    for word in _WORD.findall(text.casefold()):
        if len(word) >= _SHORTEST_WORD and word not in STOP_WORDS:
            found.setdefault(stem(word), word)
    return found


def stem(word: str) -> str:
    """`carries`, `carried` -> `carry`; `running` -> `run`; `drives` -> `driv`, as `driving`."""
    for ending, instead in _ENDINGS:
        start = word.removesuffix(ending)
        is_long = len(start) + len(instead) >= _SHORTEST_STEM and _VOWEL.search(start)
        if start != word and is_long and not (ending == "s" and start[-1] in "siu"):
            word = start + instead
            break
    if len(word) > _SHORTEST_STEM and word[-1] == word[-2]:
        word = word[:-1]
    return word.removesuffix("e") if len(word) > _SHORTEST_STEM else word


_WORDS_OF_BOTH_PROMPTS = frozenset(map(stem, ("abnormal", "normal", "anomaly")))
"""A hint says them of whatever label; that an answer says them, too, is no claim."""


def _spellings(category: str) -> list[frozenset[str]]:
    """`RoadAccidents` -> stems of `road accidents`, and of `roadaccidents`; `B6` -> none."""
    parts = " ".join(_PART_OF_LABEL.findall(category))
    return [frozenset(found) for found in (stems_in(parts), stems_in(category)) if found]


def _claims(answers: Sequence[HintAnswer], compared: Sequence[_Comparison]) -> Iterator[Claim]:
    num_with = Counter(word for one in compared for word in one.only_with)
    num_without = Counter(word for one in compared for word in one.only_without)
    added = [word for word in num_with if num_with[word] > num_without[word]]
    added.sort(key=lambda word: (num_without[word] - num_with[word], word))
    for word in added[:MOST_CLAIMS_SHOWN]:
        answer = next(
            answer for answer, one in zip(answers, compared, strict=True) if word in one.only_with
        )
        text = answer.with_hint.text
        yield Claim(
            word=stems_in(text)[word],
            num_with=num_with[word],
            num_without=num_without[word],
            item_id=answer.id,
            sentence=_sentence_with(word, text),
        )


def _sentence_with(word: str, text: str) -> str:
    sentences = (sentence.strip() for sentence in _SENTENCE.findall(text))
    return next((one for one in sentences if word in stems_in(one)), text)


def _is_as_labelled(answer: HintAnswer, said: Said) -> bool | None:
    label: Verdict = "abnormal" if answer.is_anomalous else "normal"
    return None if said.verdict is None else said.verdict == label


def _share_of_words(pairs: Iterable[tuple[frozenset[str], frozenset[str]]]) -> float | None:
    counts = [(len(some), len(every)) for some, every in pairs]
    num_all = sum(num for _, num in counts)
    return sum(num for num, _ in counts) / num_all if num_all else None


def _share(facts: Iterable[bool | None]) -> float | None:
    """Of those that are known."""
    known = [fact for fact in facts if fact is not None]
    return sum(known) / len(known) if known else None
