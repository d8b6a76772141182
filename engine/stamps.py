"""Was there nothing to do last time, and has nothing been touched since? Then there is nothing now.

A step that ends with everything settled leaves a stamp: its fingerprint, the settings, and size
and time of every file that its join read. While all of these are the same, the next start need
not look at a million items to find them settled. Whatever is in doubt, the stamp does not count.
"""

import hashlib
import logging
import os
from pathlib import Path
from typing import NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from engine.dataset import Dataset
from engine.errors import ServiceError, UsageError
from engine.store import write_whole_file
from engine.version import VERSION

logger = logging.getLogger(__name__)


class FileState(NamedTuple):
    """What changes when a file is written to; -1 where there is none."""

    size_bytes: int
    modified_ns: int


class Stamp(BaseModel):
    """A step at rest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    """Version, fingerprint and settings."""
    files: dict[str, FileState]
    """Path relative to the dataset folder, which it may lead out of -> its state."""
    num_settled: int
    num_rejected: int


def state_of(path: Path) -> FileState:
    """A file as it is now."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return FileState(-1, -1)
    return FileState(found.st_size, found.st_mtime_ns)


def read_stamp(dataset: Dataset, name: str, *, fingerprint: str) -> Stamp | None:
    """The stamp of a step, if it still holds."""
    path = _path(dataset, name)
    try:
        stamp = Stamp.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    is_same = stamp.key == _key(dataset, fingerprint) and all(
        state_of(dataset.dir_path / file) == state for file, state in stamp.files.items()
    )
    return stamp if is_same else None


def write_stamp(
    dataset: Dataset,
    name: str,
    *,
    fingerprint: str,
    files: dict[Path, FileState],
    counts: tuple[int, int],
) -> None:
    """Leave a stamp; `counts` are the settled and the rejected items. Best effort."""
    stamp = Stamp(
        key=_key(dataset, fingerprint),
        files={os.path.relpath(path, dataset.dir_path): files[path] for path in files},
        num_settled=counts[0],
        num_rejected=counts[1],
    )
    try:
        write_whole_file(_path(dataset, name), stamp.model_dump_json().encode())
    except (UsageError, ServiceError) as error:
        logger.debug("no stamp for %s: %s", name, error)


def _path(dataset: Dataset, name: str) -> Path:
    return dataset.dir_path / "runs" / ".stamps" / f"{name}.json"


def _key(dataset: Dataset, fingerprint: str) -> str:
    settings = orjson.dumps(dataset.config.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(f"{VERSION}/{fingerprint}/".encode() + settings).hexdigest()
