"""A summary as one free text -> its judgement, description and analysis, as HIVAU-70k cut them."""

import re
from dataclasses import dataclass

from engine.quality.polarity import judgement_polarity

_BASIS = re.compile(r"The basis for judging (?:this|the) anomaly is ")
_NAMES_A_BASIS = re.compile(r"\bbasis for judging\b", re.IGNORECASE)


@dataclass(frozen=True)
class SplitSummary:
    """The three parts; `analysis` is None for a normal segment."""

    judgement: str
    description: str
    analysis: str | None


def split_summary(text: str, *, is_anomalous: bool | None = None) -> SplitSummary:
    """Cut a free text as the published `*_split` fields were cut.

    Quotes go, a semicolon ends a sentence as a full stop does. First sentence = judgement, last
    = analysis, the middle = description without its last full stop; a normal text has no
    analysis. Where the last sentence starts "The basis for judging this anomaly is", the rest of
    it is capitalized as Python does, so that `ATM` becomes `atm`: the published texts show it.
    Any other wording of the basis stays whole.

    `is_anomalous` is the segment's label, which the published cut followed; None infers it from
    the text: a basis is named, or the judgement is positive and there are three sentences.
    """
    sentences = text.strip().replace('"', "").replace("; ", ". ").split(". ")
    judgement = sentences[0] + "." * (len(sentences) > 1)
    has_analysis = _is_analysed(sentences) if is_anomalous is None else is_anomalous
    if len(sentences) == 1 or not has_analysis:
        return SplitSummary(judgement, ". ".join(sentences[1:]), None)
    description = ". ".join(sentences[1:-1]) or sentences[0]
    return SplitSummary(judgement, description, _analysis(sentences[-1]))


def _is_analysed(sentences: list[str]) -> bool:
    if _NAMES_A_BASIS.search(sentences[-1]):
        return True
    return len(sentences) > 2 and judgement_polarity(sentences[0]) is True


def _analysis(sentence: str) -> str:
    basis = _BASIS.match(sentence)
    return sentence[basis.end() :].capitalize() if basis else sentence
