"""A text -> what it claims of anomalies, by a list of words; denied claims do not count."""

import re
import tomllib
from functools import cache
from hashlib import sha256
from importlib import resources

from engine.quality.hint_claims import stem

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


@cache
def claim_of_stem() -> dict[str, str]:
    """Stem -> the claim of `manifests/claims.toml` that it makes."""
    file = resources.files("manifests").joinpath("claims.toml")
    groups = tomllib.loads(file.read_text(encoding="utf-8"))["claims"]
    return {stem(word): claim for claim, words in groups.items() for word in words}


def claims_sha256() -> str:
    """Hash of what the list says, so that mending a comment makes nothing stale."""
    return sha256(repr(sorted(claim_of_stem().items())).encode()).hexdigest()


def claims_in(text: str) -> dict[str, str]:
    """Claim -> the word that makes it first, in lower case; without what the text denies."""
    known, found = claim_of_stem(), dict[str, str]()
    for clause in _CLAUSE.split(text.casefold()):
        is_denied = False
        for word in _WORD.findall(clause):
            is_denied = is_denied or word in _DENIALS
            claim = known.get(stem(word))
            if claim is not None and not is_denied:
                found.setdefault(claim, word)
    return found
