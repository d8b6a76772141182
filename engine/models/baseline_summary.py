"""Captions or event summaries -> judgement, description and analysis, by templates.

Where there is a label it is followed. Where there is none, the measurements named in the texts
decide: a strong sign says abnormal, texts that all report no sudden change say normal, and
anything else is left undecided.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.models.chat import SummaryRequest
from engine.models.pictures import HappeningKind
from engine.models.wording import QUIET_PHRASE, SIGN_PHRASES, STILL_PHRASE

MAX_DESCRIPTION_CHARS = 700
MAX_ANALYSIS_SIGNS = 4
STRONG_SIGNS: tuple[HappeningKind, ...] = ("flash", "fire_like", "smoke_like", "agitation")
"""Signs that make an unlabelled segment abnormal when any one was measured."""
UNDECIDED = "Whether an anomaly exists could not be determined from the measurements."
NORMAL = "No anomaly exists in the {granularity}."
_EXPLANATIONS: dict[HappeningKind, str] = {
    "flash": "a sudden bright flash",
    "fire_like": "a growing orange-red area",
    "smoke_like": "a growing grey area with soft edges",
    "meeting": "two moving regions that come together",
    "agitation": "a region that moves restlessly without getting anywhere",
    "motion_stop": "motion that ends abruptly",
    "motion_onset": "a sudden rise of motion",
    "brightening": "a picture that becomes brighter",
    "darkening": "a picture that becomes darker",
    "cut": "a scene that changes at once",
}
_OWN_JUDGEMENT = re.compile(
    r"^(The anomaly exists\b|An anomaly exists\b|No anomaly exists\b|Whether an anomaly exists\b)"
)
_OWN_ANALYSIS = re.compile(r"^(What stands out is|The label says|The measurements show no)")
_CLIP_TIMES = re.compile(r",? (?:from \d+\.\d to \d+\.\d s|at \d+\.\d s)(?=[ ,.;])")
_LEADING_TIMES = re.compile(r"^(?:From \d+\.\d to \d+\.\d s|At \d+\.\d s), (\w)")
"""Times in captions count from their clip's start, so they would mislead in a summary."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'])")


@dataclass(frozen=True)
class SummaryParts:
    """The three parts, and what they judge."""

    is_anomalous: bool | None
    judgement: str
    description: str
    analysis: str | None


def summarize_texts(request: SummaryRequest) -> SummaryParts:
    """Judge, describe and explain one segment from its texts, in order of time."""
    signs = measured_signs(request.texts)
    is_anomalous = request.is_anomalous
    if is_anomalous is None:
        is_anomalous = _judge(request.texts, signs)
    return SummaryParts(
        is_anomalous=is_anomalous,
        judgement=_judgement(is_anomalous, request),
        description=_digest(request.texts),
        analysis=_analysis(signs, request) if is_anomalous else None,
    )


def measured_signs(texts: Sequence[str]) -> tuple[HappeningKind, ...]:
    """Which measured changes the texts name, most telling first."""
    whole = " ".join(texts).lower()
    return tuple(kind for kind, phrase in SIGN_PHRASES.items() if phrase in whole)


def _judge(texts: Sequence[str], signs: Sequence[HappeningKind]) -> bool | None:
    if any(kind in STRONG_SIGNS for kind in signs):
        return True
    is_quiet = [QUIET_PHRASE in text.lower() or STILL_PHRASE in text.lower() for text in texts]
    return False if texts and all(is_quiet) and not signs else None


def _judgement(is_anomalous: bool | None, request: SummaryRequest) -> str:
    if is_anomalous is None:
        return UNDECIDED
    if not is_anomalous:
        return NORMAL.format(granularity=request.granularity)
    if not request.categories:
        return f"An anomaly exists in the {request.granularity}."
    names = _joined(request.categories)
    article = "an" if names[0].lower() in "aeiou" else "a"
    return f"The anomaly exists, specifically {article} {names} anomaly."


def _digest(texts: Sequence[str]) -> str:
    """The texts' sentences without judgements and repeats, most telling ones kept, in order."""
    sentences = list(
        dict.fromkeys(
            _without_clip_times(sentence)
            for text in texts
            for sentence in _SENTENCE_END.split(text.strip())
            if sentence and not _OWN_JUDGEMENT.match(sentence) and not _OWN_ANALYSIS.match(sentence)
        )
    )
    if not sentences:
        return "The texts of its parts describe nothing beyond a judgement."
    kept: set[int] = set()
    for index in sorted(range(len(sentences)), key=lambda i: (_rank(sentences[i]), i)):
        used = sum(len(sentences[i]) + 1 for i in kept)
        if not kept or used + len(sentences[index]) <= MAX_DESCRIPTION_CHARS:
            kept.add(index)
    return " ".join(_bounded(sentences[index]) for index in sorted(kept))


def _without_clip_times(sentence: str) -> str:
    started = _LEADING_TIMES.sub(lambda found: found[1].upper(), sentence)
    return _CLIP_TIMES.sub("", started)


def _rank(sentence: str) -> int:
    """0 is most telling; sentences that name no sign come last."""
    lowered = sentence.lower()
    for rank, phrase in enumerate(SIGN_PHRASES.values()):
        if phrase in lowered:
            return rank
    return len(SIGN_PHRASES) + (QUIET_PHRASE in lowered)


def _bounded(sentence: str) -> str:
    if len(sentence) <= MAX_DESCRIPTION_CHARS:
        return sentence
    return sentence[: MAX_DESCRIPTION_CHARS - 1].rsplit(" ", 1)[0] + "…"


def _analysis(signs: Sequence[HappeningKind], request: SummaryRequest) -> str:
    named = _joined([_EXPLANATIONS[kind] for kind in signs[:MAX_ANALYSIS_SIGNS]])
    if request.is_anomalous is None:
        return f"What stands out is {named}; this rests on the measurements alone, without a label."
    label = f" ({_joined(request.categories)})" if request.categories else ""
    if not signs:
        return (
            f"The label says that the {request.granularity} is abnormal{label}; "
            "the measurements show no sudden change that would support it."
        )
    if _judge(request.texts, signs):
        return f"What stands out is {named}, which agrees with the abnormal label{label}."
    return (
        f"What stands out is {named}; by itself this would not decide, "
        f"so the judgement rests on the label{label}."
    )


def _joined(words: Sequence[str]) -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
