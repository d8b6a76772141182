"""All acts of a dataset: in memory by video, on disk in `annotations.jsonl`, one line each.

Acknowledged means on disk: `submit` returns after the lines were written and synced. Acts of
several requests share one sync. When the disk fails nothing of the batch counts, in memory or on
disk; the browsers still have it and send it again.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from annotator_ui.acts import Act, Deed, VideoSeen
from annotator_ui.boundaries import EventEdits, fold_boundaries
from annotator_ui.session import VideoFold, fold, standing
from annotator_ui.texts import TextEdits, TextKey, fold_texts
from engine.errors import ServiceError
from engine.intervals import merge_overlapping
from engine.store import JsonlWriter, dump_line, parse_record, read_lines

logger = logging.getLogger(__name__)

LOG_NAME = "annotations.jsonl"
_LOOK_SECONDS = 60.0


class RefusedError(Exception):
    """An act cannot be taken; the person is told why, and what it conflicts with."""

    def __init__(self, why: str, conflict: dict[str, object] | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.conflict = conflict


@dataclass(frozen=True)
class Draft:
    """What one person's browser sent, checked for its form."""

    id: str
    user: str
    video_id: str
    client_time: str | float | None
    do: Deed


@dataclass(frozen=True)
class Context:
    """What must be remembered about the state of things just before an act."""

    extents_before: dict[str, tuple[float, float]] = field(default_factory=dict)
    text_before: str | None = None
    voted_for: tuple[str, str] | None = None


@dataclass(frozen=True)
class VideoState:
    """One video's acts and what stands after them."""

    acts: tuple[Act, ...]
    marks: VideoFold
    events: EventEdits
    texts: dict[TextKey, TextEdits]


Admit = Callable[[Draft, VideoState], Context]
"""Raises `RefusedError` for an act that cannot be taken as things stand."""


@dataclass
class Journal:
    """The only writer of the log while it is open."""

    path: Path
    on_change: Callable[[str], None] = lambda _video_id: None
    """Told the id of each video of which something new is on disk."""
    _acts: dict[str, list[Act]] = field(default_factory=lambda: defaultdict(list))
    _authors: dict[str, str] = field(default_factory=dict)
    """Act id -> who did it."""
    _states: dict[str, VideoState] = field(default_factory=dict)
    _pending: list[Act] = field(default_factory=list)
    _num_enqueued: int = 0
    _num_flushed: int = 0
    _lost: set[int] = field(default_factory=set)
    _is_broken: bool = False
    _mutex: threading.RLock = field(default_factory=threading.RLock)
    """Guards what is in memory; held for microseconds."""
    _disk: threading.Lock = field(default_factory=threading.Lock)
    """Held while a batch is written; who waits for it finds its own acts written, mostly."""
    _writer: JsonlWriter = field(init=False)

    def __post_init__(self) -> None:
        self._writer = JsonlWriter(self.path)

    def __enter__(self) -> "Journal":
        self._writer.__enter__()
        self._load()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._writer.__exit__(None, None, None)

    def _load(self) -> None:
        self._acts, self._states = defaultdict(list), {}
        self._authors, self._pending = {}, []
        for act in read_acts(self.path):
            self._remember(act)

    def _remember(self, act: Act) -> None:
        self._authors[act.id] = act.user
        acts = self._acts[act.video_id]
        together = _seen_together(acts[-1], act) if acts else None
        if together is None:
            acts.append(act)
        else:
            acts[-1] = together
        self._states.pop(act.video_id, None)

    def video_ids(self) -> list[str]:
        """Videos on which anybody did anything."""
        with self._mutex:
            return list(self._acts)

    def state(self, video_id: str) -> VideoState:
        """What stands on one video."""
        with self._mutex:
            known = self._states.get(video_id)
            if known is None:
                known = state_after(tuple(self._acts.get(video_id, ())))
                self._states[video_id] = known
            return known

    def author(self, act_id: str) -> str | None:
        """Who did an act; None: there is no such act."""
        with self._mutex:
            return self._authors.get(act_id)

    def submit(
        self, drafts: Sequence[Draft], admit: Admit
    ) -> tuple[list[str], list[tuple[str, RefusedError]]]:
        """(acknowledged ids, refused ids with their reasons); the acknowledged ones are on disk.

        An id that is known already, from the same person, is acknowledged and written only once.
        Raises `ServiceError` where the disk fails; then none of the batch counts.
        """
        acknowledged: list[str] = []
        refused: list[tuple[str, RefusedError]] = []
        with self._mutex:
            self._refuse_if_broken()
            changed = []
            for draft in drafts:
                try:
                    if self._take(draft, admit):
                        changed.append(draft.video_id)
                    acknowledged.append(draft.id)
                except RefusedError as error:
                    refused.append((draft.id, error))
            self._num_enqueued += 1
            ticket = self._num_enqueued
        self._flush(ticket)
        for video_id in dict.fromkeys(changed):
            self.on_change(video_id)
        return acknowledged, refused

    def _take(self, draft: Draft, admit: Admit) -> bool:
        """Whether the act was new."""
        author = self._authors.get(draft.id)
        if author == draft.user:
            return False
        if author is not None:
            raise RefusedError(f"the id {draft.id} was used before, by somebody else")
        context = admit(draft, self.state(draft.video_id))
        act = Act(
            id=draft.id,
            user=draft.user,
            video_id=draft.video_id,
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            client_time=draft.client_time,
            do=draft.do,
            extents_before=context.extents_before,
            text_before=context.text_before,
            voted_for=context.voted_for,
        )
        self._remember(act)
        self._pending.append(act)
        return True

    def _flush(self, ticket: int) -> None:
        """Return when everything up to this ticket is on disk."""
        with self._disk:
            if ticket in self._lost:
                self._lost.discard(ticket)
                raise ServiceError("the disk failed; nothing of this was kept, send it again")
            if ticket <= self._num_flushed:
                return
            with self._mutex:
                batch, self._pending = self._pending, []
                last = self._num_enqueued
            try:
                self._write(batch)
            except ServiceError:
                self._forget(ticket, last)
                raise
            self._num_flushed = last

    def _write(self, batch: Sequence[Act]) -> None:
        if not batch:
            return
        self._writer.append(dump_line(act) for act in batch)
        try:
            self._writer.sync()
        except ServiceError:
            # What the kernel kept of it is unknown and cannot be asked: only a restart can tell.
            self._is_broken = True
            raise

    def _forget(self, ticket: int, last: int) -> None:
        """After a failure, memory says what the file says; requests that still wait are told.

        That is also true of acts that came while the disk was failing: they were judged by a
        state that is no more.
        """
        with self._mutex:
            last = max(last, self._num_enqueued)
            self._lost.update(number for number in range(self._num_flushed + 1, last + 1))
            self._lost.discard(ticket)
            self._num_flushed = last
            self._load()

    def _refuse_if_broken(self) -> None:
        if self._is_broken:
            raise ServiceError(
                f"{self.path} could not be synced to its disk, so nothing more is taken; check "
                "the disk, then start the server anew: browsers keep what is unsaved"
            )


def _seen_together(before: Act, act: Act) -> Act | None:
    """Two looks of one person within a minute as one, under the first's id; None: something else.

    Pages report what was seen every five seconds: most acts by far, and nobody undoes one.
    """
    are_looks = isinstance(before.do, VideoSeen) and isinstance(act.do, VideoSeen)
    if not are_looks or before.user != act.user:
        return None
    assert isinstance(before.do, VideoSeen)
    assert isinstance(act.do, VideoSeen)
    seconds = datetime.fromisoformat(act.at) - datetime.fromisoformat(before.at)
    if seconds.total_seconds() > _LOOK_SECONDS:
        return None
    ranges = tuple(merge_overlapping([*before.do.ranges, *act.do.ranges]))
    return before.model_copy(update={"do": VideoSeen(ranges=ranges)})


def read_acts(path: Path) -> list[Act]:
    """All acts of a log, each once, in order; whoever writes it may be at work meanwhile."""
    newest: dict[str, Act] = {}
    for line in read_lines(path):
        act = parse_record(Act, line, path=path)
        newest.setdefault(act.id, act)
    return list(newest.values())


def read_states(path: Path) -> dict[str, VideoState]:
    """Video id -> what stands on it, read from a log by who is not its writer."""
    by_video: dict[str, list[Act]] = defaultdict(list)
    for act in read_acts(path):
        by_video[act.video_id].append(act)
    return {video_id: state_after(tuple(acts)) for video_id, acts in by_video.items()}


def state_after(acts: tuple[Act, ...]) -> VideoState:
    """What stands after acts on one video."""
    counting = standing(acts)
    return VideoState(acts, fold(acts), fold_boundaries(counting), fold_texts(counting))
