"""One video with all that hangs on it -> what its texts are suspected of, rule by rule."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.models.replies import repeated_piece
from engine.quality.category_words import DomainWords
from engine.quality.polarity import judgement_polarity
from engine.quality.row_validators import presumes_anomaly
from engine.quality.rules import Target, finding
from engine.tree import VideoNode
from schemas import Caption, Finding, Instruction, Summary
from schemas.base import Granularity

_HINT = re.compile(
    r"\b(?:given|provided|video-level|ground[- ]truth)\s+(?:labels?|categor(?:y|ies)|captions?)\b"
    r"|\b(?:according to|based on|as indicated by|indicated in|per|as)\s+the\s+(?:\w+\s+)?"
    r"(?:labels?|categor(?:y|ies)|captions?|prompt|annotations?)\b"
    r"|\bdense captions?\b"
    r"|\bthe (?:label|prompt|captions?) (?:says?|states?|indicates?|mentions?)\b"
    r"|\bas an AI\b|\blanguage model\b",
    re.IGNORECASE,
)
_RAW_LABEL = re.compile(r"\b(?:[A-Z][a-z]+){2,}\b|\bB[12456]\b")
_HEDGED = re.compile(r"\b(?:any|whether|if|is there|are there|was there|were there)\b", re.I)
_ANOMALY = re.compile(r"\b(?:anomal|abnormal)", re.IGNORECASE)
_WORDS = re.compile(r"\S+")


@dataclass(frozen=True)
class WordLimits:
    """Fewest and most words that a text of a kind may have."""

    caption: tuple[int, int]
    summary: tuple[int, int]


@dataclass(frozen=True)
class _Text:
    """One text, and the segment that it is about."""

    place: tuple[Target, str]
    segment: tuple[str, str]
    granularity: Granularity
    text: str
    is_anomalous: bool | None
    categories: tuple[str, ...]
    part: str | None = None
    """Of an instruction the task of the answer."""


def findings_in(node: VideoNode, limits: WordLimits, words: DomainWords) -> Iterator[Finding]:
    """All rules that need no other video: in order of the tree."""
    for text in _texts(node):
        yield from _repetition(text)
        yield from _length(text, limits)
        yield from _hint(text)
        yield from _anomaly_in_normal(text, words)
    for event in node.events:
        if event.summary is not None:
            label = (event.event.is_anomalous, event.event.categories)
            yield from judgement_findings(event.summary, label, words)
    if node.summary is not None:
        label = (node.video.is_anomalous, node.video.categories)
        yield from judgement_findings(node.summary, label, words)
    for instruction in node.instructions:
        yield from unfit_questions(instruction)
    for text in _written_answers(node):
        yield from _repetition(text)
        yield from _hint(text)
        yield from _anomaly_in_normal(text, words)


def _texts(node: VideoNode) -> Iterator[_Text]:
    video = node.video
    for event in node.events:
        label = event.event.is_anomalous
        for clip in event.clips:
            if clip.caption is not None:
                yield _of_caption(clip.caption, label, event.event.categories)
        if event.summary is not None:
            yield _of_summary(event.summary, label, event.event.categories)
    if node.summary is not None:
        yield _of_summary(node.summary, video.is_anomalous, video.categories)


def _of_caption(caption: Caption, label: bool | None, categories: tuple[str, ...]) -> _Text:
    place: tuple[Target, str] = ("caption", caption.id)
    segment = (caption.video_id, caption.id)
    return _Text(place, segment, "clip", caption.text, label, categories)


def _of_summary(summary: Summary, label: bool | None, categories: tuple[str, ...]) -> _Text:
    place: tuple[Target, str] = ("summary", summary.id)
    segment = (summary.video_id, summary.id)
    return _Text(place, segment, summary.granularity, summary.text, label, categories)


def _written_answers(node: VideoNode) -> Iterator[_Text]:
    """Answers that a model wrote: those made by rule are texts that were looked at, or times."""
    for row in node.instructions:
        if row.provenance.made_by != "model":
            continue
        place: tuple[Target, str] = ("instruction", row.id)
        segment = (row.video_id, row.segment_id)
        for turn in row.turns:
            label = (row.is_anomalous, node.video.categories)
            yield _Text(place, segment, row.granularity, turn.answer, *label, part=turn.task)


def _repetition(text: _Text) -> Iterator[Finding]:
    if piece := repeated_piece(text.text):
        detail = f"keeps saying {piece!r:.160}"
        place, part = text.place, text.part
        yield finding("repetition-loop", place, detail, segment=text.segment, part=part)


def _length(text: _Text, limits: WordLimits) -> Iterator[Finding]:
    fewest, most = limits.caption if text.granularity == "clip" else limits.summary
    num_words = len(_WORDS.findall(text.text))
    if not fewest <= num_words <= most:
        detail = f"{num_words} words; {fewest} to {most} are allowed: {text.text!r:.120}"
        yield finding("length-out-of-range", text.place, detail, segment=text.segment)


def _hint(text: _Text) -> Iterator[Finding]:
    """A label in the words of a file's name, or talk of how the text was made."""
    said = talk_of_prompt(text.text)
    labels = {one for one in text.categories if _RAW_LABEL.fullmatch(one)}
    raw = next((one for one in _RAW_LABEL.findall(text.text) if one in labels), None)
    if said or raw:
        detail = f"says {said or raw!r}: {text.text!r:.160}"
        yield finding("leaks-hint", text.place, detail, segment=text.segment, part=text.part)


def talk_of_prompt(text: str) -> str | None:
    """Where a text speaks of the label, the captions or the prompt; None: nowhere."""
    found = _HINT.search(text)
    return found[0] if found else None


def _anomaly_in_normal(text: _Text, words: DomainWords) -> Iterator[Finding]:
    if text.is_anomalous is not False:
        return
    if claims := words.claims_in(text.text):
        told = ", ".join(f"{claim} ({word!r})" for claim, word in claims.items())
        detail = f"normal, but tells of {told}: {text.text!r:.160}"
        place, part = text.place, text.part
        yield finding("anomaly-in-normal", place, detail, segment=text.segment, part=part)


def judgement_findings(
    summary: Summary, label: tuple[bool | None, tuple[str, ...]], words: DomainWords
) -> Iterator[Finding]:
    """Label (abnormal, categories) against judgement: whether there is an anomaly, then which."""
    is_anomalous, categories = label
    place: tuple[Target, str] = ("summary", summary.id)
    segment = (summary.video_id, summary.id)
    said = judgement_polarity(summary.judgement)
    if None not in (said, is_anomalous) and said != is_anomalous:
        labelled = "abnormal" if is_anomalous else "normal"
        detail = f"labelled {labelled}, judged {summary.judgement!r:.160}"
        yield finding("label-against-judgement", place, detail, segment=segment)
    elif is_anomalous and categories:
        said_of = summary.judgement
        others = words.categories_named(said_of) - words.known_as(categories)
        if others and not any(words.names_category(said_of, one) for one in categories):
            detail = (
                f"labelled {', '.join(categories)}, but the judgement names "
                f"{', '.join(sorted(others))}: {summary.judgement!r:.160}"
            )
            yield finding("category-against-text", place, detail, segment=segment)


def unfit_questions(instruction: Instruction) -> Iterator[Finding]:
    """Questions that presume an anomaly, asked of a normal segment."""
    if instruction.is_anomalous is not False:
        return
    segment = (instruction.video_id, instruction.segment_id)
    for turn in instruction.turns:
        if is_unfit_for_normal(turn.question, task=turn.task):
            place: tuple[Target, str] = ("instruction", instruction.id)
            rule, detail = "question-unfit-for-normal", f"asked {turn.question!r:.160}"
            yield finding(rule, place, detail, segment=segment, part=turn.task)


def is_unfit_for_normal(question: str, *, task: str) -> bool:
    """Whether it presumes that there is an anomaly, whatever it asks for."""
    is_open = _ANOMALY.search(question) is not None and _HEDGED.search(question) is None
    return is_open or presumes_anomaly(question, task=task)
