import random
from pathlib import Path

import pytest

from engine.lines import IN_MEMORY_BYTES, LinesByPosition, newest_lines

NUM_RECORDS = 400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Lines of 30 bytes to 20 kB; every tenth record has a newer line further down."""
    file_path = tmp_path / "records.jsonl"
    older = [_line(number, version=0) for number in range(NUM_RECORDS)]
    newer = [_line(number, version=1) for number in range(0, NUM_RECORDS, 10)]
    file_path.write_bytes(b"\n".join([*older, *newer, b""]))
    return file_path


def _line(number: int, *, version: int) -> bytes:
    filler = b"x" * (20_000 if number % 37 == 0 else number)
    return b'{"id":"r%d","version":%d,"text":"%b"}' % (number, version, filler)


def test_lines_by_position_are_the_newest_in_whatever_order_they_are_asked_for(path: Path) -> None:
    wanted = {f"r{number}": f"r{number}" for number in range(NUM_RECORDS)}
    by_position = LinesByPosition(path, wanted)
    in_memory = newest_lines(path, wanted=wanted, unwanted=())
    assert path.stat().st_size < IN_MEMORY_BYTES, "else both sides would be the same thing"
    order = [*wanted, *reversed(wanted), *random.Random(0).choices(list(wanted), k=500)]
    assert [by_position[id_] for id_ in order] == [in_memory[id_] for id_ in order]
    assert dict(by_position.items()) == in_memory


def test_lines_that_were_not_wanted_are_not_there(path: Path) -> None:
    lines = LinesByPosition(path, {"r3": "r3"})
    assert list(lines) == ["r3"]
    assert "r4" not in lines
    with pytest.raises(KeyError):
        lines["r4"]
