"""Multiple choice: an abnormal event -> four options of category and interval, one of them right.

Times are whole tenths of a second from the video's first frame, so that what is checked is what is
printed. Nothing but the footage tells the right option:

* each category and each interval of a question stands in as many options as any other;
* all intervals are as long as the right one, and moved by whole seconds: they end in the same
  digits. Where the right one keeps to round numbers, 10 s or 5 s, so do the others;
* of any set of categories that a question names, each is as likely to be the right one, so that
  neither how long a name is nor how common tells anything: the others are drawn by their shares,
  and a common category is asked about less often by category and more often by time;
* the order is drawn from the content.
"""

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import log2, prod
from typing import Literal, NamedTuple

from engine.intervals import tiou
from engine.prompting import fill
from engine.quality.chances import told_evenness
from schemas import Event, Video

TENTHS = 10
"""In a second."""
LETTERS = ("A", "B", "C", "D")
POOL = "mcq"
Kind = Literal["category", "interval", "both"]
"""What tells options apart: four categories at one time, one category at four times, or two of each
crossed."""
_GRIDS = (10 * TENTHS, 5 * TENTHS, TENTHS)
_MOST_TRIES = 64
"""Places looked at for wrong intervals; a video of a minute has fewer."""
_NUM_WRONG: Mapping[Kind, tuple[int, int]] = {
    "category": (3, 0),
    "interval": (0, 3),
    "both": (1, 1),
}
"""How many wrong categories and wrong intervals a question of each kind takes."""

Span = tuple[int, int]


class Option(NamedTuple):
    """One answer to choose; `[start, end)` in tenths of a second."""

    category: str
    start_tenths: int
    end_tenths: int

    @property
    def span(self) -> Span:
        """Its interval."""
        return self.start_tenths, self.end_tenths

    @property
    def text(self) -> str:
        """As it is printed."""
        start, end = self.times
        return fill("mcq.option", {"category": self.category, "start": start, "end": end})

    @property
    def times(self) -> tuple[str, str]:
        """Start and end in seconds, one decimal each."""
        return _seconds(self.start_tenths), _seconds(self.end_tenths)


class Category(NamedTuple):
    """What an event of a source can be called."""

    name: str
    meaning: str
    """Categories of one meaning are never set against each other."""
    share: float
    """Of all that are abnormal."""


@dataclass(frozen=True)
class Scene:
    """An event that is asked about, and all that would be right of its video."""

    right: Option
    duration_tenths: int
    """Of the video."""
    abnormal_spans: tuple[Span, ...]
    """Of all its abnormal events, this one too."""
    categories: tuple[Category, ...]
    """The right one, and all that are wrong here."""


@dataclass(frozen=True)
class Question:
    """Four options, one of which is right."""

    options: tuple[Option, Option, Option, Option]
    right: int
    """Its place, from 0."""

    @property
    def letter(self) -> str:
        """Of the right option."""
        return LETTERS[self.right]


def rounded_shares(counts: Mapping[str, int]) -> dict[str, float]:
    """Each category's share, to the nearest quarter of a power of two: within 9 %.

    So coarse that one more video rarely changes the questions of all others.
    """
    total = sum(counts.values())
    return {
        name: 2.0 ** (round(4 * log2(count / total)) / 4)
        for name, count in sorted(counts.items())
        if count
    }


def tenths_in(seconds: float) -> int:
    """The nearest whole tenth."""
    return round(seconds * TENTHS)


def span_in(video: Video, event: Event) -> Span:
    """An event's interval from the video's first frame, cut to the video."""
    last = tenths_in(video.duration_seconds)
    start, end = (
        min(max(tenths_in(seconds - video.start_seconds), 0), last)
        for seconds in (event.start_seconds, event.end_seconds)
    )
    return start, end


def make_question(scene: Scene, *, max_tiou: float, seed: str) -> Question | None:
    """The question about an event; None where no fair one can be asked.

    `max_tiou`: a wrong interval overlaps every abnormal one, and every other wrong one, by less.
    The same scene and seed always give the same question.
    """
    if scene.right.end_tenths <= scene.right.start_tenths:
        return None
    rng = random.Random(f"{seed}/{scene.right}")
    spans = _wrong_spans(scene, rng, max_tiou=max_tiou)
    kind = _drawn_kind(scene, rng, num_spans=len(spans))
    if kind is None:
        return None
    num_categories, num_spans = _NUM_WRONG[kind]
    names = (scene.right.category, *_wrong_categories(scene, rng, num_categories))
    found = [
        Option(name, *span) for name in names for span in (scene.right.span, *spans[:num_spans])
    ]
    rng.shuffle(found)
    a, b, c, d = found
    return Question((a, b, c, d), found.index(scene.right))


def _drawn_kind(scene: Scene, rng: random.Random, *, num_spans: int) -> Kind | None:
    """Drawn from those for which there is enough; time alone where the category is too common.

    Were another kind tried after one that is refused, common categories would come to it more
    often than others.
    """
    enough = [
        kind
        for kind, (num_categories, needed) in _NUM_WRONG.items()
        if num_spans >= needed and _sets(scene.categories, scene.right.category, num_categories)
    ]
    if not enough:
        return None
    kind = rng.choice(enough)
    if rng.random() < _acceptance(scene.categories, scene.right.category, _NUM_WRONG[kind][0]):
        return kind
    return "interval" if "interval" in enough else None


def _wrong_categories(scene: Scene, rng: random.Random, num: int) -> tuple[str, ...]:
    sets = _sets(scene.categories, scene.right.category, num)
    weights = [weight for _, weight in sets]
    return rng.choices([names for names, _ in sets], weights)[0]


@lru_cache(maxsize=4096)
def _sets(
    categories: tuple[Category, ...], right: str, num: int
) -> tuple[tuple[tuple[str, ...], float], ...]:
    """Every set of wrong categories, each with the product of its shares."""
    known = next((one for one in categories if one.name == right), Category(right, right, 0.0))
    others = [one for one in categories if one.name != right]
    return tuple(
        (tuple(one.name for one in chosen), prod(one.share for one in chosen))
        for chosen in combinations(others, num)
        if len({known.meaning, *(one.meaning for one in chosen)}) == num + 1
    )


@lru_cache(maxsize=4096)
def _acceptance(categories: tuple[Category, ...], right: str, num: int) -> float:
    """The chance that a question tells this category from `num` others.

    With it, a set's chance to be drawn is the product of its shares, whichever of them is right.
    """
    weights = {
        one.name: sum(weight for _, weight in _sets(categories, one.name, num))
        for one in categories
    }
    return weights.get(right, 0.0) / (max(weights.values(), default=0.0) or 1.0)


def _wrong_spans(scene: Scene, rng: random.Random, *, max_tiou: float) -> list[Span]:
    """Up to three intervals of the right one's length within the video."""
    start, end = scene.right.span
    length = end - start
    grid = next((g for g in _GRIDS if start % g == 0 and end % g == 0), TENTHS)
    first = start % grid
    num_places = (scene.duration_tenths - length - first) // grid + 1
    apart_from, found = list(scene.abnormal_spans), list[Span]()
    for place in rng.sample(range(max(0, num_places)), max(0, min(num_places, _MOST_TRIES))):
        span = (first + place * grid, first + place * grid + length)
        if all(tiou(span, other) < max_tiou for other in apart_from):
            apart_from.append(span)
            found.append(span)
            if len(found) == 3:
                break
    return found


def kind_of(options: Iterable[Option]) -> Kind | None:
    """What tells them apart; None: they are of no kind that is made here."""
    listed = list(options)
    sizes = len({one.category for one in listed}), len({one.span for one in listed})
    kinds: Mapping[tuple[int, int], Kind] = {
        (4, 1): "category",
        (1, 4): "interval",
        (2, 2): "both",
    }
    return kinds.get(sizes) if len(set(listed)) == len(LETTERS) else None


def asked(question: Question, sentence: str) -> str:
    """What a model is asked: one of the pool's sentences, and the options."""
    letters = {
        letter.casefold(): option.text
        for letter, option in zip(LETTERS, question.options, strict=True)
    }
    return fill("mcq", {"question": sentence} | letters)


class Printed(NamedTuple):
    """A question as it stands in a text."""

    question: str
    options: tuple[str, ...]


_LINES = re.compile(
    r"\s*(?P<question>.+?)\n\s*"
    + r"\n\s*".join(rf"\(?{letter}[.):]\s*(?P<{letter}>[^\n]+)" for letter in LETTERS),
    re.DOTALL,
)
_OPTION = re.compile(r"(?P<category>.+), from (?P<start>\d+\.\d) s to (?P<end>\d+\.\d) s")


def printed(text: str) -> Printed | None:
    """The question and its four options; None: the text has no such lines."""
    match = _LINES.match(text)
    if match is None:
        return None
    return Printed(match["question"].strip(), tuple(match[letter].strip() for letter in LETTERS))


def read_option(text: str) -> Option | None:
    """The option that `Option.text` printed so; None: it is written in another way."""
    match = _OPTION.fullmatch(text)
    if match is None:
        return None
    return Option(
        match["category"], tenths_in(float(match["start"])), tenths_in(float(match["end"]))
    )


def told_letters(counts: Mapping[str, int]) -> str:
    """How evenly right letters are spread, in a sentence for cards and reports."""
    listed = [counts.get(letter, 0) for letter in LETTERS]
    told = ", ".join(f"{letter} {n:,}" for letter, n in zip(LETTERS, listed, strict=True))
    return f"Right letters of multiple choice: {told}; {told_evenness(listed)}."


def _seconds(tenths: int) -> str:
    return f"{tenths // TENTHS}.{tenths % TENTHS}"
