"""What works on a node of a Ray cluster: parcels of items in, outcomes out, by a `LocalExecutor`.

Needs no Ray itself: `engine/executors/ray_crew.py` makes an actor of `NodeWorker`. Frames, and all
else that is loaded, never leave the node.
"""

import hashlib
import logging
import logging.handlers
import os
import platform
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from importlib import metadata
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

from engine.errors import ServiceError, VauDataError
from engine.executors.local import LocalExecutor
from engine.intruders import ROOT_DIR_PATH
from engine.runner import Outcome
from engine.stage import Item, Pending, Stage
from engine.version import VERSION

Given = tuple[Item[Any], str]
"""An item, and the group it is of: neighbours of one group are decoded together."""
Parcel = list[Given]

MOST_CALLS_AT_ONCE = 3
"""How many methods of a worker run at once: `give` and `take` both wait, and must not keep out
what else is asked."""
_LONGEST_WAIT_SECONDS = 5.0
_PACKAGES = ("av", "numpy", "opencv-python-headless", "pillow")
"""What turns a video into pixels: other versions may turn it into others."""
_SOURCES = ("engine", "manifests", "prompts", "schemas")
_SOURCE_SUFFIXES = frozenset({".md", ".py", ".toml", ".txt"})


class Greeting(NamedTuple):
    """Who a worker is, and whether it can make the records that this machine would make."""

    host: str
    kit: dict[str, str]
    unseen: tuple[Path, ...]
    """Of the paths it was asked about, those that do not exist there."""


class Taken(NamedTuple):
    """What became of items since the last look."""

    outcomes: list[Outcome]
    remarks: list[tuple[int, str]]
    """Level and text of what was logged as a warning or worse."""
    is_over: bool
    """All items of the shift have their outcomes, or it ended by an error."""
    error: VauDataError | None


def kit_here() -> dict[str, str]:
    """What must be equal on all machines for their records to be: our code, Python, decoders."""
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    found["vau-data"] = f"{VERSION} (sources {_sources_sha256()[:12]})"
    return found | {name: _version_of(name) for name in _PACKAGES}


def _version_of(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _sources_sha256() -> str:
    """Of our code and prompts: a node where somebody forgot to update has the same version."""
    found = hashlib.sha256()
    for folder in _SOURCES:
        for path in sorted((ROOT_DIR_PATH / folder).rglob("*")):
            if path.suffix in _SOURCE_SUFFIXES:
                content = path.read_bytes()
                found.update(f"{path.relative_to(ROOT_DIR_PATH)} {len(content)}\n".encode())
                found.update(content)
    return found.hexdigest()


class NodeWorker:
    """Works in shifts: the first parcel begins one, and one that is called the last ends it."""

    def __init__(
        self,
        stage: Stage[Any],
        make_local: Callable[[], LocalExecutor],
        environment: Mapping[str, str],
    ) -> None:
        for name, value in environment.items():
            os.environ.setdefault(name, value)
        self._stage = stage
        self._local = make_local()
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._changed = threading.Condition()
        self._inbox: deque[Parcel] = deque()
        self._is_last_in = False
        self._outcomes: list[Outcome] = []
        self._shift: Future[None] | None = None
        self._remarks: SimpleQueue[logging.LogRecord] = SimpleQueue()
        handler = logging.handlers.QueueHandler(self._remarks)
        handler.setLevel(logging.WARNING)
        logging.getLogger().addHandler(handler)

    def greet(self, paths: Sequence[Path]) -> Greeting:
        """Say who this is, and which of these paths do not exist here."""
        unseen = tuple(path for path in paths if not path.exists())
        return Greeting(socket.gethostname(), kit_here(), unseen)

    def give(self, parcel: Parcel, is_last: bool) -> None:
        """Take a parcel; comes back when the next one may be sent."""
        with self._changed:
            self._inbox.append(parcel)
            self._is_last_in = is_last
            if self._shift is None:
                self._shift = self._thread.submit(self._work)
                self._shift.add_done_callback(self._note_change)
            self._note_change()
            self._changed.wait_for(lambda: len(self._inbox) <= 1 or self._is_over)

    def take(self) -> Taken:
        """Hand over what is done; waits some seconds for something."""
        with self._changed:
            self._changed.wait_for(lambda: self._outcomes or self._is_over, _LONGEST_WAIT_SECONDS)
            outcomes, self._outcomes = self._outcomes, []
            remarks = [self._remarks.get() for _ in range(self._remarks.qsize())]
            is_over, error = self._is_over, None
            if is_over and self._shift is not None:
                error = _as_ours(self._shift.exception())
                self._shift = None
                self._inbox.clear()
            return Taken(
                outcomes, [(one.levelno, one.getMessage()) for one in remarks], is_over, error
            )

    @property
    def _is_over(self) -> bool:
        return self._shift is not None and self._shift.done()

    def _note_change(self, _: object = None) -> None:
        with self._changed:
            self._changed.notify_all()

    def _work(self) -> None:
        for outcome in self._local.run(self._stage, self._items()):
            with self._changed:
                self._outcomes.append(outcome)
                self._changed.notify_all()

    def _items(self) -> Iterator[Pending[Any]]:
        """The items of the shift, as fast as they come."""
        while (parcel := self._next_parcel()) is not None:
            for item, group in parcel:
                yield Pending(item.id, "", group, partial(_body_of, item))

    def _next_parcel(self) -> Parcel | None:
        with self._changed:
            self._changed.wait_for(lambda: self._inbox or self._is_last_in)
            parcel = self._inbox.popleft() if self._inbox else None
            self._changed.notify_all()
            return parcel


def _body_of(item: Item[Any]) -> object:
    return item.body


def _as_ours(error: BaseException | None) -> VauDataError | None:
    """Errors travel to the run's own process; one of another library may not survive that."""
    if error is None or isinstance(error, VauDataError):
        return error
    where = socket.gethostname()
    return ServiceError(f"the work on {where} broke off: {type(error).__name__}: {error}")
