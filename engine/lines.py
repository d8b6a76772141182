"""Newest lines of a JSONL file by id: in memory while the file is small, by position if large."""

import os
import weakref
from collections.abc import Collection, ItemsView, Iterator, Mapping
from pathlib import Path

from engine.store import id_of, read_lines

IN_MEMORY_BYTES = 64 << 20
"""Files up to this size are held; of larger ones only positions, a third of the memory."""

_LENGTH_BITS = 28
_BLOCK_BYTES = 1 << 20


class LinesByPosition(Mapping[str, bytes]):
    """Reads a line when asked for it. The file may grow meanwhile, but not change."""

    def __init__(self, path: Path, wanted: Mapping[str, str]) -> None:
        self._positions = _newest_positions(path, wanted)
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)

    def __getitem__(self, record_id: str) -> bytes:
        offset, length = divmod(self._positions[record_id], 1 << _LENGTH_BITS)
        return os.pread(self._descriptor, length, offset)

    def items(self) -> ItemsView[str, bytes]:
        """All lines; read in blocks, since they mostly follow one another."""
        return _ItemsInBlocks(self)

    def blocks(self) -> Iterator[tuple[str, bytes]]:
        """Id and line of every record, in order."""
        block, block_start = b"", 0
        for record_id, position in self._positions.items():
            offset, length = divmod(position, 1 << _LENGTH_BITS)
            start = offset - block_start
            if start < 0 or start + length > len(block):
                block = os.pread(self._descriptor, max(length, _BLOCK_BYTES), offset)
                block_start, start = offset, 0
            yield record_id, block[start : start + length]

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
    lines: dict[str, bytes] = {}
    for line in read_lines(path):
        record_id = wanted.get(id_of(line, path=path))
        if record_id is not None:
            lines[record_id] = line
    return lines


def _newest_positions(path: Path, wanted: Mapping[str, str]) -> dict[str, int]:
    positions: dict[str, int] = {}
    offset = 0
    for line in read_lines(path):
        length = len(line)
        record_id = wanted.get(id_of(line, path=path))
        if record_id is not None:
            positions[record_id] = (offset << _LENGTH_BITS) | length
        offset += length + 1
    return positions
