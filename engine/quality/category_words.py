"""A text -> which categories it names, by the words that the public data sets' manifests have."""

from collections.abc import Iterable
from functools import cache

from engine.quality.hint_claims import stem
from engine.sources.manifest import SOURCES, load_manifest
from engine.sources.names import words_of

Phrase = tuple[str, ...]
_SAME = {"Car accident": "RoadAccidents", "Robbery": "Stealing", "Shoplifting": "Stealing"}
"""Categories that texts do not tell apart: both are read as the second."""


def categories_named(text: str) -> set[str]:
    """Known categories of which the text has a keyword, those that mean the same as one."""
    stems = [stem(word) for word in words_of(text.casefold())]
    return {name for phrase, name in _phrases().items() if _contains(stems, phrase)}


def names_category(text: str, category: str) -> bool:
    """Whether the text has the words of this category, a known one or any other."""
    if _same(category) in categories_named(text):
        return True
    stems = [stem(word) for word in words_of(text.casefold())]
    return _contains(stems, tuple(stem(word) for word in words_of(category)))


def known_as(categories: Iterable[str]) -> set[str]:
    """The categories as `categories_named` calls them."""
    return {_same(category) for category in categories}


def _same(category: str) -> str:
    return _SAME.get(category, category)


@cache
def _phrases() -> dict[Phrase, str]:
    found: dict[Phrase, str] = {}
    for source in SOURCES:
        for entry in load_manifest(source).classes:
            for keyword in (*entry.keywords, entry.display):
                found.setdefault(tuple(map(stem, words_of(keyword))), _same(entry.name))
    return found


def _contains(stems: list[str], phrase: Phrase) -> bool:
    size = len(phrase)
    return size > 0 and any(
        tuple(stems[at : at + size]) == phrase for at in range(len(stems) - size + 1)
    )
