"""What can be made again stays under a bound, and what is on a screen stays."""

import os
import time
from pathlib import Path

import pytest

from annotator_ui.room import IN_USE_SECONDS, make_room, note_opened

LONG_AGO = time.time() - 10 * IN_USE_SECONDS


@pytest.fixture
def made(tmp_path: Path) -> list[Path]:
    """Three of 1,000 bytes, a folder among them; the first was opened before the others."""
    folder = tmp_path / "b"
    folder.mkdir()
    paths = [tmp_path / "a.mp4", folder, tmp_path / "c.mp4"]
    for number, path in enumerate(paths):
        file = path / "00.jpg" if path is folder else path
        file.write_bytes(bytes(1000))
        opened(path, LONG_AGO + number)
    return paths


def opened(path: Path, at: float) -> None:
    os.utime(path, (at, at))


def sizes(path: Path) -> int:
    return sum(file.stat().st_size for file in [path, *path.iterdir()])


def test_nothing_goes_while_all_fits(made: list[Path]) -> None:
    assert make_room(made, max_bytes=100_000) == []
    assert all(path.exists() for path in made)


def test_what_nobody_opened_for_the_longest_time_goes_first(made: list[Path]) -> None:
    assert make_room(made, max_bytes=1000 + sizes(made[1])) == [made[0]]
    assert make_room(made[1:], max_bytes=1000) == [made[1]]
    assert not made[1].exists()
    assert made[2].exists()


def test_opening_one_again_saves_it(made: list[Path]) -> None:
    note_opened(made[0])
    assert make_room(made, max_bytes=1000 + sizes(made[1])) == [made[1]]


def test_what_may_be_on_a_screen_is_kept_whatever_the_bound(made: list[Path]) -> None:
    for path in made:
        note_opened(path)
    assert make_room(made, max_bytes=1) == []
