"""What is live in a dataset, as lines: cheap to hold, parsed only where somebody looks.

A record is live when it is the newest line of its id, its stage's ledger lists it, and no person
discarded it. Its reviews belong to it: they are part of its input hash and lie over its fields.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from engine.dataset import Dataset
from engine.ledger import ANNOTATE_LEDGER, AUDIT_LEDGER, IMPORT_LEDGER, TWIN_LEDGER, Ledger
from engine.lines import newest_lines
from engine.reviews import lay_over
from engine.stamps import FileState, state_of
from engine.store import (
    content_of,
    dump_line,
    parse_object,
    parse_record,
    read_lines,
)
from engine.views import REFUSED, view_reader
from schemas import (
    Caption,
    Click,
    Clip,
    Event,
    FeatureTrack,
    Finding,
    HumanCaption,
    Instruction,
    Record,
    Review,
    ScoreTrack,
    Summary,
    Twin,
    Video,
)

AnyRecord = TypeVar("AnyRecord", bound=Record)

LEDGERS: dict[type[Record], tuple[str, ...]] = {
    Video: ("ingest", IMPORT_LEDGER),
    Click: (IMPORT_LEDGER, ANNOTATE_LEDGER),
    FeatureTrack: ("features", IMPORT_LEDGER),
    ScoreTrack: ("score", IMPORT_LEDGER),
    Event: ("propose", IMPORT_LEDGER, ANNOTATE_LEDGER),
    Clip: ("clip", IMPORT_LEDGER),
    HumanCaption: (IMPORT_LEDGER,),
    Caption: ("caption", IMPORT_LEDGER),
    Summary: ("summarize", IMPORT_LEDGER),
    Instruction: ("instruct",),
    Finding: (AUDIT_LEDGER,),
    Twin: (TWIN_LEDGER,),
}
"""Which ledgers may list records of a type."""

WORDS: dict[type[Record], str] = {
    Video: "video",
    Click: "click",
    FeatureTrack: "features",
    ScoreTrack: "score",
    Event: "event",
    Clip: "clip",
    HumanCaption: "human_caption",
    Caption: "caption",
    Summary: "summary",
    Instruction: "instruction",
    Finding: "finding",
    Twin: "twin",
}
"""What one record of a type is called, in reviews and in the import ledger's item ids."""


def import_scope(record_type: type[Record]) -> str:
    """Prefix of the import and annotation ledgers' items that wrote records of this type."""
    return f"{WORDS[record_type]}:"


@dataclass
class Index:
    """Live lines of one dataset, each file read at most once."""

    dataset: Dataset
    _lines: dict[type[Record], Mapping[str, bytes]] = field(default_factory=dict)
    _ledgers: dict[str, Ledger] = field(default_factory=dict)
    files_read: dict[Path, FileState] = field(default_factory=dict)
    """Every file that was looked into, as it was just before."""

    def note(self, path: Path) -> None:
        """A file that is about to be looked into; once it changes, there may be work again."""
        self.files_read.setdefault(path, state_of(path))

    def ledger(self, stage_name: str) -> Ledger:
        """The ledger of one stage."""
        if stage_name not in self._ledgers:
            self.note(self.dataset.ledger_path(stage_name))
            self._ledgers[stage_name] = Ledger.load(self.dataset.ledger_path(stage_name))
        return self._ledgers[stage_name]

    def forget(self, stage_name: str, record_type: type[Record]) -> None:
        """Read a stage's ledger and records anew when next asked: the stage has run."""
        self._ledgers.pop(stage_name, None)
        self._lines.pop(record_type, None)

    def lines(self, record_type: type[Record]) -> Mapping[str, bytes]:
        """Id -> newest line of every live record, in order of first appearance in the file."""
        if record_type not in self._lines:
            self.note(self.dataset.record_path(record_type))
            live_ids = self._live_ids(record_type)
            if record_type is Instruction:  # asked for nothing else; 300 MB at a million clips
                self._ledgers.pop("instruct", None)
            self._lines[record_type] = newest_lines(
                self.dataset.record_path(record_type),
                wanted=live_ids,
                unwanted=set(self.discarded_ids(record_type)),
            )
        return self._lines[record_type]

    def _live_ids(self, record_type: type[Record]) -> dict[str, str]:
        live: dict[str, str] = {}
        for stage_name in LEDGERS[record_type]:
            is_shared = stage_name in (IMPORT_LEDGER, ANNOTATE_LEDGER)
            scope = import_scope(record_type) if is_shared else ""
            ids = self.ledger(stage_name).live_record_ids(scope=scope)
            live.update(zip(ids, ids, strict=True))
        return live

    def imported_ids(self, record_type: type[Record]) -> set[str]:
        """Live records that came from outside; stages leave these alone."""
        return set(self.ledger(IMPORT_LEDGER).live_record_ids(scope=import_scope(record_type)))

    @cached_property
    def _reviews(self) -> dict[tuple[str, str], tuple[Review, ...]]:
        path = self.dataset.record_path(Review)
        self.note(path)
        newest: dict[str, Review] = {}
        for line in read_lines(path):
            review = parse_record(Review, line, path=path)
            newest[review.id] = review
        by_target: dict[tuple[str, str], list[Review]] = defaultdict(list)
        for review in newest.values():
            if review.correction.kind == "withdraw":
                continue
            by_target[review.target, review.target_id].append(review)
        return {target: tuple(reviews) for target, reviews in by_target.items()}

    def reviews(self, record_type: type[Record], record_id: str) -> tuple[Review, ...]:
        """Corrections to one record, oldest first."""
        return self._reviews.get((WORDS[record_type], record_id), ())

    def discarded_ids(self, record_type: type[Record]) -> Iterator[str]:
        """Records that a person took out."""
        for (target, record_id), reviews in self._reviews.items():
            if target == WORDS[record_type] and reviews[-1].correction.kind == "discard":
                yield record_id

    def reviewed_ids(self, *record_types: type[Record]) -> set[str]:
        """Records of these types that a person corrected, confirmed or took out."""
        words = {WORDS[record_type] for record_type in record_types}
        return {record_id for target, record_id in self._reviews if target in words}

    def fields(self, record_type: type[Record], record_id: str) -> Mapping[str, Any]:
        """A live record's fields, as reviewed; three times as quick as making the record."""
        if self._reviews and self.reviews(record_type, record_id):
            return self.get(record_type, record_id).model_dump()
        line = self.lines(record_type)[record_id]
        return parse_object(line, path=self.dataset.record_path(record_type))

    def overlay(self, record: AnyRecord) -> AnyRecord:
        """A record, live or not, with its reviews laid over it."""
        if not self._reviews:
            return record
        return lay_over(record, self.reviews(type(record), record.id))

    def orphaned_reviews(self) -> Iterator[Review]:
        """Corrections to records that are not live (any more); kept, but without effect."""
        for record_type, word in WORDS.items():
            for (target, record_id), reviews in self._reviews.items():
                is_discarded = reviews[-1].correction.kind == "discard"
                if target == word and not is_discarded and record_id not in self.lines(record_type):
                    yield from reviews

    def content(self, record_type: type[Record], record_id: str) -> bytes:
        """What is true of a live record, reviews included: the thing to hash."""
        return self.reviewed_content(record_type, record_id, self.lines(record_type)[record_id])

    def reviewed_content(self, record_type: type[Record], record_id: str, line: bytes) -> bytes:
        """`content`, for a caller who has the line at hand."""
        reviews = self.reviews(record_type, record_id) if self._reviews else ()
        if not reviews:
            return content_of(line)
        # The reviewed record, not the reviews: a mere "I agree" must make nothing stale.
        path = self.dataset.record_path(record_type)
        return content_of(dump_line(lay_over(parse_record(record_type, line, path=path), reviews)))

    def get(self, record_type: type[AnyRecord], record_id: str) -> AnyRecord:
        """A live record with its reviews laid over it."""
        path = self.dataset.record_path(record_type)
        record = parse_record(record_type, self.lines(record_type)[record_id], path=path)
        return self.overlay(record)

    def many(self, record_type: type[AnyRecord], record_ids: Iterable[str]) -> dict[str, AnyRecord]:
        """Id -> `get`, for those of the ids that are live."""
        lines = self.lines(record_type)
        records = [self.get(record_type, id_) for id_ in record_ids if id_ in lines]
        return {record.id: record for record in records}

    def view(self, record_type: type[AnyRecord], record_id: str) -> AnyRecord:
        """`get`, as a view, in a third of the time; as a record where reviewed or refused."""
        if not (self._reviews and self.reviews(record_type, record_id)):
            try:
                view: AnyRecord = view_reader(record_type)(self.lines(record_type)[record_id])
                return view
            except REFUSED:  # rightly or not: the record's own reader decides
                return self.get(record_type, record_id)
        return self.get(record_type, record_id)

    def views(
        self, record_type: type[AnyRecord], record_ids: Iterable[str]
    ) -> dict[str, AnyRecord]:
        """`many`, as views, in a third of the time; as records where reviewed or refused."""
        ids, lines = list(record_ids), self.lines(record_type)
        views = map(view_reader(record_type), filter(None, map(lines.get, ids)))
        try:
            found = {view.id: view for view in views}
        except REFUSED:
            return self.many(record_type, ids)
        if self._reviews:
            reviewed = [id_ for id_ in found if self.reviews(record_type, id_)]
            found |= self.many(record_type, reviewed)
        return found

    def all(self, record_type: type[AnyRecord]) -> Iterator[AnyRecord]:
        """All live records of a type, reviews laid over them."""
        for record_id in self.lines(record_type):
            yield self.get(record_type, record_id)


_RUNS = re.compile(r"(\d+)")


def natural_order(record_id: str) -> tuple[tuple[str | int, ...], str]:
    """Sort key under which `E2` comes before `E10`: text and numbers in turn, text first.

    The id itself comes last, since `cam1` and `cam01` would tie, and the order of a file decide.
    """
    runs = _RUNS.split(record_id)
    return tuple(int(run) if place % 2 else run for place, run in enumerate(runs)), record_id
