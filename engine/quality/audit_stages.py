"""The audits as stages: one item in, findings out; the runner keeps them as it keeps captions."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from engine.ledger import AUDIT_LEDGER
from engine.models.chat import Json
from engine.progress import Vitals
from engine.quality.category_words import DomainWords
from engine.quality.duplicates import find_alike
from engine.quality.judge import Judge
from engine.quality.rules import Target, finding
from engine.quality.text_rules import WordLimits, findings_in
from engine.stage import Item
from engine.tree import VideoNode
from schemas import Finding, Provenance, Record

RULES_VERSION = 2
"""Raised by hand when a rule changes what it finds."""


@dataclass(frozen=True)
class TextAudit:
    """All texts and questions of one video, by rules."""

    limits: WordLimits
    words: DomainWords
    name: ClassVar[str] = AUDIT_LEDGER
    writes: ClassVar[type[Record]] = Finding
    concurrency: ClassVar[int] = 1

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """The rules, their words and limits."""
        return {
            "audit": "texts",
            "version": RULES_VERSION,
            "caption_words": list(self.limits.caption),
            "summary_words": list(self.limits.summary),
            "words_sha256": self.words.sha256,
        }

    def process(self, item: Item[VideoNode]) -> Iterable[Record]:
        """No finding twice: two rows of one task may trip the same rule."""
        return list(
            {one.id: one for one in findings_in(item.body, self.limits, self.words)}.values()
        )


class SupportItem(NamedTuple):
    """A summary, and the texts it was made from."""

    segment_id: str
    video_id: str
    description: str
    analysis: str | None
    sources: tuple[str, ...]
    """Captions of the event's clips, or summaries of the video's events; in order of time."""


@dataclass(frozen=True)
class SupportAudit:
    """Claims of a summary that its sources do not make: by a judge, else by the word list."""

    judge: Judge | None
    words: DomainWords
    name: ClassVar[str] = AUDIT_LEDGER
    writes: ClassVar[type[Record]] = Finding

    @property
    def concurrency(self) -> int:
        """As much as the judge takes."""
        return self.judge.settings.concurrency if self.judge else 1

    def check(self) -> None:
        """Ask the judge's endpoint whether it can be used."""
        if self.judge is not None:
            self.judge.check()

    def close(self) -> None:
        """Let the judge's connections go."""
        if self.judge is not None:
            self.judge.close()

    def vitals(self) -> Vitals | None:
        """How the judge's servers are."""
        return self.judge.vitals() if self.judge else None

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """The judge, or the word list."""
        parts: dict[str, Json] = {"audit": "support", "version": RULES_VERSION}
        if self.judge is None:
            return parts | {"words_sha256": self.words.sha256}
        return parts | {"judge": dict(self.judge.fingerprint_parts())}

    def process(self, item: Item[SupportItem]) -> Iterable[Record]:
        """One finding for each summary with such claims; it lists them."""
        body = item.body
        claims = self._by_words(body) if self.judge is None else self._by_judge(self.judge, body)
        if not claims:
            return
        place: tuple[Target, str] = ("summary", body.segment_id)
        segment = (body.video_id, body.segment_id)
        found = finding("unsupported-claim", place, "; ".join(claims), segment=segment)
        yield found if self.judge is None else _as_said_by(self.judge, found)

    def _by_words(self, body: SupportItem) -> list[str]:
        """Of the description alone: the judgement names the label, the analysis argues from it."""
        supported = {claim for source in body.sources for claim in self.words.claims_in(source)}
        claimed = self.words.claims_in(body.description)
        return [
            f"tells of {claim} ({word!r}), which none of {len(body.sources)} texts below it does"
            for claim, word in claimed.items()
            if claim not in supported
        ]

    def _by_judge(self, judge: Judge, body: SupportItem) -> list[str]:
        text = " ".join(part for part in (body.description, body.analysis) if part)
        said = judge.unsupported(body.segment_id, text=text, sources=body.sources)
        return [" ".join(claim.split()) for claim in said]


def _as_said_by(judge: Judge, found: Finding) -> Finding:
    made_by = Provenance(made_by="model", name=judge.settings.name)
    return found.model_copy(update={"provenance": made_by})


class Place(NamedTuple):
    """Whose text it is."""

    target: Literal["caption", "summary"]
    id: str
    video_id: str


@dataclass(frozen=True)
class Corpus:
    """Texts of a dataset: read one at a time, never held together."""

    places: tuple[Place, ...]
    text_at: Callable[[Place], str]

    def of_kind(self, target: str) -> "Corpus":
        """Captions alone, or summaries: that of one clip may well say what its caption does."""
        return Corpus(tuple(one for one in self.places if one.target == target), self.text_at)


@dataclass(frozen=True)
class DuplicateAudit:
    """Texts that say nearly the same as an earlier one, over the whole dataset."""

    at_least: float
    min_words: int
    name: ClassVar[str] = AUDIT_LEDGER
    writes: ClassVar[type[Record]] = Finding
    concurrency: ClassVar[int] = 1

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """How alike two texts must be."""
        return {
            "audit": "duplicates",
            "version": RULES_VERSION,
            "at_least": self.at_least,
            "min_words": self.min_words,
        }

    def process(self, item: Item[Corpus]) -> Iterable[Record]:
        """One finding for each later text."""
        for target in ("caption", "summary"):
            yield from self._among(item.body.of_kind(target))

    def _among(self, corpus: Corpus) -> Iterator[Finding]:
        texts = (corpus.text_at(place) for place in corpus.places)
        alike = find_alike(
            texts,
            lambda number: corpus.text_at(corpus.places[number]),
            at_least=self.at_least,
            min_words=self.min_words,
        )
        for one in alike:
            later, earlier = corpus.places[one.place], corpus.places[one.earlier]
            text = corpus.text_at(later)
            yield finding(
                "near-duplicate-text",
                (later.target, later.id),
                f"{one.similarity:.0%} as {earlier.target} {earlier.id}: {text!r:.120}",
                segment=(later.video_id, later.id),
            )
