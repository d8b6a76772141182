"""Runs items on this machine: decoding in processes that can be killed, model calls in threads.

Decoding runs ahead of the model calls, within a number of bytes that counts what waits and what
was sent and is not answered. A file that hangs or kills its process costs its own items and nobody
else's: a chunk that fails is tried again one by one.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self

from pebble import ProcessExpired, ProcessPool

from engine.errors import ItemError, MediaError, ServiceError, VauDataError
from engine.executors import worker
from engine.runner import Outcome, attempt, internal_fault
from engine.stage import Item, MediaStage, Pending, Stage, loaded_bytes

CHUNK_ITEMS = 16
"""Clips of one video decoded together; bounds what one worker holds and sends at once."""
IN_FLIGHT_BYTES = 2 << 30
"""Of what was loaded and has no outcome yet; measured in `engine/serving/README.md`."""
_SPARE_SHARE = 8
"""Beside so many items under way one more waits for a thread: whoever has its reply need not wait
for the next item until what is done is on the disk."""
_MOST_LOSSES = 3
"""So often in a row may all processes be lost, with nothing read in between."""
_SECONDS_BETWEEN_LOOKS = 5.0
"""How long a loss of all processes may go unnoticed while nothing else happens."""
_SECONDS_FOR_LAST_REPLIES = 1.0
"""How long a run that must stop waits for replies that are about to come; they are paid for."""

Loaded = Item[Any] | tuple[str, ItemError]


@dataclass
class LocalExecutor:
    """This machine. A context manager; processes start when the first media stage needs them."""

    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    memory_bytes: int = 4 << 30
    """Address space of one process."""
    in_flight_bytes: int = IN_FLIGHT_BYTES
    """What was loaded and has no outcome yet may take so much."""
    most_requests: int | None = None
    """`process` calls at once, where that is less than the stage allows: this machine's share."""
    _processes: "_Processes" = field(init=False)

    def __post_init__(self) -> None:
        self._processes = _Processes(self.workers, self.memory_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._processes.stop()

    def run(
        self, stage: Stage[Any], items: Iterable[Pending[Any]]
    ) -> Generator[Outcome, None, None]:
        """Outcomes in order of completion. Raises `ServiceError` as soon as an item does.

        Closing the generator lets go of what is under way.
        """
        room = _Room(self.in_flight_bytes)
        concurrency = min(stage.concurrency, self.most_requests or stage.concurrency)
        flow = partial(_Flow, stage, concurrency, room)
        if isinstance(stage, MediaStage):
            return flow(stage, self._processes, self.workers + 1).outcomes(items)
        if stage.concurrency > 1:
            return flow(None, None, 1).outcomes(items)
        return (attempt(stage, pending.ready()) for pending in items)


@dataclass
class _Processes:
    """The decoding processes: started when first needed, and anew when all were lost.

    pebble gives its whole pool up when a process dies that was not at work, be it that the
    kernel, short of memory, chose that one.
    """

    workers: int
    memory_bytes: int
    _pool: ProcessPool | None = None
    _num_losses: int = 0

    def submit(self, stage: MediaStage, chunk: list[Item[Any]]) -> "Future[list[Loaded]]":
        """Have a chunk loaded, within the stage's deadline."""
        try:
            future: Future[list[Loaded]] = self._started().schedule(
                worker.load_chunk, args=(stage, chunk), timeout=stage.deadline_seconds(chunk)
            )
        except RuntimeError as error:  # lost since anybody looked
            future = Future()
            future.set_exception(BrokenProcessPool(str(error)))
        return future

    def _started(self) -> ProcessPool:
        if self._pool is None:
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload([worker.__name__])
            self._pool = ProcessPool(
                max_workers=self.workers,
                initializer=worker.confine,
                initargs=(self.memory_bytes,),
                context=context,
            )
        return self._pool

    def note_success(self) -> None:
        """A chunk was loaded, so processes can live here."""
        self._num_losses = 0

    @property
    def are_lost(self) -> bool:
        """Whether what was submitted will never be done."""
        return self._pool is not None and not self._pool.active

    def start_anew(self) -> None:
        """After a loss. Raises `ServiceError` when they are lost again and again."""
        self.stop()
        self._num_losses += 1
        if self._num_losses >= _MOST_LOSSES:
            raise ServiceError(
                f"the processes that read videos died {self._num_losses} times before they had "
                "read anything; is the machine out of memory, or [media] memory_gib too small? "
                "Lower [run] workers, or mend that, and run the same command again"
            )

    def stop(self) -> None:
        """End them all; the next chunk starts new ones."""
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = None


@dataclass
class _Room:
    """How many bytes are held, from an item's loading to its outcome.

    How large items will be is not known before: each that is being loaded counts as much as the
    largest so far. So the bound can be passed only while items grow, and by items larger than it.
    """

    most_bytes: int
    _held_bytes: int = 0
    _largest_bytes: int = 0

    def has_room_for(self, num_loading: int) -> bool:
        """Whether so many items may be under way in the processes; always where it is empty."""
        expected_bytes = num_loading * self._largest_bytes
        return not self._held_bytes or self._held_bytes + expected_bytes <= self.most_bytes

    def take(self, item: Item[Any]) -> None:
        """An item was loaded."""
        num_bytes = loaded_bytes(item)
        self._held_bytes += num_bytes
        self._largest_bytes = max(self._largest_bytes, num_bytes)

    def leave(self, item: Item[Any]) -> None:
        """There is an outcome for it."""
        self._held_bytes -= loaded_bytes(item)


@dataclass
class _Flow:
    """One stage's items on their way: chunks -> loading -> loaded -> asking -> outcomes."""

    stage: Stage[Any]
    concurrency: int
    """`process` calls at once; 1: they compute, so here."""
    room: _Room
    media_stage: MediaStage | None
    processes: _Processes | None
    most_loading: int
    """Chunks under way at once: one more than processes, so that none waits for work."""
    _chunks: deque[list[Item[Any]]] = field(default_factory=deque)
    """Chunks to try again, one item each."""
    _loading: dict[Future[list[Loaded]], list[Item[Any]]] = field(default_factory=dict)
    _loaded: deque[Item[Any]] = field(default_factory=deque)
    _asking: dict[Future[Outcome], Item[Any]] = field(default_factory=dict)
    _done: "SimpleQueue[Future[Any]]" = field(default_factory=SimpleQueue)
    """What ended, of both kinds: looking through hundreds for each reply would take longer."""

    def outcomes(self, items: Iterable[Pending[Any]]) -> Generator[Outcome, None, None]:
        source = _chunked(items, CHUNK_ITEMS if self.media_stage else 1)
        threads = ThreadPoolExecutor(max_workers=max(1, self.concurrency))
        try:
            while self._fill(source, threads) or self._loaded or self._loading or self._asking:
                yield from self._compute_here()
                yield from self._collect()
        except VauDataError:
            self._take_back_what_waits()
            wait(self._asking, timeout=_SECONDS_FOR_LAST_REPLIES)
            yield from self._replies_in(list(self._asking))
            raise
        except KeyboardInterrupt:
            self._take_back_what_waits()
            yield from self._replies_in(list(self._asking))
            raise
        finally:
            for loading in self._loading:
                loading.cancel()
            threads.shutdown(wait=False, cancel_futures=True)

    def _fill(self, source: Iterator[list[Pending[Any]]], threads: ThreadPoolExecutor) -> bool:
        """Start what may be started; whether anything was."""
        has_started = False
        while self._may_load() and (chunk := self._next_chunk(source)):
            has_started = True
            if self.media_stage is None:
                self._loaded.extend(chunk)
            else:
                self._load(self.media_stage, chunk)
        if self.concurrency > 1:
            most_asking = self.concurrency + max(1, self.concurrency // _SPARE_SHARE)
            while self._loaded and len(self._asking) < most_asking:
                self._ask(self._loaded.popleft(), threads)
        return has_started

    def _may_load(self) -> bool:
        num_loading = sum(map(len, self._loading.values()))
        most_ahead = 2 * self.concurrency + self.most_loading * CHUNK_ITEMS
        return (
            len(self._loading) < self.most_loading
            and len(self._loaded) + num_loading <= most_ahead
            and self.room.has_room_for(num_loading + CHUNK_ITEMS)
        )

    def _next_chunk(self, source: Iterator[list[Pending[Any]]]) -> list[Item[Any]]:
        if self._chunks:
            return self._chunks.popleft()
        return [pending.ready() for pending in next(source, [])]

    def _load(self, media_stage: MediaStage, chunk: list[Item[Any]]) -> None:
        assert self.processes is not None
        loading = self.processes.submit(media_stage, chunk)
        self._loading[loading] = chunk
        loading.add_done_callback(self._done.put)

    def _ask(self, item: Item[Any], threads: ThreadPoolExecutor) -> None:
        asked = threads.submit(attempt, self.stage, item)
        self._asking[asked] = item
        asked.add_done_callback(self._done.put)

    def _compute_here(self) -> Iterator[Outcome]:
        while self.concurrency == 1 and self._loaded:
            item = self._loaded.popleft()
            yield attempt(self.stage, item)
            self.room.leave(item)

    def _collect(self) -> Iterator[Outcome]:
        """Wait until something has ended, and see to all that has."""
        if not (self._loading or self._asking):
            return
        done = self._whatever_is_done()
        asked = [future for future in done if future in self._asking]
        yield from self._replies_in(asked)
        for failed in asked:
            failed.result()  # raises if one did: the others are out already
        for future in done:
            if chunk := self._loading.pop(future, None):
                yield from self._after_loading(future, chunk)
        if self.processes is not None and self.processes.are_lost:
            self._chunks.extend(self._loading.values())
            self._loading.clear()
            self.processes.start_anew()

    def _whatever_is_done(self) -> list[Future[Any]]:
        done: list[Future[Any]] = []
        try:
            done.append(self._done.get(timeout=_SECONDS_BETWEEN_LOOKS))
            while True:
                done.append(self._done.get_nowait())
        except Empty:
            return done

    def _replies_in(self, asked: Iterable[Future[Outcome]]) -> Iterator[Outcome]:
        """Of these, what is done and did not stop the run."""
        for future in asked:
            if future.done() and future.exception() is None:
                self.room.leave(self._asking.pop(future))
                yield future.result()

    def _take_back_what_waits(self) -> None:
        """What has no thread yet must not be sent any more."""
        for future in list(self._asking):
            if future.cancel():
                del self._asking[future]

    def _after_loading(
        self, future: "Future[list[Loaded]]", chunk: list[Item[Any]]
    ) -> Iterator[Outcome]:
        assert self.processes is not None
        error = future.exception()
        if error is None:
            self.processes.note_success()
            for loaded in _one_for_each(chunk, future.result()):
                if isinstance(loaded, Item):
                    self.room.take(loaded)
                    self._loaded.append(loaded)
                else:
                    yield Outcome(*loaded)
        elif isinstance(error, BrokenProcessPool):
            self._chunks.append(chunk)
        elif len(chunk) > 1:
            self._chunks.extend([item] for item in chunk)
        else:
            yield Outcome(chunk[0].id, _why_it_died(chunk[0].id, error))


def _one_for_each(chunk: list[Item[Any]], loaded: list[Loaded]) -> Iterator[Loaded]:
    """What a stage's `load` gave, item by item; an item that it forgot or repeated is `internal`.

    The runner counts on one outcome for each item: one more ends it, one less is never noticed.
    """
    named = [(one.id if isinstance(one, Item) else one[0], one) for one in loaded]
    known = {item.id for item in chunk}
    strange = sorted({item_id for item_id, _ in named if item_id not in known})
    for item in chunk:
        given = [one for item_id, one in named if item_id == item.id]
        if len(given) == 1:
            yield given[0]
            continue
        also = f", and something for {strange}, which it was not asked for" if strange else ""
        problem = f"load gave {len(given)} results for the item instead of one{also}"
        yield item.id, internal_fault(item.id, RuntimeError(problem))


def _why_it_died(item_id: str, error: BaseException) -> ItemError:
    if isinstance(error, ItemError):
        return error
    if isinstance(error, VauDataError):
        raise error
    if isinstance(error, TimeoutError):
        return MediaError(
            "media_timeout",
            f"{item_id}: reading the video took longer than {error.args[-1]:.0f} s and was "
            "stopped; re-encode the file, or raise [media] deadline_per_video_second",
        )
    if isinstance(error, ProcessExpired | MemoryError):
        return MediaError(
            "media_unreadable",
            f"{item_id}: the process that read the video died ({error}); re-encode the file, or "
            "raise [media] memory_gib if the picture is very large",
        )
    return internal_fault(item_id, error)


def _chunked(items: Iterable[Pending[Any]], size: int) -> Iterator[list[Pending[Any]]]:
    """Runs of neighbours of one group, cut to `size`."""
    for _, neighbours in groupby(items, key=_group_of):
        while chunk := list(islice(neighbours, size)):
            yield chunk


def _group_of(pending: Pending[Any]) -> str:
    return pending.group
