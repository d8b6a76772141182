import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.errors import ServiceError
from engine.media.cache import cache_dir_path, kept

MOST = 1000


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAU_DATA_CACHE", str(tmp_path / "cache"))


def of(num_bytes: int, fills: list[Path] | None = None) -> Callable[[Path], None]:
    """Fills a copy with so many bytes, and notes it."""

    def fill(path: Path) -> None:
        path.write_bytes(b"x" * num_bytes)
        if fills is not None:
            fills.append(path)

    return fill


def names() -> list[str]:
    """Of the copies that are there."""
    found = (path.name for path in cache_dir_path().iterdir())
    return sorted(name.split(".")[0] for name in found if not name.startswith("."))


def use(name: str, *, num_bytes: int = 400) -> None:
    with kept(f"{name}.mp4", f"key of {name}", fill=of(num_bytes), most_bytes=MOST):
        pass


def test_a_copy_is_filled_once_and_keeps_its_suffix() -> None:
    fills: list[Path] = []
    for _ in range(2):
        with kept("street.01.mp4", "k", fill=of(7, fills), most_bytes=MOST) as path:
            assert path.read_bytes() == b"x" * 7
            assert path.name == "street.01.k.mp4"
    assert len(fills) == 1


def test_names_longer_than_a_file_system_takes_are_cut() -> None:
    use("a" * 1000)
    assert len(names()) == 1


def test_the_least_recently_used_copies_make_room() -> None:
    use("first")
    use("second")
    time.sleep(0.01)
    use("first")
    use("third")
    assert names() == ["first", "third"]


def test_a_copy_in_use_is_never_removed() -> None:
    with ExitStack() as stack:
        first = stack.enter_context(kept("first.mp4", "1", fill=of(800), most_bytes=MOST))
        use("second", num_bytes=800)
        use("third", num_bytes=800)
        assert first.exists()
        assert names() == ["first", "third"]
    use("fourth", num_bytes=800)
    assert names() == ["fourth"]


def test_a_fill_that_fails_leaves_nothing_that_counts_as_a_copy() -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyError("the line broke")

    with (
        pytest.raises(KeyError, match="the line broke"),
        kept("a.mp4", "k", fill=fail, most_bytes=MOST),
    ):
        pass
    with kept("a.mp4", "k", fill=of(9), most_bytes=MOST) as path:
        assert path.stat().st_size == 9


def test_a_full_disk_stops_the_run_with_what_to_do() -> None:
    def fill(path: Path) -> None:
        raise OSError(28, "No space left on device")

    with (
        pytest.raises(ServiceError, match="cache_gib"),
        kept("a.mp4", "k", fill=fill, most_bytes=MOST),
    ):
        pass


def test_a_cache_that_cannot_be_written_stops_the_run_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VAU_DATA_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(ServiceError, match="VAU_DATA_CACHE"):
        use("a")


def _fill_slowly(note_path: Path) -> None:
    def fill(path: Path) -> None:
        with note_path.open("a") as notes:
            notes.write(f"{os.getpid()}\n")
        path.write_bytes(b"half")
        time.sleep(0.5 if len(note_path.read_text().splitlines()) > 1 else 30)
        path.write_bytes(b"whole")

    with kept("a.mp4", "k", fill=fill, most_bytes=MOST) as path:
        assert path.read_bytes() == b"whole"


def test_a_process_that_is_killed_while_it_fills_leaves_the_work_to_who_waits(
    tmp_path: Path,
) -> None:
    """The others wait for the first; when it dies, one of them fills, and only one."""
    context = multiprocessing.get_context("spawn")
    notes = tmp_path / "notes"
    workers = [context.Process(target=_fill_slowly, args=(notes,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    first_pid = int(next(_lines(notes)))
    os.kill(first_pid, signal.SIGKILL)
    for worker in workers:
        worker.join(timeout=30)
    assert sorted(worker.exitcode or 0 for worker in workers) == [-9, 0, 0]
    assert len(notes.read_text().splitlines()) == 2


def _lines(path: Path) -> Iterator[str]:
    deadline = time.monotonic() + 20
    while not path.exists() or not path.read_text().endswith("\n"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield from path.read_text().splitlines()
