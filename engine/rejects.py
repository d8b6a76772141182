"""The rejects that stand: items whose newest outcome is that they could not be done."""

from collections.abc import Iterator
from typing import get_args

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.index import LEDGERS, Index
from engine.ledger import AUDIT_LEDGER, TWIN_LEDGER, Ledger
from engine.store import parse_record, read_lines
from schemas import Reject
from schemas.reject import RejectReason


def stage_names() -> list[str]:
    """Whatever makes a part of the dataset and keeps a ledger: the stages, and `import`."""
    return [name for name in _ledger_names() if name not in (AUDIT_LEDGER, TWIN_LEDGER)]


def _ledger_names() -> list[str]:
    return sorted({name for names in LEDGERS.values() for name in names})


def current_rejects(
    dataset: Dataset, *, stage: str | None = None, reason: str | None = None
) -> list[Reject]:
    """Rejects in order of their stage and item, perhaps of one stage or reason only.

    Raises `UsageError` for a stage or a reason that does not exist.
    """
    _check("stage", stage, _ledger_names())
    _check("reason", reason, sorted(get_args(RejectReason)))
    index = Index(dataset)
    ledgers = {name: index.ledger(name) for name in _ledger_names() if stage in (None, name)}
    found = [reject for reject in _newest(dataset) if _stands(reject, ledgers)]
    found = [reject for reject in found if reason in (None, reject.reason)]
    return sorted(found, key=lambda reject: (reject.stage, reject.item_id))


def _newest(dataset: Dataset) -> Iterator[Reject]:
    path = dataset.record_path(Reject)
    newest: dict[str, Reject] = {}
    for line in read_lines(path):
        reject = parse_record(Reject, line, path=path)
        newest[reject.id] = reject
    yield from newest.values()


def _stands(reject: Reject, ledgers: dict[str, Ledger]) -> bool:
    return reject.stage in ledgers and reject.item_id in ledgers[reject.stage].rejects()


def _check(what: str, value: str | None, known: list[str]) -> None:
    if value is not None and value not in known:
        raise UsageError(f"no {what} {value!r}; there are: {', '.join(known)}")
