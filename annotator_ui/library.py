"""What a dataset holds, as the pages need it: videos, scores, events and texts, never stale for
longer than a second."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import TypeVar

import orjson

from annotator_ui.keyfile import Signer
from annotator_ui.suggestions import Curve, curve_of, is_blind
from engine.categories import Domain, load_domain
from engine.dataset import Dataset
from engine.index import Index, import_scope
from engine.joins.facts import Facts
from engine.ledger import ANNOTATE_LEDGER
from engine.lines import newest_lines
from engine.quality.audit import findings_by_segment
from engine.reviews import lay_over
from engine.stamps import state_of
from engine.store import parse_record
from schemas import Click, Event, Finding, Record, ScoreTrack, Video

AnyRecord = TypeVar("AnyRecord", bound=Record)

OUR_REVIEWS = "annotate:"
"""Prefix of the ids of reviews that are published from the pages."""
_SECONDS_BETWEEN_LOOKS = 1.0


@dataclass
class _Shelf:
    """One reading of some of a dataset's files; read anew when any of them has changed."""

    dataset: Dataset
    now: Callable[[], float] = time.monotonic
    _index: Index | None = None
    _facts: Facts | None = None
    _looked_at: float = -inf

    def facts(self) -> Facts:
        if self._index is None or self._facts is None or self._is_stale(self._index):
            self._index = Index(self.dataset)
            self._facts = Facts(self._index)
        return self._facts

    def look_again(self) -> None:
        """Something was written just now."""
        self._looked_at = -inf

    def _is_stale(self, index: Index) -> bool:
        if self.now() < self._looked_at + _SECONDS_BETWEEN_LOOKS:
            return False
        self._looked_at = self.now()
        return any(state_of(path) != state for path, state in list(index.files_read.items()))


@dataclass(frozen=True)
class _Shown:
    """The videos that have a file, and their names in URLs."""

    source: Mapping[str, Video]
    videos: Mapping[str, Video]
    opaque: Mapping[str, str]
    video_ids: Mapping[str, str]


@dataclass
class Library:
    """Look-ups for the pages. One thread at a time reads; what is handed out never changes."""

    dataset: Dataset
    signer: Signer
    _footage: _Shelf = field(init=False)
    """Videos and scores: what changes seldom."""
    _records: _Shelf = field(init=False)
    """Everything else."""
    _shown: "_Shown | None" = None
    _curves: dict[tuple[str, float], tuple[bytes, Curve]] = field(default_factory=dict)
    _counts: tuple[Facts, Mapping[str, int]] | None = None
    _imported: tuple[Facts, Mapping[str, bytes]] | None = None
    _findings: tuple[Facts, Mapping[str, tuple[Finding, ...]]] | None = None
    _domain: Domain = field(init=False)
    _mutex: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._footage, self._records = _Shelf(self.dataset), _Shelf(self.dataset)
        self._domain = load_domain(self.dataset.config.categories.file)

    def videos(self) -> Mapping[str, Video]:
        """Id -> video, those that have a file, in natural order."""
        return self._current().videos

    def opaque(self, video_id: str) -> str:
        """What a video is called in URLs."""
        return self._current().opaque.get(video_id) or self.signer.opaque_id("video", video_id)

    def video(self, opaque: str) -> Video | None:
        """The video that a URL means."""
        shown = self._current()
        return shown.videos.get(shown.video_ids.get(opaque, ""))

    def _current(self) -> "_Shown":
        with self._mutex:
            every = self._footage.facts().videos
            if self._shown is None or self._shown.source is not every:
                videos = {id_: video for id_, video in every.items() if video.media is not None}
                opaque = {id_: self.signer.opaque_id("video", id_) for id_ in videos}
                video_ids = {name: id_ for id_, name in opaque.items()}
                self._shown = _Shown(every, videos, opaque, video_ids)
            return self._shown

    def look_again(self) -> None:
        """Something was written just now: do not wait for the next look."""
        self._footage.look_again()
        self._records.look_again()

    def is_blind(self, video_id: str) -> bool:
        """Whether scores and suggestions of a video are kept back."""
        config = self.dataset.config
        return is_blind(video_id, seed=config.dataset.seed, share=config.annotate.blind_share)

    def curve(self, video_id: str) -> Curve | None:
        """Scores and suggestions, as they may be shown; None: not scored, or blind."""
        if self.is_blind(video_id):
            return None
        return self._curve(video_id, seeded_share=self.dataset.config.annotate.seeded_share)

    def true_curve(self, video_id: str) -> Curve | None:
        """The same of blind videos too, and without false peaks: for the server's own use."""
        return self._curve(video_id, seeded_share=0.0)

    def num_suggestions(self) -> Mapping[str, int]:
        """Video id -> how many suggestions are shown of it; those without any are left out."""
        with self._mutex:
            facts = self._footage.facts()
            if self._counts is None or self._counts[0] is not facts:
                curves = {id_: self.curve(id_) for id_ in facts.index.lines(ScoreTrack)}
                counts = {
                    id_: len(curve.suggestions)
                    for id_, curve in curves.items()
                    if curve is not None and curve.suggestions
                }
                self._counts = (facts, counts)
            return self._counts[1]

    def track(self, video_id: str) -> ScoreTrack | None:
        """The record itself; None: not scored."""
        with self._mutex:
            line = self._footage.facts().index.lines(ScoreTrack).get(video_id)
        if line is None:
            return None
        return parse_record(ScoreTrack, line, path=self.dataset.record_path(ScoreTrack))

    def _curve(self, video_id: str, *, seeded_share: float) -> Curve | None:
        with self._mutex:
            line = self._footage.facts().index.lines(ScoreTrack).get(video_id)
        if line is None:
            return None
        key = (video_id, seeded_share)
        known = self._curves.get(key)
        if known is None or known[0] != line:
            track = parse_record(ScoreTrack, line, path=self.dataset.record_path(ScoreTrack))
            seed = self.dataset.config.dataset.seed
            known = (line, curve_of(track, seed=seed, seeded_share=seeded_share))
            self._curves[key] = known
        return known[1]

    def guideline(self, video: Video) -> tuple[str, str] | None:
        """(category, text): what counts as an event of a video's first category."""
        for name in video.categories:
            if name in self._domain.by_name:
                return name, self._domain.by_name[name].guideline
        if video.is_anomalous is False:
            return None
        return ", ".join(video.categories) or "any abnormal event", self._domain.guideline.strip()

    def imported_clicks(self, video_id: str) -> list[Click]:
        """Clicks that came from outside, in order of time; also those that a person ignored."""
        path = self.dataset.record_path(Click)
        with self._mutex:
            facts = self._records.facts()
            if self._imported is None or self._imported[0] is not facts:
                ids = facts.index.imported_ids(Click)
                lines = newest_lines(path, wanted={id_: id_ for id_ in ids}, unwanted=())
                self._imported = (facts, lines)
            mark = f'"video_id":{orjson.dumps(video_id).decode()}'.encode()
            found = [line for line in self._imported[1].values() if mark in line]
        clicks = [parse_record(Click, line, path=path) for line in found]
        return sorted(clicks, key=lambda click: click.time_seconds)

    def findings(self) -> Mapping[str, tuple[Finding, ...]]:
        """Segment id -> what its texts are suspected of since the last audit."""
        with self._mutex:
            facts = self._records.facts()
            if self._findings is None or self._findings[0] is not facts:
                self._findings = (facts, findings_by_segment(facts.index))
            return self._findings[1]

    def events(self, video_id: str) -> list[Event]:
        """A video's live events without what our pages said of them, in order of time.

        Those that people made on the pages are not among them: the log has these.
        """
        with self._mutex:
            facts = self._records.facts()
            ledger = facts.index.ledger(ANNOTATE_LEDGER)
            made_here = set(ledger.live_record_ids(scope=import_scope(Event)))
            ids = [id_ for id_ in facts.event_ids_of.get(video_id, ()) if id_ not in made_here]
            return [self.as_others_left_it(facts.index, Event, id_) for id_ in ids]

    def facts(self) -> Facts:
        """Look-ups over all records; for one thread at a time (see `reading`)."""
        return self._records.facts()

    @property
    def reading(self) -> threading.RLock:
        """To be held while `facts` is used."""
        return self._mutex

    def as_others_left_it(
        self, index: Index, record_type: type[AnyRecord], record_id: str
    ) -> AnyRecord:
        """A live record with the reviews of others laid over it, but none from our pages.

        Ours are published a moment later than they are made and taken back a moment later than
        they are undone; the pages lay the log itself over this.
        """
        path = self.dataset.record_path(record_type)
        record = parse_record(record_type, index.lines(record_type)[record_id], path=path)
        others = [
            review
            for review in index.reviews(record_type, record_id)
            if not review.id.startswith(OUR_REVIEWS)
        ]
        return lay_over(record, others)
