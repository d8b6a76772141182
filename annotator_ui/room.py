"""Keeps proxies and thumbnails under a bound: what nobody opened for the longest time goes first.

Everything here can be made again from the videos.
"""

import logging
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

IN_USE_SECONDS = 3600.0
"""Opened as late as this, it may be on somebody's screen and is kept whatever the bound."""
_SECONDS_BETWEEN_NOTES = 60.0


@dataclass(frozen=True)
class _Made:
    path: Path
    num_bytes: int
    opened_at: float


def note_opened(path: Path) -> None:
    """Somebody looks at it now."""
    now = time.time()
    if path.stat().st_mtime < now - _SECONDS_BETWEEN_NOTES:
        os.utime(path, (now, now))


def make_room(paths: Iterable[Path], *, max_bytes: int) -> list[Path]:
    """Remove files and folders until the rest fits; which went."""
    found = sorted(map(_measured, paths), key=lambda made: made.opened_at)
    num_bytes = sum(made.num_bytes for made in found)
    gone = []
    for made in found:
        if num_bytes <= max_bytes or made.opened_at > time.time() - IN_USE_SECONDS:
            break
        _remove(made.path)
        gone.append(made.path)
        num_bytes -= made.num_bytes
    if gone:
        logger.info("removed %d proxies and thumbnails that were not used lately", len(gone))
    return gone


def _measured(path: Path) -> _Made:
    files = [path, *path.iterdir()] if path.is_dir() else [path]
    return _Made(path, sum(file.stat().st_size for file in files), path.stat().st_mtime)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
