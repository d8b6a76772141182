"""Proxies and thumbnails are made here, in the background, in a process that can be killed.

One job at a time, the newest first: what somebody looks at now matters more than what somebody
looked at before. A file that hangs or kills the process costs its own job and nothing else.
"""

import logging
import multiprocessing
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, TimeoutError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from pebble import ProcessExpired, ProcessPool

from annotator_ui.plans import make_plan, read_plan, write_plan
from annotator_ui.proxy import write_proxy
from annotator_ui.thumbs import write_thumbs
from engine.errors import VauDataError
from engine.executors import worker
from engine.media.remote import VideoFile, at_hand, fetch_deadline_seconds
from schemas import Media

logger = logging.getLogger(__name__)

_NICENESS = 10
"""So that pages answer quickly while a proxy is made."""
BASE_SECONDS = 60.0
_PROXY_SECONDS_PER_SECOND = 6.0
_THUMBS_SECONDS_PER_SECOND = 1.0


@dataclass(frozen=True)
class ProxyJob:
    """Make a file's plan, if there is none, and its proxy."""

    key: str
    source: VideoFile
    media: Media
    duration_seconds: float
    plan_path: Path
    target: Path

    def perform(self) -> str:
        """What a person should know of it; mostly nothing."""
        with at_hand(self.source) as path:
            plan = read_plan(self.plan_path)
            if plan is None:
                plan = make_plan(path, self.media, is_remote=not isinstance(self.source, Path))
                write_plan(self.plan_path, plan)
            self.target.parent.mkdir(parents=True, exist_ok=True)
            report = write_proxy(path, self.target, clock=plan.clock)
        if report.num_repeated:
            return f"{report.num_repeated} damaged frames show the picture before them"
        return ""

    @property
    def work_seconds(self) -> float:
        """Far more than it takes."""
        work_seconds = _PROXY_SECONDS_PER_SECOND * self.duration_seconds
        return work_seconds + fetch_deadline_seconds(self.source)


@dataclass(frozen=True)
class ThumbsJob:
    """Make a file's thumbnails."""

    key: str
    source: VideoFile
    duration_seconds: float
    times_seconds: tuple[float, ...]
    target: Path

    def perform(self) -> str:
        """Nothing is to be said of it."""
        with at_hand(self.source) as path:
            write_thumbs(path, self.target, times_seconds=self.times_seconds)
        return ""

    @property
    def work_seconds(self) -> float:
        """Far more than it takes."""
        work_seconds = _THUMBS_SECONDS_PER_SECOND * self.duration_seconds
        return work_seconds + fetch_deadline_seconds(self.source)


Job = ProxyJob | ThumbsJob


def perform(job: Job) -> str:
    """Runs in the other process."""
    return job.perform()


def confine(memory_bytes: int) -> None:
    """Runs first in the other process."""
    worker.confine(memory_bytes)
    os.nice(_NICENESS)


@dataclass
class Workshop:
    """Takes jobs until it is closed; what is not done then is asked for anew another time."""

    memory_bytes: int
    base_seconds: float = BASE_SECONDS
    """A job may take this much and its own `work_seconds`; then it is taken to hang."""
    after_job: Callable[[], None] = lambda: None
    """Called when a job has made something."""
    _waiting: OrderedDict[str, Job] = field(default_factory=OrderedDict)
    """Newest last."""
    _notes: dict[str, str] = field(default_factory=dict)
    _failures: dict[str, str] = field(default_factory=dict)
    _at_work: str | None = None
    _under_way: "Future[str] | None" = None
    _is_closed: bool = False
    _news: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None
    _pool: ProcessPool | None = None

    def order(self, job: Job) -> None:
        """Have a job done next; not where it is under way or failed before."""
        with self._news:
            if self._is_closed or job.key == self._at_work or job.key in self._failures:
                return
            self._waiting[job.key] = job
            self._waiting.move_to_end(job.key)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="workshop", daemon=True)
                self._thread.start()
            self._news.notify()

    def failure(self, key: str) -> str | None:
        """Why a job could not be done; None: it could, or was not tried."""
        return self._failures.get(key)

    def note(self, key: str) -> str:
        """What is to be known about what a job of this run made; mostly empty."""
        return self._notes.get(key, "")

    def close(self) -> None:
        """Stop; the process at work is killed, and leaves nothing half done."""
        with self._news:
            self._is_closed = True
            self._waiting.clear()
            self._news.notify()
            if self._under_way is not None:
                self._under_way.cancel()
        if self._thread is not None:
            self._thread.join()
        self._stop_pool()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._do(job)
            finally:
                with self._news:
                    self._at_work, self._under_way = None, None

    def _next(self) -> Job | None:
        with self._news:
            while not self._waiting and not self._is_closed:
                self._news.wait()
            if self._is_closed:
                return None
            self._at_work, job = self._waiting.popitem(last=True)
            return job

    def _do(self, job: Job) -> None:
        try:
            future = self._submitted(job)
            if future is not None:
                self._notes[job.key] = future.result()
                self.after_job()
        except CancelledError:
            return
        except Exception as error:  # noqa: BLE001 - what a job met is told to who looks at it
            self._failures[job.key] = _why(job, error)
            logger.warning("%s", self._failures[job.key])
            if isinstance(error, BrokenProcessPool):
                self._stop_pool()

    def _submitted(self, job: Job) -> "Future[str] | None":
        if self._pool is None or not self._pool.active:
            self._stop_pool()
            self._pool = ProcessPool(
                max_workers=1,
                initializer=confine,
                initargs=(self.memory_bytes,),
                context=multiprocessing.get_context("forkserver"),
            )
        with self._news:
            if self._is_closed:
                return None
            future: Future[str] = self._pool.schedule(
                perform, args=(job,), timeout=self.base_seconds + job.work_seconds
            )
            self._under_way = future
            return future

    def _stop_pool(self) -> None:
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = None


def _why(job: Job, error: Exception) -> str:
    if isinstance(error, VauDataError):
        return str(error)
    name = job.source.name
    if isinstance(error, TimeoutError):
        return f"{name}: it took longer than {error.args[-1]:.0f} s and was stopped"
    if isinstance(error, ProcessExpired | MemoryError | BrokenProcessPool):
        return f"{name}: the process that read it died ({error}); raise [media] memory_gib?"
    return f"{name}: {type(error).__name__}: {error}"
