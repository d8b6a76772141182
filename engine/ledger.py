"""What a stage has settled: per item, from which input, under which settings, into which records.

A record is live while the newest ledger line of its item lists it. Records are never deleted: a
newer line that does not list them retires them.
"""

import re
from binascii import unhexlify
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from engine.errors import UsageError
from engine.store import parse_object, read_lines


class LedgerLine(
    msgspec.Struct,
    frozen=True,
    gc=False,
    omit_defaults=True,
    rename={
        "item_id": "id",
        "record_ids": "records",
        "is_retired": "retired",
        "is_void": "void",
    },
):
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
        return _encode(self) + b"\n"


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(LedgerLine).decode

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
        for line in read_lines(path):
            try:
                ledger.apply(_decode(line))
            except (msgspec.MsgspecError, ValueError) as error:
                raise UsageError(
                    f"{path}: {line[:80]!r} is no outcome of an item ({error}); delete that line, "
                    "and the item is done again"
                ) from error
        return ledger

    def apply(self, line: LedgerLine) -> None:
        """Take a newer line into account."""
        item_id = line.item_id
        if line.is_retired or line.is_void:
            self._end(line)
            return
        self._keys[item_id] = unhexlify(line.input_sha256 + line.fingerprint)
        if self._rejects or self._retired or item_id in self._other_records:
            self._forget(item_id)
        if line.record_ids != (item_id,):
            self._other_records[item_id] = line.record_ids
        if line.reject is not None:
            self._rejects[item_id] = line.reject

    def _end(self, line: LedgerLine) -> None:
        item_id = line.item_id
        last = self._line(item_id) if line.is_retired and item_id in self._keys else None
        self._forget(item_id)
        self._keys.pop(item_id, None)
        if last is not None:
            self._retired[item_id] = last

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

    def fingerprints(self) -> set[str]:
        """Those of all newest outcomes."""
        return {fingerprint.hex() for fingerprint in {key[32:] for key in self._keys.values()}}

    def record_ids(self, item_id: str) -> tuple[str, ...]:
        """The live records of one item."""
        return self._other_records.get(item_id, (item_id,))

    def live_record_ids(self, *, scope: str = "") -> list[str]:
        """All live records of the items whose id starts with `scope`."""
        item_ids = [item_id for item_id in self._keys if item_id.startswith(scope)]
        other = self._other_records
        if not other:
            return item_ids
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
