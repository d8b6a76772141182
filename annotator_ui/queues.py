"""Who works on what, in which order: the list of videos of one page for one person."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from annotator_ui.agreement import matched
from annotator_ui.blind import ballot
from annotator_ui.journal import VideoState
from annotator_ui.office import Office
from annotator_ui.session import Mark, VideoFold
from annotator_ui.suggestions import Curve
from engine.ids import event_id_of
from schemas import Caption, Event, Summary, Video

Page = Literal["clicks", "boundaries", "text", "review", "blind", "progress"]
Reason = Literal["unsure", "disagreement", "high_score_unmarked", "low_score_mark", "sample"]
REASONS: tuple[Reason, ...] = (
    "unsure",
    "disagreement",
    "high_score_unmarked",
    "low_score_mark",
    "sample",
)
"""In the order in which a reviewer should look."""
NEAR_SECONDS = 5.0
HIGH_SCORE = 0.5
LOW_SCORE_SHARE = 0.25
"""A mark in the lowest quarter of the video's range of scores is a surprise."""
SAMPLE_SHARE = 0.1


def queue(office: Office, user: str, page: Page) -> list[dict[str, object]]:
    """The rows of one page's list."""
    if page == "review":
        return _review_rows(office, user)
    if page == "boundaries":
        return list(_boundary_rows(office, user))
    if page == "text":
        return list(_text_rows(office, user))
    if page == "blind":
        return list(_blind_rows(office, user))
    return list(_click_rows(office, user))


def _click_rows(office: Office, user: str) -> Iterator[dict[str, object]]:
    assigned = office.rota.videos_of(user, round=1)
    rows = _Rows.of(office, user)
    for video in rows.videos():
        if assigned is None or video.id in assigned:
            row = rows.row(video)
            yield row | {"is_mine": assigned is not None or row["is_mine"]}


@dataclass(frozen=True)
class _Rows:
    """Makes rows of one person's list; what all rows need is looked up once."""

    office: Office
    user: str
    touched: frozenset[str]
    """Videos on which anybody did anything: the others all look alike."""
    held: set[str]
    num_suggestions: Mapping[str, int]

    @classmethod
    def of(cls, office: Office, user: str) -> "_Rows":
        held = office.leases.held_by_others(user) - office.rota.shared(round=1)
        touched = frozenset(office.journal.video_ids())
        return cls(office, user, touched, held, office.library.num_suggestions())

    def videos(self) -> Iterable[Video]:
        return self.office.library.videos().values()

    def row(self, video: Video, *, state: str | None = None) -> dict[str, object]:
        """`state`: on the page; None: how far the person is with the clicks."""
        fold = self.office.journal.state(video.id).marks if video.id in self.touched else _UNTOUCHED
        mine, session = fold.marks_of(self.user), fold.session(self.user)
        num_unsure = sum(mark.state == "unsure" for mark in mine) + len(session.unsure)
        return {
            "id": self.office.library.opaque(video.id),
            "name": video.id,
            "state": state or session.state,
            "num_marks": len(mine),
            "num_suggestions": self.num_suggestions.get(video.id, 0),
            "num_unsure": num_unsure,
            "duration_seconds": round(video.duration_seconds, 3),
            "is_leased_by_other": video.id in self.held,
            "is_mine": self.user in fold.sessions,
            "reason": None,
        }


_UNTOUCHED = VideoFold({}, {}, {})


def _boundary_rows(office: Office, user: str) -> Iterator[dict[str, object]]:
    counts, rows = _event_counts(office), _Rows.of(office, user)
    for video in rows.videos():
        num_events, num_open = counts.get(video.id, (0, 0))
        if num_events or video.id in rows.touched:
            state = "done" if num_events and not num_open else "todo"
            yield rows.row(video, state=state) | {"num_items": num_events}


def _event_counts(office: Office) -> dict[str, tuple[int, int]]:
    """Video id -> events, and how many of them nobody confirmed."""
    found: dict[str, tuple[int, int]] = {}
    with office.library.reading:
        index = office.library.facts().index
        reviewed = index.reviewed_ids(Event)
        for event_id, line in index.lines(Event).items():
            video_id = event_id.rpartition("_E")[0]
            is_open = b'"is_confirmed":false' in line and event_id not in reviewed
            num_events, num_open = found.get(video_id, (0, 0))
            found[video_id] = (num_events + 1, num_open + is_open)
    return found


def _text_rows(office: Office, user: str) -> Iterator[dict[str, object]]:
    counts, rows = _text_counts(office), _Rows.of(office, user)
    findings = chain.from_iterable(office.library.findings().values())
    num_findings = Counter(one.video_id for one in findings)
    for video in rows.videos():
        num_texts = counts.get(video.id, 0)
        if num_texts:
            num_open = max(0, num_texts - _num_texts_done(office, video, rows.touched))
            state = "todo" if num_open else "done"
            row = rows.row(video, state=state)
            yield row | {"num_items": num_open, "num_findings": num_findings.get(video.id, 0)}


def _num_texts_done(office: Office, video: Video, touched: frozenset[str]) -> int:
    if video.id not in touched:
        return 0
    texts = office.journal.state(video.id).texts.items()
    return sum(
        text.verdict is not None or bool(text.edits)
        for (target, _), text in texts
        if target != "instruction"
    )


def _text_counts(office: Office) -> dict[str, int]:
    """Video id -> captions and summaries."""
    found: dict[str, int] = {}
    with office.library.reading:
        index = office.library.facts().index
        ids = [*index.lines(Caption), *index.lines(Summary)]
    for segment_id in ids:
        event_id = event_id_of(segment_id)
        video_id = segment_id if event_id is None else event_id.rpartition("_E")[0]
        found[video_id] = found.get(video_id, 0) + 1
    return found


def _blind_rows(office: Office, user: str) -> Iterator[dict[str, object]]:
    """Items under numbers: the name of a video may tell its label."""
    videos = office.library.videos()
    for number, (opaque, item) in enumerate(office.blind.all().items(), start=1):
        if item.video_id in videos:
            said = ballot(office.journal.state(item.video_id).acts, user, opaque)
            yield {
                "id": opaque,
                "name": f"Item {number}",
                "state": "done" if said.is_complete else "todo",
                "duration_seconds": round(item.end_seconds - item.start_seconds, 3),
                "is_leased_by_other": False,
                "is_mine": True,
                "reason": None,
            }


@dataclass(frozen=True)
class _Work:
    """What the first round left of one video."""

    video: Video
    state: VideoState
    marks: Mapping[str, list[Mark]]
    """By author."""
    curve: Curve | None


def _review_rows(office: Office, user: str) -> list[dict[str, object]]:
    """Videos that somebody else did, those first about which there is a doubt."""
    assigned, makes = office.rota.videos_of(user, round=2), _Rows.of(office, user)
    rows = []
    for video in makes.videos():
        if assigned is not None and video.id not in assigned:
            continue
        state = office.journal.state(video.id)
        if state.marks.is_author(user) or not _has_work(office, video, state):
            continue
        reason = _reason(_work(office, video, state))
        row = makes.row(video) | {"is_mine": True}
        rows.append(row | {"reason": reason, "num_marks": len(state.marks.marks)})
    rows.sort(key=_urgency)
    return rows


def _urgency(row: Mapping[str, object]) -> int:
    return next((n for n, reason in enumerate(REASONS) if reason == row["reason"]), len(REASONS))


def _has_work(office: Office, video: Video, state: VideoState) -> bool:
    is_done = any(
        session.has_marked or session.state != "todo" for session in state.marks.sessions.values()
    )
    return is_done or bool(office.library.imported_clicks(video.id))


def _work(office: Office, video: Video, state: VideoState) -> _Work:
    by_author: dict[str, list[Mark]] = {}
    for mark in state.marks.marks.values():
        if not mark.is_added_in_review:
            by_author.setdefault(mark.author, []).append(mark)
    return _Work(video, state, by_author, office.library.true_curve(video.id))


def _reason(work: _Work) -> Reason | None:
    """The first reason that holds."""
    sessions = work.state.marks.sessions.values()
    marks = [mark for found in work.marks.values() for mark in found]
    if any(session.state == "unsure" or session.unsure for session in sessions) or any(
        mark.own_state == "unsure" for mark in marks
    ):
        return "unsure"
    if _disagree(work):
        return "disagreement"
    if work.curve is not None and _has_unmarked_peak(work.curve, marks):
        return "high_score_unmarked"
    if work.curve is not None and _has_low_mark(work.curve, marks):
        return "low_score_mark"
    key = hashlib.sha256(f"sample/{work.video.id}".encode()).digest()
    return "sample" if int.from_bytes(key[:4]) < SAMPLE_SHARE * 2**32 else None


def _disagree(work: _Work) -> bool:
    """Whether two people marked different moments; who saw nothing has marked none."""
    authors = [user for user in work.state.marks.sessions if work.state.marks.is_author(user)]
    times = [[mark.time_seconds for mark in work.marks.get(user, ())] for user in authors]
    return any(
        len(matched(one, other)) < max(len(one), len(other))
        for place, one in enumerate(times)
        for other in times[place + 1 :]
    )


def _has_unmarked_peak(curve: Curve, marks: list[Mark]) -> bool:
    return any(
        peak.score >= HIGH_SCORE
        and all(abs(mark.time_seconds - peak.time_seconds) > NEAR_SECONDS for mark in marks)
        for peak in curve.suggestions
    )


def _has_low_mark(curve: Curve, marks: list[Mark]) -> bool:
    if not curve.values:
        return False
    low, high = min(curve.values), max(curve.values)
    limit = low + LOW_SCORE_SHARE * (high - low)
    return high > low and any(curve.value_at(mark.time_seconds) < limit for mark in marks)
