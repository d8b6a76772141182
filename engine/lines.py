"""Newest lines of a JSONL file by id: in memory while the file is small, by position if large."""

import os
import weakref
from collections.abc import Collection, ItemsView, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import TypeVar, cast

from engine.store import ids_of, read_blocks

IN_MEMORY_BYTES = 64 << 20
"""Files up to this size are held; of larger ones only positions, a third of the memory."""

_BLOCK_BYTES = 1 << 20
_READ_BYTES = 1 << 13

Value = TypeVar("Value")


class LinesByPosition(Mapping[str, bytes]):
    """Reads a line when asked for it. The file may grow meanwhile, but not change."""

    def __init__(self, path: Path, wanted: Mapping[str, str]) -> None:
        self._positions = _newest_positions(path, wanted)
        self._descriptor = os.open(path, os.O_RDONLY)
        self._last_read = (0, b"")
        weakref.finalize(self, os.close, self._descriptor)

    def __getitem__(self, record_id: str) -> bytes:
        """A line; mostly the next one of the file is wanted next, and so at hand already."""
        offset = self._positions[record_id]
        block_start, block = self._last_read
        start = offset - block_start
        end = block.find(b"\n", start) if 0 <= start < len(block) else -1
        if end < 0:
            block, start = self._block_at(offset, _READ_BYTES), 0
            self._last_read = offset, block
            end = block.find(b"\n")
        return block[start:end]

    def items(self) -> ItemsView[str, bytes]:
        """All lines; read in blocks, since they mostly follow one another."""
        return _ItemsInBlocks(self)

    def blocks(self) -> Iterator[tuple[str, bytes]]:
        """Id and line of every record, in order."""
        block, block_start = b"", 0
        for record_id, offset in self._positions.items():
            start = offset - block_start
            end = block.find(b"\n", start) if 0 <= start < len(block) else -1
            if end < 0:
                block, block_start, start = self._block_at(offset, _BLOCK_BYTES), offset, 0
                end = block.find(b"\n")
            yield record_id, block[start:end]

    def _block_at(self, offset: int, length: int) -> bytes:
        """At least the whole line that starts there."""
        while b"\n" not in (block := os.pread(self._descriptor, length, offset)):
            length *= 4
        return block

    def __contains__(self, record_id: object) -> bool:
        return record_id in self._positions

    def __iter__(self) -> Iterator[str]:
        return iter(self._positions)

    def __len__(self) -> int:
        return len(self._positions)


class _ItemsInBlocks(ItemsView[str, bytes]):
    def __init__(self, lines: LinesByPosition) -> None:
        super().__init__(lines)
        self._blocks = lines.blocks

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        return self._blocks()


def newest_lines(
    path: Path, *, wanted: Mapping[str, str], unwanted: Collection[str]
) -> Mapping[str, bytes]:
    """Id -> newest line of every record in `wanted` and not in `unwanted`, in file order.

    `wanted` maps ids to themselves: its strings are used, so that a million ids are held once.
    """
    if unwanted:
        wanted = {record_id: record_id for record_id in wanted if record_id not in unwanted}
    if path.exists() and path.stat().st_size > IN_MEMORY_BYTES:
        return LinesByPosition(path, wanted)
    newest: dict[str | None, bytes] = {}
    for lines in read_blocks(path):
        newest.update(zip(map(wanted.get, ids_of(lines, path=path)), lines, strict=True))
    return _without_none(newest)


def ids_in(path: Path) -> set[str]:
    """All ids that a file has lines of."""
    found: set[str] = set()
    for lines in read_blocks(path):
        found.update(ids_of(lines, path=path))
    return found


def _newest_positions(path: Path, wanted: Mapping[str, str]) -> dict[str, int]:
    positions: dict[str | None, int] = {}
    offset = 0
    for lines in read_blocks(path):
        offsets = list(accumulate((len(line) + 1 for line in lines), initial=offset))
        offset = offsets.pop()
        positions.update(zip(map(wanted.get, ids_of(lines, path=path)), offsets, strict=True))
    return _without_none(positions)


def _without_none(by_id: dict[str | None, Value]) -> dict[str, Value]:
    """What stands under None was not wanted."""
    by_id.pop(None, None)
    return cast("dict[str, Value]", by_id)
