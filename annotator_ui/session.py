"""Acts on one video in, in order; what stands after them out. Pure: the log is the only truth."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from annotator_ui.acts import (
    Act,
    MarkAdd,
    MarkDecide,
    MarkDelete,
    MarkMove,
    MarkState,
    Play,
    Redo,
    SuggestionReject,
    SuggestionUnsure,
    Undo,
    VideoDecide,
    VideoSeen,
    VideoStateWord,
)
from engine.intervals import Interval, merge_overlapping

StandingState = Literal["confirmed", "ignored", "unsure", "added_in_review"]


@dataclass(frozen=True)
class Mark:
    """One click, as it stands."""

    mark: str
    author: str
    frame: int
    time_seconds: float
    is_live: bool
    source: Literal["human", "model_accepted", "model_moved"]
    suggestion: str | None
    is_added_in_review: bool
    own_state: MarkState = "confirmed"
    review_state: MarkState | None = None
    """What the second round said; None: nothing yet."""
    reviewer: str | None = None

    @property
    def state(self) -> StandingState:
        """The reviewer's word, else the author's own."""
        said = self.review_state or self.own_state
        return "added_in_review" if self.is_added_in_review and said == "confirmed" else said


@dataclass(frozen=True)
class Session:
    """One person's work on one video."""

    state: VideoStateWord = "todo"
    rejected: frozenset[str] = frozenset()
    """Suggestions."""
    unsure: frozenset[str] = frozenset()
    """Suggestions."""
    seen: tuple[Interval, ...] = ()
    """Sorted, disjoint."""
    has_marked: bool = False
    """Whether the person ever made a mark here in the first round, be it that it is gone."""


@dataclass(frozen=True)
class VideoFold:
    """What all people together say of one video."""

    marks: Mapping[str, Mark]
    sessions: Mapping[str, Session]
    """By person."""
    verdicts: Mapping[str, MarkState]
    """On clicks that nobody made here, by their ids: imported ones."""

    def session(self, user: str) -> Session:
        """A person's work; that of one who did nothing yet is empty."""
        return self.sessions.get(user, Session())

    def marks_of(self, user: str) -> list[Mark]:
        """A person's own marks, in order of time."""
        return sorted((m for m in self.marks.values() if m.author == user), key=_place)

    def marks_of_others(self, user: str) -> list[Mark]:
        """What this person may review, in order of time."""
        return sorted((m for m in self.marks.values() if m.author != user), key=_place)

    def is_author(self, user: str) -> bool:
        """Whether this person worked on the video in the first round."""
        return self.session(user).has_marked or any(
            mark.author == user and not mark.is_added_in_review for mark in self.marks.values()
        )


def _place(mark: Mark) -> tuple[float, str]:
    return mark.time_seconds, mark.mark


def standing(acts: Sequence[Act]) -> list[Act]:
    """The acts that count: no undo or redo, and nothing that its own author undid."""
    undone: set[tuple[str, str]] = set()
    for act in acts:
        if isinstance(act.do, Undo):
            undone.add((act.user, act.do.uuid))
        elif isinstance(act.do, Redo):
            undone.discard((act.user, act.do.uuid))
    return [
        act
        for act in acts
        if not isinstance(act.do, Undo | Redo) and (act.user, act.id) not in undone
    ]


def fold(acts: Sequence[Act]) -> VideoFold:
    """What stands after acts on one video, which come in the order of the log."""
    folding = _Folding()
    for act in standing(acts):
        folding.take(act)
    sessions = {user: made.session() for user, made in folding.people.items()}
    return VideoFold(marks=folding.marks, sessions=sessions, verdicts=folding.verdicts)


@dataclass
class _Person:
    state: VideoStateWord = "todo"
    rejected: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    seen: list[Interval] = field(default_factory=list)
    has_marked: bool = False

    def session(self) -> Session:
        return Session(
            state=self.state,
            rejected=frozenset(self.rejected),
            unsure=frozenset(self.unsure),
            seen=tuple(merge_overlapping(self.seen)),
            has_marked=self.has_marked,
        )


@dataclass
class _Folding:
    marks: dict[str, Mark] = field(default_factory=dict)
    people: dict[str, _Person] = field(default_factory=dict)
    verdicts: dict[str, MarkState] = field(default_factory=dict)

    def take(self, act: Act) -> None:
        person = self.people.setdefault(act.user, _Person())
        match act.do:
            case MarkAdd() | MarkMove() | MarkDelete() | MarkDecide():
                self._take_mark(act)
            case SuggestionReject(suggestion=suggestion):
                person.rejected.add(suggestion)
                person.unsure.discard(suggestion)
            case SuggestionUnsure(suggestion=suggestion):
                person.unsure.add(suggestion)
                person.rejected.discard(suggestion)
            case VideoDecide(state=state):
                person.state = state
                person.has_marked |= state == "nothing"
            case VideoSeen(ranges=ranges):
                person.seen.extend(ranges)

    def _take_mark(self, act: Act) -> None:
        do = act.do
        if isinstance(do, MarkAdd):
            self._add(act.user, do)
            return
        assert isinstance(do, MarkMove | MarkDelete | MarkDecide)
        mark = self.marks.get(do.mark)
        if mark is None:
            if isinstance(do, MarkDecide):
                self.verdicts[do.mark] = do.state
            return
        is_own = mark.author == act.user
        if isinstance(do, MarkDecide):
            self.marks[do.mark] = _decided(mark, act.user, do.state)
        elif is_own and isinstance(do, MarkDelete):
            del self.marks[do.mark]
        elif is_own and isinstance(do, MarkMove):
            self.marks[do.mark] = _moved(mark, do)

    def _add(self, user: str, do: MarkAdd) -> None:
        if do.mark in self.marks:
            return
        self.marks[do.mark] = Mark(
            mark=do.mark,
            author=user,
            frame=do.frame,
            time_seconds=do.time_seconds,
            is_live=do.is_live,
            source=do.source,
            suggestion=do.suggestion,
            is_added_in_review=do.page == "review",
        )
        self.people[user].has_marked |= do.page == "clicks"
        if do.suggestion is not None:
            self.people[user].unsure.discard(do.suggestion)
            self.people[user].rejected.discard(do.suggestion)


def _decided(mark: Mark, user: str, state: MarkState) -> Mark:
    if user == mark.author:
        return replace(mark, own_state=state)
    return replace(mark, review_state=state, reviewer=user)


def _moved(mark: Mark, do: MarkMove) -> Mark:
    """A moved mark was placed on a still picture; a suggestion that was moved is no longer one."""
    source = "model_moved" if mark.source == "model_accepted" else mark.source
    return replace(mark, frame=do.frame, time_seconds=do.time_seconds, source=source, is_live=False)


def history(acts: Iterable[Act], user: str) -> Iterator[Act]:
    """A person's own acts that the page folds again; what was seen comes as ranges instead."""
    return (act for act in acts if act.user == user and not isinstance(act.do, VideoSeen | Play))
