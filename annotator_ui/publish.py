"""What stands on the pages -> records that the engine knows, with no step in between.

Clicks and events that people made go to their files under the ledger `annotate`; corrections go
to `reviews.jsonl`. All follows from the log: publishing twice changes nothing, and after a crash
the difference is published at the next start.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TypeVar

import orjson

from annotator_ui.journal import VideoState
from annotator_ui.library import OUR_REVIEWS
from annotator_ui.wanted import (
    ExactTime,
    Given,
    act_id_of,
    nothing_id,
    wanted_clicks,
    wanted_events,
    wanted_reviews,
)
from engine.dataset import Dataset
from engine.index import Index, import_scope
from engine.joins.facts import Facts
from engine.ledger import ANNOTATE_LEDGER, LedgerLine
from engine.stage import digest
from engine.store import JsonlWriter, content_of, dump_line, parse_record, read_lines
from schemas import Click, Event, Record, Review, Video
from schemas.review import Withdraw

Made = TypeVar("Made", Click, Event)

_FINGERPRINT = digest(b"annotate/1").hex()[:16]
_WAIT_SECONDS = 5.0
_VIDEO_ID = re.compile(rb'"video_id":("(?:[^"\\]|\\.)*")')


@dataclass(frozen=True)
class Published:
    """What one round of publishing wrote."""

    num_records: int
    """Clicks and events."""
    num_reviews: int


def publish(
    dataset: Dataset,
    states: Mapping[str, VideoState],
    *,
    videos: Mapping[str, Video],
    exact_time: ExactTime,
) -> Published:
    """Bring the dataset up to what the states of these videos say; other videos are left alone.

    `videos` are the live ones; what was done on others is published at the first start after
    they came back. Raises `UsageError` where another process holds a file for longer than a few
    seconds; another call then does what is left.
    """
    books = _Books(Facts(Index(dataset)), frozenset(states))
    for video_id, state in states.items():
        if video_id in videos:
            books.enter(videos[video_id], state, exact_time)
    books.write(dataset)
    return Published(sum(map(len, books.records.values())), len(books.reviews))


@dataclass
class _Books:
    """What is on record of some videos, and what is to be written."""

    facts: Facts
    video_ids: frozenset[str]
    records: dict[type[Record], list[bytes]] = field(default_factory=lambda: defaultdict(list))
    ledger_lines: list[LedgerLine] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    _clicks: dict[str, list[Click]] = field(init=False)
    _events: dict[str, list[Event]] = field(init=False)
    _reviews: dict[str, dict[str, Review]] = field(init=False)

    def __post_init__(self) -> None:
        given_ids = self.facts.ids_given(ANNOTATE_LEDGER)
        self._clicks = self._ever_published(Click, given_ids)
        self._events = self._ever_published(Event, given_ids)
        self._reviews = _published_reviews(self.facts.index.dataset)

    def _ever_published(
        self, record_type: type[Made], given_ids: set[str]
    ) -> dict[str, list[Made]]:
        """Video id -> records that the ledger `annotate` ever listed, oldest first."""
        found: dict[str, list[Made]] = defaultdict(list)
        path = self.facts.index.dataset.record_path(record_type)
        for line in read_lines(path) if given_ids else ():
            if not self._is_wanted(line):
                continue
            record = parse_record(record_type, line, path=path)
            if record.id in given_ids:
                found[record.video_id].append(record)
        return found

    def _is_wanted(self, line: bytes) -> bool:
        """Whether a line is of one of the videos, without parsing all of it."""
        found = _VIDEO_ID.search(line)
        return found is None or orjson.loads(found[1]) in self.video_ids

    def enter(self, video: Video, state: VideoState, exact_time: ExactTime) -> None:
        """Note what one video lacks."""
        given = Given(
            clicks=self._clicks[video.id],
            events=self._events[video.id],
            next_click=self.facts.next_number(video.id, stage_name=ANNOTATE_LEDGER, mark="_K"),
            next_event=self.facts.next_number(video.id, stage_name="propose", mark="_E"),
        )
        self._enter(Click, video.id, wanted_clicks(video, state, given, exact_time=exact_time))
        parents = self._live_events(video.id) if state.events.born else {}
        events = wanted_events(video, state, given, parents=parents)
        self._enter(Event, video.id, list(events.values()))
        event_ids = {key: event.id for key, event in events.items()}
        self._enter_reviews(video.id, state, event_ids)

    def _live_events(self, video_id: str) -> dict[str, Event]:
        ids = self.facts.event_ids_of.get(video_id, ())
        return self.facts.index.many(Event, ids)

    def _enter(self, record_type: type[Record], video_id: str, records: Sequence[Record]) -> None:
        lines = [dump_line(record) for record in records]
        input_sha256 = digest(*map(content_of, lines))
        item_id = import_scope(record_type) + video_id
        ledger = self.facts.index.ledger(ANNOTATE_LEDGER)
        is_settled = ledger.key(item_id) == input_sha256 + bytes.fromhex(_FINGERPRINT)
        if is_settled or not (records or item_id in ledger):
            return
        published: Sequence[Record] = (*self._clicks[video_id], *self._events[video_id])
        newest = {record.id: record for record in published}
        self.records[record_type] += [
            line
            for record, line in zip(records, lines, strict=True)
            if newest.get(record.id) != record
        ]
        ids = tuple(record.id for record in records)
        self.ledger_lines.append(LedgerLine(item_id, input_sha256.hex(), _FINGERPRINT, ids))

    def _enter_reviews(
        self, video_id: str, state: VideoState, event_ids: Mapping[str, str]
    ) -> None:
        wanted = {review.id: review for review in wanted_reviews(video_id, state, event_ids)}
        published = self._reviews_of(video_id, state)
        self.reviews += [review for id_, review in wanted.items() if published.get(id_) != review]
        self.reviews += [
            review.model_copy(update={"correction": Withdraw()})
            for id_, review in published.items()
            if id_ not in wanted and not isinstance(review.correction, Withdraw)
        ]

    def _reviews_of(self, video_id: str, state: VideoState) -> dict[str, Review]:
        """Ours that say something of this video, withdrawn ones too."""
        found = {}
        for act in state.acts:
            found.update(self._reviews.get(act.id, {}))
        normal = self._reviews.get("nothing", {}).get(nothing_id(video_id))
        return found if normal is None else {**found, normal.id: normal}

    def write(self, dataset: Dataset) -> None:
        """Records first, then their ledger lines; a crash in between is mended by another call."""
        if self.ledger_lines:
            self._write_records(dataset)
        if self.reviews:
            path = dataset.record_path(Review)
            with JsonlWriter(path, wait_seconds=_WAIT_SECONDS) as writer:
                writer.append(dump_line(review) for review in self.reviews)
                writer.sync()

    def _write_records(self, dataset: Dataset) -> None:
        changed = [line.item_id for line in self.ledger_lines if line.record_ids]
        void_lines = self.facts.index.ledger(ANNOTATE_LEDGER).void_lines(changed)
        with ExitStack() as stack:
            ledger = stack.enter_context(
                JsonlWriter(dataset.ledger_path(ANNOTATE_LEDGER), wait_seconds=_WAIT_SECONDS)
            )
            writers = [
                stack.enter_context(
                    JsonlWriter(dataset.record_path(type_), wait_seconds=_WAIT_SECONDS)
                )
                for type_ in self.records
            ]
            ledger.append(void_lines)
            ledger.sync()
            for writer, lines in zip(writers, self.records.values(), strict=True):
                writer.append(lines)
                writer.sync()
            ledger.append(line.dump() for line in self.ledger_lines)
            ledger.sync()


def _published_reviews(dataset: Dataset) -> dict[str, dict[str, Review]]:
    """Act id -> review id -> newest review of ours, withdrawn ones too."""
    path = dataset.record_path(Review)
    found: dict[str, dict[str, Review]] = defaultdict(dict)
    for line in _lines_of_ours(dataset):
        review = parse_record(Review, line, path=path)
        found[act_id_of(review.id)][review.id] = review
    return found


def _lines_of_ours(dataset: Dataset) -> Iterator[bytes]:
    start = f'{{"id":"{OUR_REVIEWS}'.encode()
    return (line for line in read_lines(dataset.record_path(Review)) if line.startswith(start))
