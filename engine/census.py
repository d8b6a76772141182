"""Which items of a stage are settled, which are to be done, and which are gone. Writes nothing."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from engine.collector import collector_paused
from engine.dataset import Dataset
from engine.ledger import Ledger, LedgerLine
from engine.lines import ids_in
from engine.stage import Pending, Stage, fingerprint_of

logger = logging.getLogger(__name__)


@dataclass
class Census:
    """Meets every item that now exists, and sorts it: settled, rejected before, new or stale."""

    ledger: Ledger
    fingerprint: str
    retry_rejects: bool = False
    num_settled: int = 0
    num_rejected: int = 0
    """Settled as rejects."""
    num_new: int = 0
    num_stale_input: int = 0
    num_stale_settings: int = 0
    num_retried: int = 0
    waiting: dict[str, int] = field(default_factory=dict)
    """Why items cannot be done yet -> how many."""
    revived: list[LedgerLine] = field(default_factory=list)
    """Items that had been gone and came back exactly as they were: nothing is done again."""
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._fingerprint_bytes = bytes.fromhex(self.fingerprint)

    def wants(self, item_id: str, input_sha256: bytes) -> bool:
        """Whether this item is to be done."""
        self._seen.add(item_id)
        known = self.ledger.key(item_id)
        if known is None:
            return not self._revives(item_id, input_sha256)
        if known != input_sha256 + self._fingerprint_bytes:
            self._count_stale(known, input_sha256)
            return True
        if item_id not in self.ledger.rejects():
            self.num_settled += 1
            return False
        self.num_rejected += not self.retry_rejects
        self.num_retried += self.retry_rejects
        return self.retry_rejects

    def _revives(self, item_id: str, input_sha256: bytes) -> bool:
        line = self.ledger.retired_line(item_id)
        settled = (input_sha256.hex(), self.fingerprint)
        if line is None or (line.input_sha256, line.fingerprint) != settled or line.reject:
            self.num_new += 1
            return False
        self.revived.append(line)
        self.num_settled += 1
        return True

    def waits(self, item_id: str, why: str) -> None:
        """This item exists, but something before it is not settled."""
        self._seen.add(item_id)
        self.waiting[why] = self.waiting.get(why, 0) + 1

    def _count_stale(self, known: bytes, input_sha256: bytes) -> None:
        if known[:32] != input_sha256:
            self.num_stale_input += 1
        else:
            self.num_stale_settings += 1

    def vanished(self, scope: str) -> list[str]:
        """Items of this scope that have an outcome but no longer exist."""
        gone = (item_id for item_id in self.ledger.item_ids() if item_id not in self._seen)
        return [item_id for item_id in gone if item_id.startswith(scope)]

    @property
    def num_to_do(self) -> int:
        """New, stale and retried items."""
        return self.num_new + self.num_stale_input + self.num_stale_settings + self.num_retried


Join = Callable[[Census], Iterable[Pending[Any]]]


def load_ledger(dataset: Dataset, stage: Stage[Any]) -> Ledger:
    """What the stage has settled and what is still there of it.

    A person may have deleted a damaged line from a record file: its item is to be done again.
    """
    path = dataset.record_path(stage.writes)
    with collector_paused():
        ledger = Ledger.load(dataset.ledger_path(stage.name))
        num_gone = ledger.forget_missing(ids_in(path)) if len(ledger) else 0
    if num_gone:
        logger.warning("%d items have lost records from %s; they are done again", num_gone, path)
    return ledger


def take_census(
    stage: Stage[Any], join: Join, *, ledger: Ledger, retry_rejects: bool = False
) -> tuple[Census, list[Pending[Any]]]:
    """All items that now exist, and those of them that are to be done. Writes nothing."""
    census = Census(ledger=ledger, fingerprint=fingerprint_of(stage), retry_rejects=retry_rejects)
    with collector_paused():
        return census, list(join(census))
