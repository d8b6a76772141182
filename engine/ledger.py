"""What a stage has settled: per item, from which input, under which settings, into which records.

A record is live while the newest ledger line of its item lists it. Records are never deleted: a
newer line that does not list them retires them.
"""

import re
from binascii import unhexlify
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from engine.errors import UsageError
from engine.store import parse_object, read_blocks, read_lines


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
    is_void: bool = False
    """New records of this item are about to be written: what was settled counts no more.

    Without it a crash between record and ledger would leave the new record under the old line.
    """

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
        if self.is_void:
            parts["void"] = True
        return orjson.dumps(parts, option=orjson.OPT_APPEND_NEWLINE)


IMPORT_LEDGER = "import"
"""The ledger of what came from outside: not a stage's."""
ANNOTATE_LEDGER = "annotate"
"""The ledger of what people marked on the annotation pages; items are named as imported ones."""
AUDIT_LEDGER = "audit"
"""The ledger of what audits found: they say what they suspect and make no part of a dataset."""
TWIN_LEDGER = "twin"
"""The ledger of quiet stretches that were captioned to see what a captioner makes up."""


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
        for lines in read_blocks(path):
            ledger._take(lines, path)
        return ledger

    def _take(self, lines: list[bytes], path: Path) -> None:
        has_particulars = bool(self._other_records or self._rejects or self._retired)
        usual = None if has_particulars else _usual_outcomes(lines)
        if usual is not None:
            self._keys.update(usual)
            return
        for line in lines:
            parts = parse_object(line, path=path)
            try:
                self.apply(_line_of(parts))
            except KeyError as error:
                raise UsageError(_incomplete(parts, error, path)) from error

    def apply(self, line: LedgerLine) -> None:
        """Take a newer line into account."""
        item_id = line.item_id
        has_gone = line.is_retired and item_id in self._keys
        last = self._line(item_id) if has_gone else None
        self._forget(item_id)
        if line.is_retired or line.is_void:
            self._keys.pop(item_id, None)
            if last is not None:
                self._retired[item_id] = last
            return
        self._keys[item_id] = settled_key(line.input_sha256, line.fingerprint)
        if line.record_ids != (item_id,):
            self._other_records[item_id] = line.record_ids
        if line.reject is not None:
            self._rejects[item_id] = line.reject

    def _forget(self, item_id: str) -> None:
        """All that was particular about an item; most have nothing."""
        for particulars in (self._other_records, self._rejects, self._retired):
            if particulars:
                particulars.pop(item_id, None)

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

    def forget_missing(self, present: Container[str]) -> int:
        """Forget items of which a record is in no file any more; how many."""
        gone = [
            item_id
            for item_id in self._keys
            if not all(record_id in present for record_id in self.record_ids(item_id))
        ]
        for item_id in gone:
            self._forget(item_id)
            del self._keys[item_id]
        for item_id, line in list(self._retired.items()):
            if not all(record_id in present for record_id in line.record_ids):
                del self._retired[item_id]
        return len(gone)

    def void_lines(self, item_ids: Iterable[str]) -> list[bytes]:
        """What to write before new records of these items: a line for each that has an outcome."""
        keys, retired = self._keys, self._retired
        known = [id_ for id_ in item_ids if id_ in keys or id_ in retired]
        return [LedgerLine(id_, "", "", record_ids=(), is_void=True).dump() for id_ in known]

    def rejects(self) -> dict[str, str]:
        """Item id -> reason, for items whose newest outcome is a reject."""
        return self._rejects


def settled_key(input_sha256: str, fingerprint: str) -> bytes:
    """What must be equal for an item to count as settled: 32 + 8 bytes."""
    return bytes.fromhex(input_sha256 + fingerprint)


_USUAL_OUTCOME = re.compile(
    rb'^\{"id":"([^"\\\n]+)","input_sha256":"(.{64})","fingerprint":"(.{16})",'
    rb'"records":\["\1"\]\}$',
    re.MULTILINE,
)


def _usual_outcomes(lines: list[bytes]) -> Iterator[tuple[str, bytes]] | None:
    """Ids and keys of lines that all say: one record, under the item's own id. Else None.

    A million such lines are read at every start of a large run; parsing them one by one takes
    three times as long.
    """
    found = _USUAL_OUTCOME.findall(b"\n".join(lines))
    if len(found) != len(lines):
        return None
    ids, inputs, fingerprints = zip(*found, strict=True) if found else ((), (), ())
    keys = map(unhexlify, map(bytes.__add__, inputs, fingerprints))
    return zip(map(bytes.decode, ids), keys, strict=True)


def _line_of(parts: Mapping[str, Any]) -> LedgerLine:
    return LedgerLine(
        parts["id"],
        parts["input_sha256"],
        parts["fingerprint"],
        tuple(parts["records"]),
        parts.get("reject"),
        "retired" in parts,
        "void" in parts,
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
