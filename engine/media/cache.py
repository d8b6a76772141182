"""Copies of remote files on this machine: bounded, shared by its processes, safe to kill.

A copy is whole or absent: it is filled under another name and renamed. Whoever reads a copy, and
whoever fills one, holds a lock on it that the kernel takes back when the process dies. The least
recently used copies that nobody holds make room for new ones.
"""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from engine.errors import ServiceError

CACHE_DIR_VARIABLE = "VAU_DATA_CACHE"
_PART_SUFFIX = ".part"
_LONGEST_STEM = 120
"""Of a file's name: an object's key may be longer than a file's name."""
_FREED_SHARE = 0.1
"""How much below its bound the cache is brought, so that not every fetch has to look."""
_USAGE_NAME = ".usage"
"""About how many bytes there are; locked by who counts or removes. Absent: nobody knows."""


def cache_dir_path() -> Path:
    """$VAU_DATA_CACHE, else below the user's cache folder; the same for all datasets."""
    if said := os.environ.get(CACHE_DIR_VARIABLE):
        return Path(said)
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "vau-data" / "videos"


@contextmanager
def kept(name: str, key: str, *, fill: Callable[[Path], None], most_bytes: int) -> Iterator[Path]:
    """The copy `key` of a file called `name`, which nobody removes while the context lasts.

    `fill` writes it where there is none. The cache grows past `most_bytes` by what is in use or
    being filled, and by no more. Raises what `fill` raises, and `ServiceError` where its disk is
    full or cannot be written.
    """
    try:
        cache_dir_path().mkdir(parents=True, exist_ok=True)
        path = cache_dir_path() / _file_name(name, key)
        descriptor = _held(path) or _filled(path, fill, most_bytes)
    except OSError as error:
        raise _unwritable(error) from error
    try:
        os.utime(path)
        yield path
    finally:
        os.close(descriptor)


def _file_name(name: str, key: str) -> str:
    """Readable in messages, and with the suffix that tells a file's format."""
    stem, dot, suffix = name.rpartition(".")
    return f"{(stem or suffix)[:_LONGEST_STEM]}.{key[:24]}{dot}{suffix}"


def _held(path: Path) -> int | None:
    """A descriptor with a shared lock on a whole copy; None where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    if _is_there(descriptor, path):
        return descriptor
    os.close(descriptor)  # it was removed before the lock was ours
    return None


def _filled(path: Path, fill: Callable[[Path], None], most_bytes: int) -> int:
    """Fill the copy, or wait for who is at it; what a killed process left is filled anew."""
    part = path.with_name(path.name + _PART_SUFFIX)
    while True:
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT, 0o666)
        with ExitStack() as closing:
            closing.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_there(descriptor, part) and not path.exists():
                fill(part)
                _make_room(part.stat().st_size, most_bytes)
                part.replace(path)
                fcntl.flock(descriptor, fcntl.LOCK_SH)
            if _is_there(descriptor, path):
                closing.pop_all()
                return descriptor
        if (held := _held(path)) is not None:
            return held


def _is_there(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _make_room(added_bytes: int, most_bytes: int) -> None:
    """Note what was added; once it may be too much, look through the copies and remove some."""
    usage = os.open(cache_dir_path() / _USAGE_NAME, os.O_RDWR | os.O_CREAT, 0o666)
    with os.fdopen(usage, "r+") as file:
        fcntl.flock(usage, fcntl.LOCK_EX)
        total_bytes = int(file.read() or most_bytes) + added_bytes
        if total_bytes > most_bytes:
            total_bytes = _thin_out(int((1 - _FREED_SHARE) * most_bytes))
        file.seek(0)
        file.truncate()
        file.write(str(total_bytes))


def _thin_out(most_bytes: int) -> int:
    """Remove copies, the least recently used first; how many bytes are left."""
    found = []
    for entry in os.scandir(cache_dir_path()):
        with suppress(FileNotFoundError):  # renamed or removed since it was listed
            found.append((entry.stat().st_mtime_ns, entry.stat().st_size, Path(entry.path)))
    total_bytes = sum(size_bytes for _, size_bytes, _ in found)
    for _, size_bytes, path in sorted(found):
        if total_bytes <= most_bytes:
            break
        if path.name != _USAGE_NAME and _removed(path):
            total_bytes -= size_bytes
    return total_bytes


def _removed(path: Path) -> bool:
    """Whether nobody held the copy, so that it is gone now."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _unwritable(error: OSError) -> ServiceError:
    where = f"the cache of remote videos, {cache_dir_path()}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ServiceError(
            f"the disk of {where}, is full; make room, lower [media] cache_gib, or set "
            f"${CACHE_DIR_VARIABLE} to a folder on another disk, and run the same command again"
        )
    return ServiceError(
        f"{where}, cannot be used ({error}); set ${CACHE_DIR_VARIABLE} to a folder that can be "
        "written"
    )
