"""Who does which video in which round: balanced by duration, some done twice, never one's own.

Assignments are lines of `assignments.jsonl`; the newest of a video and round counts.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from annotator_ui.accounts import Accounts
from annotator_ui.journal import LOG_NAME, VideoState, read_states
from engine.dataset import Dataset
from engine.errors import UsageError
from engine.index import Index
from engine.joins.facts import Facts
from engine.stamps import FileState, state_of
from engine.store import JsonlWriter, dump_line, parse_record, read_lines
from schemas import Video
from schemas.base import Id, Record

ASSIGNMENTS_NAME = "assignments.jsonl"
_WAIT_SECONDS = 10.0


class Assignment(Record):
    """Who is to do a video in a round; id `r{round}:{video_id}`."""

    round: int
    video_id: Id
    annotators: tuple[Id, ...]
    """Two where agreement is to be measured: neither sees the other's marks."""


@dataclass(frozen=True)
class Division:
    """How work was divided."""

    assignments: tuple[Assignment, ...]
    """The new ones."""
    seconds: Mapping[str, float]
    """Annotator -> seconds of video in this round, earlier assignments included."""
    num_double: int
    """Of the new ones: given to two."""


@dataclass(frozen=True)
class Task:
    """What is to be divided."""

    videos: Sequence[Video]
    annotators: Sequence[str]
    round: int
    overlap: float
    """Share of the videos that two do."""
    authors: Mapping[str, frozenset[str]]
    """Video id -> who worked on it in the first round."""
    earlier: Sequence[Assignment]
    seed: int


def divide(task: Task) -> Division:
    """Give every video that has none in this round to who has least so far, the longest first.

    Raises `UsageError` where there are too few annotators for the overlap or for the second
    round, in which nobody gets a video of their own.
    """
    if not task.annotators:
        raise UsageError("nobody to assign to; add people with `vau-data annotators add NAME`")
    if task.overlap > 0 and len(task.annotators) < 2:
        raise UsageError(f"an overlap of {task.overlap:.0%} needs two annotators; there is one")
    load = _load_so_far(task)
    taken = {one.video_id for one in task.earlier if one.round == task.round and one.annotators}
    waiting = [video for video in task.videos if video.id not in taken]
    double = _drawn(waiting, share=task.overlap, seed=task.seed)
    made = []
    for video in sorted(waiting, key=lambda video: (-video.duration_seconds, video.id)):
        who = _chosen(task, video, load, num_wanted=2 if video.id in double else 1)
        for name in who:
            load[name] += video.duration_seconds
        id_ = f"r{task.round}:{video.id}"
        made.append(Assignment(id=id_, round=task.round, video_id=video.id, annotators=who))
    order = {video.id: place for place, video in enumerate(task.videos)}
    made.sort(key=lambda one: order[one.video_id])
    num_double = sum(len(one.annotators) > 1 for one in made)
    return Division(tuple(made), {name: load[name] for name in task.annotators}, num_double)


def _load_so_far(task: Task) -> dict[str, float]:
    length = {video.id: video.duration_seconds for video in task.videos}
    load: dict[str, float] = defaultdict(float)
    for one in task.earlier:
        if one.round == task.round:
            for name in one.annotators:
                load[name] += length.get(one.video_id, 0.0)
    return load


def _chosen(
    task: Task, video: Video, load: Mapping[str, float], *, num_wanted: int
) -> tuple[str, ...]:
    authors = task.authors.get(video.id, frozenset()) if task.round > 1 else frozenset()
    able = [name for name in task.annotators if name not in authors]
    if not able:
        raise UsageError(
            f"nobody can review {video.id}: {', '.join(sorted(authors))} marked it, and nobody "
            "reviews their own; name another annotator"
        )
    able.sort(key=lambda name: (load[name], _shuffled(f"{task.seed}/{video.id}/{name}")))
    return tuple(able[:num_wanted])


def _drawn(videos: Sequence[Video], *, share: float, seed: int) -> set[str]:
    """A fixed share of the videos, at random, the same for the same seed."""
    order = sorted(videos, key=lambda video: _shuffled(f"double/{seed}/{video.id}"))
    return {video.id for video in order[: round(share * len(order))]}


def _shuffled(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def authors_in(states: Mapping[str, VideoState]) -> dict[str, frozenset[str]]:
    """Video id -> who worked on it in the first round."""
    found = {}
    for video_id, state in states.items():
        marks = state.marks
        found[video_id] = frozenset(user for user in marks.sessions if marks.is_author(user))
    return found


def plan_assignments(
    dataset: Dataset, annotators: Sequence[str], *, round: int, overlap: float
) -> Division:
    """Divide a dataset's videos; `annotators` empty: all that have accounts.

    In the second round only videos that somebody marked are divided. Raises `UsageError` for
    names without an account, and as `divide` does.
    """
    accounts = Accounts.of(dataset).all()
    unknown = [name for name in annotators if accounts and name not in accounts]
    if unknown:
        raise UsageError(
            f"no annotator is called {', '.join(unknown)} (there are: {', '.join(accounts)}); add "
            "them with `vau-data annotators add NAME`"
        )
    authors = authors_in(read_states(dataset.dir_path / LOG_NAME))
    videos = [video for video in Facts(Index(dataset)).videos.values() if video.media is not None]
    if round > 1:
        videos = [video for video in videos if authors.get(video.id)]
    task = Task(
        videos=videos,
        annotators=annotators or list(accounts),
        round=round,
        overlap=overlap,
        authors=authors,
        earlier=read_assignments(dataset),
        seed=dataset.config.dataset.seed,
    )
    return divide(task)


def read_assignments(dataset: Dataset) -> list[Assignment]:
    """The newest of every round and video."""
    path = dataset.dir_path / ASSIGNMENTS_NAME
    newest: dict[str, Assignment] = {}
    for line in read_lines(path):
        assignment = parse_record(Assignment, line, path=path)
        newest[assignment.id] = assignment
    return list(newest.values())


def write_assignments(dataset: Dataset, assignments: Sequence[Assignment]) -> None:
    """Append; a server that runs sees them at once."""
    with JsonlWriter(dataset.dir_path / ASSIGNMENTS_NAME, wait_seconds=_WAIT_SECONDS) as writer:
        writer.append(dump_line(one) for one in assignments)
        writer.sync()


@dataclass
class Rota:
    """The assignments of a dataset as a server looks them up; read anew when they change."""

    dataset: Dataset
    _state: FileState | None = None
    _by_round: dict[int, dict[str, tuple[str, ...]]] = field(default_factory=dict)

    def videos_of(self, user: str, *, round: int) -> set[str] | None:
        """What a person is to do; None: nothing was assigned in this round, so all may do all."""
        given = self._current().get(round)
        if not given:
            return None
        return {video_id for video_id, names in given.items() if user in names}

    def annotators(self, video_id: str, *, round: int) -> tuple[str, ...]:
        """Who is to do a video; empty: nobody in particular."""
        return self._current().get(round, {}).get(video_id, ())

    def shared(self, *, round: int) -> set[str]:
        """Videos that several people do, each for themselves."""
        given = self._current().get(round, {})
        return {video_id for video_id, names in given.items() if len(names) > 1}

    def num_assigned(self, *, round: int) -> dict[str, int] | None:
        """Annotator -> videos of a round; None: nothing was assigned in it."""
        given = self._current().get(round)
        if not given:
            return None
        return dict(Counter(name for names in given.values() for name in names))

    def current_round(self) -> int:
        """The highest round in which anything is assigned, at least 1."""
        return max(self._current(), default=1)

    def _current(self) -> dict[int, dict[str, tuple[str, ...]]]:
        state = state_of(self.dataset.dir_path / ASSIGNMENTS_NAME)
        if state != self._state:
            by_round: dict[int, dict[str, tuple[str, ...]]] = defaultdict(dict)
            for one in read_assignments(self.dataset):
                if one.annotators:
                    by_round[one.round][one.video_id] = one.annotators
            self._by_round, self._state = dict(by_round), state
        return self._by_round
