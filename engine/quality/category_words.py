"""A text -> which categories it names, and what it claims of anomalies, by a domain's words.

The words are in the category file (`engine/categories.py`), and compared by their stems.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.categories import Domain
from engine.quality.hint_claims import stem
from engine.sources.names import words_of

Phrase = tuple[str, ...]

_WORD = re.compile(r"[^\W\d_]+")
_CLAUSE = re.compile(r"[,;:.!?]|\bbut\b")
_DENIALS = frozenset(
    (
        "no",
        "not",
        "nobody",
        "without",
        "nor",
        "never",
        "nothing",
        "none",
        "neither",
        "any",
        "free",
        "lack",
    )
)
"""`any` stands in questions and after `without`; who sees a fire does not say `any fire`."""


@dataclass(frozen=True)
class DomainWords:
    """What audits look for in texts."""

    phrases: Mapping[Phrase, str]
    """Stems of a word or more -> the category that they name."""
    same: Mapping[str, str]
    """Category -> the one that texts do not tell it from."""
    claims: Mapping[str, str]
    """Stem -> the claim that it makes."""
    sha256: str

    @classmethod
    def of(cls, domain: Domain) -> "DomainWords":
        """Those of a category file; where two categories have a phrase, the first has it."""
        same = {one.name: one.read_as for one in domain.categories if one.read_as is not None}
        phrases: dict[Phrase, str] = {}
        for category in domain.categories:
            for text in (*category.words, category.called):
                phrase = tuple(map(stem, words_of(text)))
                phrases.setdefault(phrase, same.get(category.name, category.name))
        claims = {stem(word): claim for claim, words in domain.claims.items() for word in words}
        return cls(phrases, same, claims, domain.words_sha256)

    def categories_named(self, text: str) -> set[str]:
        """Known categories of which the text has a word, those that mean the same as one."""
        stems = [stem(word) for word in words_of(text.casefold())]
        return {name for phrase, name in self.phrases.items() if _contains(stems, phrase)}

    def names_category(self, text: str, category: str) -> bool:
        """Whether the text has the words of this category, a known one or any other."""
        if self.same.get(category, category) in self.categories_named(text):
            return True
        stems = [stem(word) for word in words_of(text.casefold())]
        return _contains(stems, tuple(stem(word) for word in words_of(category)))

    def known_as(self, categories: Iterable[str]) -> set[str]:
        """The categories as `categories_named` calls them."""
        return {self.same.get(category, category) for category in categories}

    def claims_in(self, text: str) -> dict[str, str]:
        """Claim -> the word that makes it first, in lower case; without what the text denies."""
        found: dict[str, str] = {}
        for clause in _CLAUSE.split(text.casefold()):
            is_denied = False
            for word in _WORD.findall(clause):
                is_denied = is_denied or word in _DENIALS
                claim = self.claims.get(stem(word))
                if claim is not None and not is_denied:
                    found.setdefault(claim, word)
        return found


def _contains(stems: list[str], phrase: Phrase) -> bool:
    size = len(phrase)
    return size > 0 and any(
        tuple(stems[at : at + size]) == phrase for at in range(len(stems) - size + 1)
    )
