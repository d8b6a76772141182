"""What a stage has settled: per item, from which input, under which settings, into which records.

A record is live while the newest ledger line of its item lists it. Records are never deleted: a
newer line that does not list them retires them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from engine.errors import UsageError
from engine.store import parse_object, read_lines


class LedgerLine(NamedTuple):
    """One outcome of one item."""

    item_id: str
    input_sha256: str
    fingerprint: str
    record_ids: tuple[str, ...]
    reject: str | None = None
    """The reject reason; None: it went well."""
    is_retired: bool = False
    """The item is gone (its event was removed, a person took over): nothing of it is live."""

    def dump(self) -> bytes:
        """As one line of `runs/<stage>.jsonl`."""
        parts: dict[str, object] = {
            "id": self.item_id,
            "input_sha256": self.input_sha256,
            "fingerprint": self.fingerprint,
            "records": self.record_ids,
        }
        if self.reject is not None:
            parts["reject"] = self.reject
        if self.is_retired:
            parts["retired"] = True
        return orjson.dumps(parts, option=orjson.OPT_APPEND_NEWLINE)


@dataclass
class Ledger:
    """The newest line of every item, held compactly: about 250 bytes an item."""

    _keys: dict[str, bytes] = field(default_factory=dict)
    _other_records: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Only where the records are not exactly one with the item's own id."""
    _rejects: dict[str, str] = field(default_factory=dict)
    _retired: dict[str, LedgerLine] = field(default_factory=dict)
    """What an item that is gone had last: should it come back unchanged, so does its outcome."""

    @classmethod
    def load(cls, path: Path) -> "Ledger":
        """Read a ledger; an absent file is an empty one."""
        ledger = cls()
        for line in read_lines(path):
            parts = parse_object(line, path=path)
            try:
                ledger._take(parts)
            except KeyError as error:
                raise UsageError(_incomplete(parts, error, path)) from error
        return ledger

    def _take(self, parts: Mapping[str, Any]) -> None:
        """Apply a line; the usual kind, of which there may be a million, without detours."""
        item_id = parts["id"]
        is_usual = len(parts) == _NUM_USUAL_PARTS and parts["records"] == [item_id]
        if is_usual and item_id not in self._other_records and item_id not in self._retired:
            self._rejects.pop(item_id, None)
            self._keys[item_id] = settled_key(parts["input_sha256"], parts["fingerprint"])
        else:
            self.apply(_line_of(parts))

    def apply(self, line: LedgerLine) -> None:
        """Take a newer line into account."""
        item_id = line.item_id
        if line.is_retired and item_id in self._keys:
            self._retired[item_id] = self._line(item_id)
        else:
            self._retired.pop(item_id, None)
        self._other_records.pop(item_id, None)
        self._rejects.pop(item_id, None)
        if line.is_retired:
            self._keys.pop(item_id, None)
            return
        self._keys[item_id] = settled_key(line.input_sha256, line.fingerprint)
        if line.record_ids != (item_id,):
            self._other_records[item_id] = line.record_ids
        if line.reject is not None:
            self._rejects[item_id] = line.reject

    def _line(self, item_id: str) -> LedgerLine:
        key = self._keys[item_id]
        return LedgerLine(
            item_id=item_id,
            input_sha256=key[:32].hex(),
            fingerprint=key[32:].hex(),
            record_ids=self.record_ids(item_id),
            reject=self._rejects.get(item_id),
        )

    def retired_line(self, item_id: str) -> LedgerLine | None:
        """What a retired item had last; None: it is not retired."""
        return self._retired.get(item_id)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._keys

    def item_ids(self) -> Iterator[str]:
        """All items that have an outcome."""
        return iter(self._keys)

    def key(self, item_id: str) -> bytes | None:
        """Input and fingerprint of the newest outcome; None: there is none."""
        return self._keys.get(item_id)

    def fingerprint(self, item_id: str) -> str:
        """The fingerprint of the newest outcome."""
        return self._keys[item_id][32:].hex()

    def record_ids(self, item_id: str) -> tuple[str, ...]:
        """The live records of one item."""
        return self._other_records.get(item_id, (item_id,))

    def live_record_ids(self, *, scope: str = "") -> list[str]:
        """All live records of the items whose id starts with `scope`."""
        item_ids = (item_id for item_id in self._keys if item_id.startswith(scope))
        other = self._other_records
        return [id_ for item_id in item_ids for id_ in other.get(item_id, (item_id,))]

    def rejects(self) -> dict[str, str]:
        """Item id -> reason, for items whose newest outcome is a reject."""
        return self._rejects


def settled_key(input_sha256: str, fingerprint: str) -> bytes:
    """What must be equal for an item to count as settled: 32 + 8 bytes."""
    return bytes.fromhex(input_sha256 + fingerprint)


_NUM_USUAL_PARTS = 4
"""An outcome that is neither a reject nor a retirement has so many parts."""


def _line_of(parts: Mapping[str, Any]) -> LedgerLine:
    return LedgerLine(
        parts["id"],
        parts["input_sha256"],
        parts["fingerprint"],
        tuple(parts["records"]),
        parts.get("reject"),
        "retired" in parts,
    )


def _incomplete(parts: Mapping[str, Any], error: KeyError, path: Path) -> str:
    return (
        f"{path}: the line of {parts['id']!r} lacks {error}; delete that line, and the item is "
        "done again"
    )


_NUMBER_AT_END = re.compile(r"(\d+)$")


def highest_numbers(path: Path, *, mark: str) -> dict[str, int]:
    """For ids like `{parent}{mark}{number}`: parent -> highest number any line ever gave.

    Ids that no ledger line lists were never given (a crash came first), and may be given again.
    """
    highest: dict[str, int] = {}
    for line in read_lines(path):
        for record_id in parse_object(line, path=path)["records"]:
            parent, found, number = record_id.rpartition(mark)
            if found and _NUMBER_AT_END.fullmatch(number):
                highest[parent] = max(highest.get(parent, -1), int(number))
    return highest
