"""Everything that one server has open on one dataset, and the thread that publishes."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from annotator_ui.accounts import Accounts, Throttle
from annotator_ui.admission import Admission
from annotator_ui.assign import Rota
from annotator_ui.blind import BlindItems
from annotator_ui.journal import LOG_NAME, Journal
from annotator_ui.keyfile import Signer, load_signer, private_dir_path
from annotator_ui.leases import Leases
from annotator_ui.library import Library
from annotator_ui.media import MediaRoom
from annotator_ui.passes import Passes
from annotator_ui.publish import publish
from annotator_ui.workshop import Workshop
from engine.census import Census
from engine.dataset import Dataset
from engine.errors import VauDataError
from engine.executors.local import LocalExecutor
from engine.flow import FLOW, Step, run_step
from engine.joins.facts import Facts
from engine.runner import RunOptions
from engine.stage import Pending
from schemas import Video

logger = logging.getLogger(__name__)

QUIET_SECONDS = 1.0
"""Published when nothing came for so long, …"""
MOST_WAIT_SECONDS = 3.0
"""… and at the latest so long after the first."""
RETRY_SECONDS = 5.0


@dataclass
class Publisher:
    """Publishes what was done, shortly after it was done; runs `propose` when a page asks."""

    publish: Callable[[list[str]], None]
    propose: Callable[[list[str]], None]
    _dirty: set[str] = field(default_factory=set)
    _proposed: set[str] = field(default_factory=set)
    """Up to date since this server started."""
    _unproposed: set[str] = field(default_factory=set)
    """Whose events a page waits for."""
    _last_at: float = 0.0
    _first_at: float = 0.0
    _problem: str | None = None
    _is_closed: bool = False
    _news: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None

    def start(self, video_ids: list[str]) -> None:
        """Publish what a crash may have left, then go on as things come."""
        if not self._attempt(set(video_ids), set()):
            self._dirty.update(video_ids)
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def note(self, video_id: str) -> None:
        """Something new is on disk of this video."""
        with self._news:
            self._last_at = time.monotonic()
            if not self._dirty:
                self._first_at = self._last_at
            self._dirty.add(video_id)
            self._news.notify()

    def wants_proposals(self, video_id: str) -> bool:
        """Have a video's proposals brought up to date; whether they have to be."""
        with self._news:
            if video_id in self._proposed and video_id not in self._dirty:
                return False
            if self._problem is None:
                self._unproposed.add(video_id)
                self._news.notify()
            return True

    @property
    def problem(self) -> str | None:
        """Why publishing or proposing fails now; None: it does not."""
        return self._problem

    def close(self) -> None:
        """Publish what is left."""
        with self._news:
            self._is_closed = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join()
        self._attempt(self._dirty, set())

    def _run(self) -> None:
        while True:
            with self._news:
                while not self._is_due():
                    self._news.wait(self._seconds_to_wait())
                if self._is_closed:
                    return
                dirty, self._dirty = self._dirty, set()
                unproposed, self._unproposed = self._unproposed, set()
            if not self._attempt(dirty, unproposed):
                self._put_back(dirty, unproposed)

    def _is_due(self) -> bool:
        now = time.monotonic()
        is_quiet = now >= self._last_at + QUIET_SECONDS
        is_late = now >= self._first_at + MOST_WAIT_SECONDS
        return bool(self._is_closed or self._unproposed or (self._dirty and (is_quiet or is_late)))

    def _seconds_to_wait(self) -> float | None:
        if not self._dirty:
            return None
        now = time.monotonic()
        return max(
            0.01, min(self._last_at + QUIET_SECONDS, self._first_at + MOST_WAIT_SECONDS) - now
        )

    def _attempt(self, dirty: set[str], unproposed: set[str]) -> bool:
        try:
            if dirty:
                self.publish(sorted(dirty))
                self._proposed -= dirty
            if unproposed:
                self.propose(sorted(unproposed))
                self._proposed |= unproposed
        except VauDataError as error:
            if self._problem is None:
                logger.warning("not published yet, and tried again: %s", error)
            self._problem = str(error)
            return False
        self._problem = None
        return True

    def _put_back(self, dirty: set[str], unproposed: set[str]) -> None:
        with self._news:
            self._news.wait_for(lambda: self._is_closed, timeout=RETRY_SECONDS)
            self._dirty |= dirty
            self._unproposed |= unproposed


@dataclass
class Office:
    """What the routes work with."""

    dataset: Dataset
    local_user: str | None
    """The one person of a server without accounts; None: everybody signs in."""
    signer: Signer = field(init=False)
    accounts: Accounts = field(init=False)
    passes: Passes = field(init=False)
    throttle: Throttle = field(default_factory=Throttle)
    leases: Leases = field(default_factory=Leases)
    rota: Rota = field(init=False)
    library: Library = field(init=False)
    workshop: Workshop = field(init=False)
    media: MediaRoom = field(init=False)
    blind: BlindItems = field(init=False)
    journal: Journal = field(init=False)
    admission: Admission = field(init=False)
    publisher: Publisher = field(init=False)

    def __post_init__(self) -> None:
        dataset = self.dataset
        self.signer = load_signer(dataset)
        self.accounts = Accounts.of(dataset)
        ended_path = private_dir_path(dataset) / "signed_out.json"
        self.passes = Passes(self.signer, self.accounts, ended_path, self.local_user)
        self.rota = Rota(dataset)
        self.library = Library(dataset, self.signer)
        self.workshop = Workshop(int(dataset.config.media.memory_gib * 2**30))
        self.media = MediaRoom(dataset, self.signer, self.workshop)
        self.workshop.after_job = self.media.make_room
        self.publisher = Publisher(self._publish, self._propose)
        self.journal = Journal(dataset.dir_path / LOG_NAME, on_change=self.publisher.note)
        self.blind = BlindItems(dataset, self.signer)
        self.admission = Admission(self.library, self.journal, self.media, self.blind)

    def _publish(self, video_ids: list[str]) -> None:
        states = {video_id: self.journal.state(video_id) for video_id in video_ids}
        videos = self.library.videos()
        publish(self.dataset, states, videos=videos, exact_time=self._exact_time)
        self.library.look_again()

    def _exact_time(self, video: Video, frame: int) -> float | None:
        plan = self.media.known_plan(video) if video.media is not None else None
        if plan is None or frame >= len(plan.table):
            return None
        return float(plan.table.seconds[frame])

    def _propose(self, video_ids: list[str]) -> None:
        """Of these videos alone: what others are in the middle of is not proposed yet."""
        step = next(step for step in FLOW if step.name == "propose")
        executor = LocalExecutor(workers=1)  # proposing decodes nothing, so no process is started
        run_step(
            self.dataset,
            for_videos(step, frozenset(video_ids)),
            executor=executor,
            options=RunOptions(is_quiet=True),
        )
        self.library.look_again()


def for_videos(step: Step, video_ids: frozenset[str]) -> Step:
    """The step for some videos; without a stamp, since the others may have something to do."""

    def join(facts: Facts, census: Census) -> Iterator[Pending[Any]]:
        # All are met, or the census would take those left out for gone.
        return (pending for pending in step.join(facts, census) if pending.id in video_ids)

    return replace(step, join=join, is_stamped=False)


@contextmanager
def open_office(dataset: Dataset, *, local_user: str | None) -> Iterator[Office]:
    """Everything opened, published to date; closed and published again at the end.

    Raises `UsageError` where another server has the log.
    """
    office = Office(dataset, local_user)
    with office.journal:
        office.media.clear_leftovers()
        office.media.make_room()
        office.publisher.start(office.journal.video_ids())
        # The first list would otherwise wait until all videos and scores are read.
        threading.Thread(target=office.library.num_suggestions, name="warm", daemon=True).start()
        try:
            yield office
        finally:
            office.workshop.close()
            office.publisher.close()
