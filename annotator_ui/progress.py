"""How far everybody is, how it went, how well people agree: figures from the log alone."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from statistics import median

from annotator_ui.acts import Act, MarkAdd, SuggestionReject, SuggestionUnsure
from annotator_ui.agreement import Agreement, Doubled, agreement_of
from annotator_ui.boundaries import fold_boundaries
from annotator_ui.journal import Journal, VideoState
from annotator_ui.session import Mark, VideoFold, standing
from engine.intervals import Interval
from schemas import Video

PAUSE_SECONDS = 120.0
"""A longer gap between two acts is a break, and counts as this much at most."""
MOST_DECISION_SECONDS = 60.0
"""A decision that took longer was interrupted, and says nothing about its maker."""
_DONE = ("done", "nothing", "unsure", "flagged")


@dataclass
class _Person:
    num_done: int = 0
    num_marks: int = 0
    num_accepted: int = 0
    num_rejected: int = 0
    seconds_spent: float = 0.0
    seen_seconds: float = 0.0
    video_seconds: float = 0.0
    decisions: list[float] = field(default_factory=list)

    def wire(self, name: str, num_assigned: int | None) -> dict[str, object]:
        num_decided = self.num_accepted + self.num_rejected
        return {
            "name": name,
            "videos_done": self.num_done,
            "videos_assigned": num_assigned,
            "num_marks": self.num_marks,
            "seconds_spent": round(self.seconds_spent, 1),
            "seen_share": _share(self.seen_seconds, self.video_seconds),
            "num_accepted": self.num_accepted,
            "num_rejected": self.num_rejected,
            "accept_rate": _share(self.num_accepted, num_decided),
            "median_decision_seconds": median(self.decisions) if self.decisions else None,
        }


def progress(
    journal: Journal,
    videos: Sequence[Video],
    *,
    assigned: dict[str, int] | None,
    names: Iterable[str] = (),
) -> dict[str, object]:
    """`{annotators, videos, agreement, agreement_num_videos}` as the page shows them.

    `assigned` maps annotators to how many videos they have in the first round; None: nothing was
    assigned. `names` are people who are listed though they did nothing yet.
    """
    people: dict[str, _Person] = defaultdict(_Person)
    for name in (*names, *(assigned or ())):
        people[name]
    rows = [_video_row(video, journal.state(video.id), people) for video in videos]
    agreement = agreement_in(videos, {video.id: journal.state(video.id) for video in videos})
    return {
        "annotators": [
            person.wire(name, None if assigned is None else assigned.get(name, 0))
            for name, person in sorted(people.items())
        ],
        "videos": rows,
        "agreement": _agreement_wire(agreement),
        "agreement_num_videos": agreement.num_videos,
    }


def _agreement_wire(found: Agreement) -> dict[str, object] | None:
    if found.f1 is None and found.boundary_tiou is None:
        return None
    return {
        "num_videos": found.num_videos,
        "precision": found.precision,
        "recall": found.recall,
        "f1": found.f1,
        "kappa": found.kappa,
        "tiou": found.boundary_tiou,
    }


def _video_row(video: Video, state: VideoState, people: dict[str, _Person]) -> dict[str, object]:
    by_user: dict[str, list[Act]] = defaultdict(list)
    for act in state.acts:
        by_user[act.user].append(act)
    spent = {user: time_spent(acts) for user, acts in by_user.items()}
    for user, acts in by_user.items():
        _count(people[user], video, state.marks, acts, user)
        people[user].seconds_spent += spent[user]
    sessions = state.marks.sessions
    seen = max((_length(session.seen) for session in sessions.values()), default=0.0)
    return {
        "name": video.id,
        "state": _state_of(state.marks),
        "annotators": sorted(by_user),
        "num_marks": len(state.marks.marks),
        "seen_share": _share(seen, video.duration_seconds),
        "seconds_spent": round(sum(spent.values()), 1),
        "duration_seconds": video.duration_seconds,
    }


def _count(person: _Person, video: Video, marks: VideoFold, acts: Sequence[Act], user: str) -> None:
    session = marks.session(user)
    counting = standing(acts)
    person.num_done += session.state in _DONE
    person.num_marks += len(marks.marks_of(user))
    person.num_accepted += sum(
        isinstance(act.do, MarkAdd) and act.do.source == "model_accepted" for act in counting
    )
    person.num_rejected += sum(isinstance(act.do, SuggestionReject) for act in counting)
    person.seen_seconds += min(_length(session.seen), video.duration_seconds)
    person.video_seconds += video.duration_seconds
    person.decisions += decision_times(acts)


def _state_of(marks: VideoFold) -> str:
    """The least settled of what people say of a video."""
    said = {session.state for session in marks.sessions.values()}
    order = ("flagged", "unsure", "done", "nothing")
    return next((state for state in order if state in said), "todo")


def time_spent(acts: Sequence[Act]) -> float:
    """Seconds at work on one video: gaps between acts, long ones cut short."""
    times = [datetime.fromisoformat(act.at).timestamp() for act in acts]
    gaps = (after - before for before, after in pairwise(times))
    return sum(min(max(gap, 0.0), PAUSE_SECONDS) for gap in gaps)


def decision_times(acts: Sequence[Act]) -> list[float]:
    """Seconds from the act before to each decision about a suggestion."""
    found = []
    for before, act in pairwise(acts):
        is_decision = isinstance(act.do, SuggestionReject | SuggestionUnsure) or (
            isinstance(act.do, MarkAdd) and act.do.suggestion is not None
        )
        seconds = _seconds_between(before, act)
        if is_decision and 0 <= seconds <= MOST_DECISION_SECONDS:
            found.append(seconds)
    return found


def _seconds_between(before: Act, after: Act) -> float:
    return (datetime.fromisoformat(after.at) - datetime.fromisoformat(before.at)).total_seconds()


def agreement_in(videos: Iterable[Video], states: Mapping[str, VideoState]) -> Agreement:
    """How well two people agree, over videos that two did in the first round."""
    doubled: list[Doubled] = []
    boundaries: list[tuple[Interval, Interval]] = []
    for video in videos:
        state = states.get(video.id)
        if state is None:
            continue
        people = _who_finished(state.marks)
        if len(people) > 1:
            ones, others = (_times(state.marks.marks_of(name), video) for name in people[:2])
            doubled.append(Doubled(video.duration_seconds, ones, others))
        boundaries += _boundaries_set_twice(state)
    return agreement_of(doubled, boundaries)


def _who_finished(marks: VideoFold) -> list[str]:
    return sorted(
        user
        for user, session in marks.sessions.items()
        if marks.is_author(user) and session.state in _DONE
    )


def _times(marks: Sequence[Mark], video: Video) -> tuple[float, ...]:
    """As the author left them, whatever review said later."""
    return tuple(
        mark.time_seconds - video.start_seconds
        for mark in marks
        if mark.own_state != "ignored" and not mark.is_added_in_review
    )


def _boundaries_set_twice(state: VideoState) -> list[tuple[Interval, Interval]]:
    """The extents that the first two people gave the same event."""
    by_event: dict[str, list[Interval]] = defaultdict(list)
    for user in sorted({act.user for act in state.acts}):
        own = [act for act in standing(state.acts) if act.user == user]
        for event, extent in fold_boundaries(own).extents.items():
            by_event[event].append(extent)
    return [(found[0], found[1]) for found in by_event.values() if len(found) > 1]


def _length(intervals: Iterable[Interval]) -> float:
    return sum(end - start for start, end in intervals)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
