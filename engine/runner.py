"""Runs one stage over its items: resume, rejects, progress, counts. All stages run through here.

Order of writing is the promise: records reach the file before the ledger line that lists them,
and both reach the disk at least twice a second. A crash therefore costs at most the last moment,
and what it leaves half done is simply done again.
"""

import logging
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson

from engine.census import Join, load_ledger, take_census
from engine.collector import collector_slowed
from engine.dataset import Dataset
from engine.errors import ItemError, MixedUpError, TooManyRejectsError, UsageError, VauDataError
from engine.ledger import IMPORT_LEDGER, Ledger, LedgerLine
from engine.progress import Progress
from engine.stage import CheckedStage, Item, LiveStage, Pending, Stage, fingerprint_of, parts_of
from engine.store import JsonlWriter, dump_line, read_lines
from schemas import Record, Reject

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_SYNCS = 0.5
_OUTCOMES_BETWEEN_SYNCS = 8000


Result = tuple[Record, ...] | ItemError


class Outcome(NamedTuple):
    """What became of one item: its records, or why there are none."""

    item_id: str
    result: Result


class Executor(Protocol):
    """Does items somewhere; the runner neither knows nor cares where."""

    def run(self, stage: Stage[Any], items: Iterable[Pending[Any]]) -> Iterator[Outcome]:
        """Outcomes in any order, one per item. Raises only `ServiceError`."""
        ...


@dataclass(frozen=True)
class RunOptions:
    """How a person asked for a run."""

    limit: int | None = None
    retry_rejects: bool = False
    is_quiet: bool = False


@dataclass(frozen=True)
class StageReport:
    """What one run of a stage did."""

    stage_name: str
    num_done: int
    num_records: int
    rejects: dict[str, int]
    """Reason -> how many in this run."""
    num_settled_before: int
    """Rejects among them."""
    num_rejected_before: int
    num_retired: int
    num_left: int
    """Not done because of `--limit`."""
    waiting: dict[str, int]
    seconds: float

    @property
    def num_rejected(self) -> int:
        """Items rejected in this run."""
        return sum(self.rejects.values())

    @property
    def num_items(self) -> int:
        """Items that have an outcome, from this run or before."""
        return self.num_done + self.num_rejected + self.num_settled_before


def report_at_rest(stage: Stage[Any], *, num_settled: int, num_rejected: int) -> StageReport:
    """What a run of a stage did that had nothing to do."""
    return StageReport(
        stage_name=stage.name,
        num_done=0,
        num_records=0,
        rejects={},
        num_settled_before=num_settled,
        num_rejected_before=num_rejected,
        num_retired=0,
        num_left=0,
        waiting={},
        seconds=0.0,
    )


def run_stage(
    dataset: Dataset,
    stage: Stage[Any],
    join: Join,
    *,
    executor: Executor,
    options: RunOptions,
    scope: str = "",
) -> StageReport:
    """Bring one stage up to date. `scope` is the prefix of the ledger's items that `join` gives.

    Raises `ServiceError` when it had to stop; what is done is kept.
    """
    started = time.monotonic()
    sizes = _sizes(dataset, stage)
    ledger = load_ledger(dataset, stage)
    census, pending = take_census(stage, join, ledger=ledger, retry_rejects=options.retry_rejects)
    chosen = pending if options.limit is None else pending[: options.limit]
    vanished = census.vanished(scope)
    counts = _Counts()
    if chosen or vanished or census.revived:
        with _Books(dataset, stage, ledger) as books:
            _refuse_if_grown(sizes, _sizes(dataset, stage))
            books.retire(vanished)
            books.revive(census.revived)
            with _in_use(stage, is_needed=bool(chosen)):
                _work(stage, chosen, books=books, counts=counts, executor=executor, options=options)
    return StageReport(
        stage_name=stage.name,
        num_done=counts.num_done,
        num_records=counts.num_records,
        rejects=counts.rejects,
        num_settled_before=census.num_settled + census.num_rejected,
        num_rejected_before=census.num_rejected,
        num_retired=len(vanished),
        num_left=len(pending) - len(chosen),
        waiting=census.waiting,
        seconds=time.monotonic() - started,
    )


def _sizes(dataset: Dataset, stage: Stage[Any]) -> dict[Path, int]:
    """Of the ledgers whose growth would change what there is to do."""
    paths = (dataset.ledger_path(stage.name), dataset.ledger_path(IMPORT_LEDGER))
    return {path: path.stat().st_size if path.exists() else 0 for path in paths}


def _refuse_if_grown(before: Mapping[Path, int], now: Mapping[Path, int]) -> None:
    """What came between our census and our lock would be done twice, or written over."""
    for path, size_bytes in now.items():
        if size_bytes > before[path]:
            raise UsageError(f"another process has just written {path}; run the same command again")


@contextmanager
def _in_use(stage: Stage[Any], *, is_needed: bool) -> Iterator[None]:
    if not (isinstance(stage, CheckedStage) and is_needed):
        yield
        return
    try:
        stage.check()
        yield
    finally:
        stage.close()


@dataclass
class _Counts:
    num_done: int = 0
    num_records: int = 0
    rejects: dict[str, int] = field(default_factory=dict)


def _work(
    stage: Stage[Any],
    chosen: list[Pending[Any]],
    *,
    books: "_Books",
    counts: _Counts,
    executor: Executor,
    options: RunOptions,
) -> None:
    inputs = {pending.id: pending.input_sha256 for pending in chosen}
    progress = Progress(stage.name, len(chosen), is_quiet=options.is_quiet)
    if isinstance(stage, LiveStage):
        progress.vitals = stage.vitals
    with progress, collector_slowed():
        try:
            for item_id, result in executor.run(stage, chosen):
                is_reject = isinstance(result, ItemError)
                books.enter(item_id, result, inputs.pop(item_id))
                if isinstance(result, ItemError):
                    counts.rejects[result.reason] = counts.rejects.get(result.reason, 0) + 1
                else:
                    counts.num_done += 1
                    counts.num_records += len(result)
                progress.advance(is_reject=is_reject)
        except MixedUpError as error:
            books.take_back(item_id for item_id in error.item_ids if item_id not in inputs)
            raise


def check_reject_rate(report: StageReport, max_reject_rate: float) -> None:
    """Raises `TooManyRejectsError` when a larger share of the stage's items is rejected.

    Counts items rejected in earlier runs too: a re-run with nothing to do is no better.
    """
    num_rejected = report.num_rejected + report.num_rejected_before
    num_items = report.num_items
    if num_rejected <= max_reject_rate * num_items:
        return
    now = ", ".join(f"{count} {reason}" for reason, count in sorted(report.rejects.items()))
    raise TooManyRejectsError(
        f"{report.stage_name}: {num_rejected} of {num_items} items are rejected"
        f"{f' (now: {now})' if now else ''}, more than --max-reject-rate {max_reject_rate:.0%}. "
        "`vau-data rejects` lists them; after mending, run again with --retry-rejects"
    )


class _Books:
    """The record file, the ledger and the rejects of one stage, written in the safe order."""

    def __init__(self, dataset: Dataset, stage: Stage[Any], settled: Ledger) -> None:
        self._dataset = dataset
        self._settled = settled
        self._stage = stage
        self._fingerprint = fingerprint_of(stage)
        self._done_ids: list[str] = []
        self._record_lines: list[bytes] = []
        self._rejects: list[Reject] = []
        self._ledger_lines: list[bytes] = []
        self._stack = ExitStack()
        self._last_sync = time.monotonic()

    def __enter__(self) -> "_Books":
        with ExitStack() as stack:
            dataset = self._dataset
            self._records = stack.enter_context(
                JsonlWriter(dataset.record_path(self._stage.writes))
            )
            self._ledger = stack.enter_context(JsonlWriter(dataset.ledger_path(self._stage.name)))
            self._note_fingerprint()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self._write_down()
        finally:
            self._stack.close()

    def retire(self, item_ids: Iterable[str]) -> None:
        """Items that no longer exist have no live records any more."""
        for item_id in item_ids:
            line = LedgerLine(item_id, "", "", record_ids=(), is_retired=True)
            self._ledger_lines.append(line.dump())

    def revive(self, lines: Iterable[LedgerLine]) -> None:
        """Items that came back have their records again."""
        self._ledger_lines.extend(line.dump() for line in lines)

    def take_back(self, item_ids: Iterable[str]) -> None:
        """What these items were given in this run counts no more: they are to be done again."""
        for item_id in item_ids:
            line = LedgerLine(item_id, "", "", record_ids=(), is_void=True)
            self._ledger_lines.append(line.dump())

    def enter(self, item_id: str, result: Result, input_sha256: str) -> None:
        """Note one outcome; on disk within half a second of further outcomes."""
        if isinstance(result, ItemError):
            self._rejects.append(self._reject(item_id, result, input_sha256))
            line = LedgerLine(item_id, input_sha256, self._fingerprint, (), reject=result.reason)
        else:
            self._done_ids.append(item_id)
            self._record_lines += [dump_line(record) for record in result]
            record_ids = tuple([record.id for record in result])
            line = LedgerLine(item_id, input_sha256, self._fingerprint, record_ids)
        self._ledger_lines.append(line.dump())
        is_time = time.monotonic() - self._last_sync > _SECONDS_BETWEEN_SYNCS
        if is_time or len(self._ledger_lines) >= _OUTCOMES_BETWEEN_SYNCS:
            self._write_down()

    def _write_down(self) -> None:
        _append(self._ledger, self._settled.void_lines(self._done_ids))
        _append(self._records, self._record_lines)
        if self._rejects:
            _append_shared(self._dataset, [dump_line(reject) for reject in self._rejects])
        _append(self._ledger, self._ledger_lines)
        self._done_ids, self._record_lines, self._rejects, self._ledger_lines = [], [], [], []
        self._last_sync = time.monotonic()

    def _reject(self, item_id: str, error: ItemError, input_sha256: str) -> Reject:
        return Reject(
            id=f"{self._stage.name}:{item_id}",
            stage=self._stage.name,
            item_id=item_id,
            reason=error.reason,
            detail=error.detail,
            input_sha256=input_sha256,
            fingerprint=self._fingerprint,
        )

    def _note_fingerprint(self) -> None:
        path = self._dataset.fingerprints_path
        known = any(self._fingerprint.encode() in line for line in read_lines(path))
        if not known:
            line = orjson.dumps({"id": self._fingerprint, "parts": parts_of(self._stage)})
            with JsonlWriter(path, wait_seconds=10.0) as writer:
                writer.append([line + b"\n"])


def _append(writer: JsonlWriter, lines: list[bytes]) -> None:
    if lines:
        writer.append(lines)
        writer.sync()


def _append_shared(dataset: Dataset, lines: list[bytes]) -> None:
    """Rejects are written by all stages, so the file is held only for the moment."""
    with JsonlWriter(dataset.record_path(Reject), wait_seconds=10.0) as writer:
        writer.append(lines)
        writer.sync()


def attempt(stage: Stage[Any], item: Item[Any]) -> Outcome:
    """Do one item; an `ItemError` is an outcome, and so is a fault of ours, as `internal`."""
    try:
        return Outcome(item.id, tuple(stage.process(item)))
    except ItemError as error:
        return Outcome(item.id, error)
    except VauDataError:
        raise
    except Exception as error:  # noqa: BLE001 - one item met a fault of ours; the others need not
        return Outcome(item.id, internal_fault(item.id, error))


def internal_fault(item_id: str, error: BaseException) -> ItemError:
    """The reject for an exception that nobody foresaw; logged as an error, with its trace."""
    trace = "".join(traceback.format_exception(error))
    logger.error("%s failed in a way that is a fault of vau-data:\n%s", item_id, trace)
    return ItemError("internal", f"{item_id}: {type(error).__name__}: {error}")
