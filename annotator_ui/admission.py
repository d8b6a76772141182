"""May this act be taken as things stand? What must be remembered with it, or why not."""

from dataclasses import dataclass
from typing import assert_never

from annotator_ui.acts import (
    BoundaryConfirm,
    BoundaryDeed,
    BoundaryDiscard,
    BoundaryMerge,
    BoundarySet,
    BoundarySplit,
    MarkAdd,
    MarkDecide,
    MarkDelete,
    MarkMove,
    Play,
    Redo,
    TextDeed,
    TextEdit,
    TextHallucinated,
    Undo,
    VideoSeen,
    Vote,
)
from annotator_ui.blind import BlindItems, ballot, chosen
from annotator_ui.boundaries import touched_events
from annotator_ui.events_now import EventNow, events_now
from annotator_ui.journal import Context, Draft, Journal, RefusedError, VideoState
from annotator_ui.library import Library
from annotator_ui.media import MediaRoom
from annotator_ui.texts import TextEdits
from annotator_ui.texts_now import texts_now
from schemas import Video

_SLACK_SECONDS = 1.0
"""Browsers and containers differ about where a video ends."""
_CLOCK_SECONDS = 0.001


@dataclass(frozen=True)
class Admission:
    """Judges acts by what the dataset and the log hold."""

    library: Library
    journal: Journal
    media: MediaRoom
    blind: BlindItems

    def __call__(self, draft: Draft, state: VideoState) -> Context:
        """What to remember. Raises `RefusedError`."""
        video = self.library.videos().get(draft.video_id)
        if video is None:
            raise RefusedError(f"the dataset has no video {draft.video_id} any more")
        do = draft.do
        if isinstance(do, BoundaryDeed):
            return self._boundary(do, video, state)
        if isinstance(do, TextDeed):
            return self._text(do, video, state)
        if isinstance(do, Vote | Play):
            return self._vote(do, draft.user, state)
        if isinstance(do, MarkAdd | MarkMove | MarkDelete | MarkDecide):
            self._check_mark(draft, video, state)
        elif isinstance(do, Undo | Redo):
            self._check_own(draft, do.uuid, state)
        elif isinstance(do, VideoSeen) and any(end < start for start, end in do.ranges):
            raise RefusedError("a stretch that was seen ends before it starts")
        return Context()

    def _check_mark(self, draft: Draft, video: Video, state: VideoState) -> None:
        do = draft.do
        if isinstance(do, MarkAdd | MarkMove):
            self._check_place(do, video)
        assert isinstance(do, MarkAdd | MarkMove | MarkDelete | MarkDecide)
        known = state.marks.marks.get(do.mark)
        is_others = known is not None and known.author != draft.user
        if isinstance(do, MarkAdd):
            if is_others:
                raise RefusedError(f"the mark {do.mark} exists, and is somebody else's")
            if do.page == "review":
                _check_reviewer(draft.user, state)
        elif isinstance(do, MarkDecide):
            if is_others or (known is None and not _is_own_past(do.mark, draft.user, state)):
                _check_reviewer(draft.user, state)
        elif is_others:
            raise RefusedError("the mark is somebody else's; ignore it and add your own")

    def _check_place(self, do: MarkAdd | MarkMove, video: Video) -> None:
        plan = self.media.known_plan(video)
        num_frames = video.num_frames if plan is None else len(plan.table)
        if do.frame >= num_frames:
            raise RefusedError(f"frame {do.frame} of {video.id}, which has {num_frames}")
        first = video.start_seconds - _SLACK_SECONDS
        if not first <= do.time_seconds <= video.end_seconds + _SLACK_SECONDS:
            raise RefusedError(f"{do.time_seconds:.3f} s lies outside {video.id}")

    def _check_own(self, draft: Draft, uuid: str, state: VideoState) -> None:
        is_here = any(act.id == uuid for act in state.acts)
        if self.journal.author(uuid) != draft.user or not is_here:
            raise RefusedError(f"there is no act {uuid} of yours on this video")

    def _boundary(self, do: BoundaryDeed, video: Video, state: VideoState) -> Context:
        events = events_now(self.library, video, state.events)
        touched = touched_events(do)
        for key in touched:
            if key not in events:
                raise RefusedError(f"there is no event {key} in {video.id} any more")
        _check_boundary(do, events, video)
        return Context(extents_before={key: events[key].extent for key in touched})

    def _text(self, do: TextDeed, video: Video, state: VideoState) -> Context:
        key = (do.target, do.target_id)
        text = texts_now(self.library, video, state).get(key)
        if text is None:
            raise RefusedError(f"{video.id} has no {do.target} {do.target_id}")
        edits, original = state.texts.get(key, TextEdits()), text.original
        if not isinstance(do, TextEdit | TextHallucinated):
            _check_rev(do.base_rev, edits.rev(original), mine=None, theirs=None)
            return Context(text_before="\n".join(edits.value(name, original) for name in original))
        if do.field not in original:
            raise RefusedError(f"{do.target} {do.target_id} has no field {do.field}")
        now = edits.value(do.field, original)
        mine = do.text if isinstance(do, TextEdit) else None
        _check_rev(do.base_rev, edits.field_rev(do.field, original), mine=mine, theirs=now)
        if isinstance(do, TextHallucinated) and not do.start < do.end <= len(now):
            raise RefusedError(f"characters {do.start}–{do.end} of a text of {len(now)}")
        return Context(text_before=now)

    def _vote(self, do: Vote | Play, user: str, state: VideoState) -> Context:
        item = self.blind.all().get(do.item)
        if item is None:
            raise RefusedError("there is no such item (any more)")
        if isinstance(do, Play):
            return Context()
        if not ballot(state.acts, user, do.item).has_played:
            raise RefusedError("watch the clip once to its end; then votes are open")
        model = chosen(self.blind.order(do.item, user), do.choice)
        if model is None:
            raise RefusedError(f"there is no answer {do.choice}")
        return Context(voted_for=(item.id, model))


def _check_reviewer(user: str, state: VideoState) -> None:
    if state.marks.is_author(user):
        raise RefusedError("you marked this video in the first round; nobody reviews their own")


def _is_own_past(mark: str, user: str, state: VideoState) -> bool:
    """Whether a mark that is gone was the person's own: deciding on it is then without effect."""
    return any(
        isinstance(act.do, MarkAdd) and act.do.mark == mark and act.user == user
        for act in state.acts
    )


def _check_boundary(do: BoundaryDeed, events: dict[str, EventNow], video: Video) -> None:
    start_seconds, end_seconds = events[do.event].extent
    match do:
        case BoundarySet():
            _check_extent(do, events[do.event], video)
        case BoundarySplit():
            if not start_seconds < do.at_seconds < end_seconds:
                raise RefusedError(
                    f"{do.at_seconds:.3f} s is not inside the event, which lasts from "
                    f"{start_seconds:.3f} to {end_seconds:.3f} s"
                )
        case BoundaryMerge():
            if do.event == do.other:
                raise RefusedError("an event cannot be merged with itself")
        case BoundaryConfirm() | BoundaryDiscard():
            return
        case _:
            assert_never(do)


def _check_extent(do: BoundarySet, event: EventNow, video: Video) -> None:
    if not do.start_seconds < do.end_seconds:
        raise RefusedError(
            f"the event would end at {do.end_seconds:.3f} s, before it starts at "
            f"{do.start_seconds:.3f} s"
        )
    first, last = video.start_seconds - _CLOCK_SECONDS, video.end_seconds + _CLOCK_SECONDS
    if do.start_seconds < first or do.end_seconds > last:
        raise RefusedError(
            f"{video.id} lasts from {video.start_seconds:.3f} to {video.end_seconds:.3f} s"
        )
    outside = [
        seconds
        for seconds in event.click_seconds
        if not do.start_seconds - _CLOCK_SECONDS <= seconds <= do.end_seconds + _CLOCK_SECONDS
    ]
    if outside:
        raise RefusedError(
            f"the event's click at {outside[0]:.3f} s would lie outside it; move or delete the "
            "click first"
        )


def _check_rev(base_rev: str, current_rev: str, *, mine: str | None, theirs: str | None) -> None:
    if base_rev != current_rev:
        raise RefusedError(
            "somebody changed this text in the meantime",
            {"mine": mine, "theirs": theirs, "base_rev": base_rev, "current_rev": current_rev},
        )
