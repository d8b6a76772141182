"""Append-only JSONL files: typed records go in, complete lines come out, a crash costs nothing.

A line is complete when it ends in a newline. What stands behind the last newline was cut off by a
crash: readers pass over it, and the next writer removes it. One process at a time writes a file.
"""

import logging
import os
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import orjson
from filelock import FileLock, Timeout
from pydantic import ValidationError

from engine.errors import ServiceError, UsageError
from schemas import (
    Caption,
    CheckRound,
    Click,
    Clip,
    Event,
    FeatureTrack,
    Finding,
    HumanCaption,
    Instruction,
    Record,
    Reject,
    Review,
    ScoreTrack,
    SpotCheck,
    Summary,
    Twin,
    Video,
)

logger = logging.getLogger(__name__)

AnyRecord = TypeVar("AnyRecord", bound=Record)

RECORD_FILES: dict[type[Record], str] = {
    Video: "videos.jsonl",
    Click: "clicks.jsonl",
    FeatureTrack: "features.jsonl",
    ScoreTrack: "scores.jsonl",
    Event: "events.jsonl",
    Clip: "clips.jsonl",
    HumanCaption: "human_captions.jsonl",
    Caption: "captions.jsonl",
    Summary: "summaries.jsonl",
    Instruction: "instructions.jsonl",
    Finding: "findings.jsonl",
    Twin: "twins.jsonl",
    Review: "reviews.jsonl",
    CheckRound: "check_rounds.jsonl",
    SpotCheck: "checks.jsonl",
    Reject: "rejects.jsonl",
}

_sync_data = getattr(os, "fdatasync", os.fsync)
"""Content and size, without times: all that a line needs. macOS has only fsync."""

PROVENANCE_MARK = b',"provenance":'
_MANY_BYTES = 1 << 20


def content_of(line: bytes) -> bytes:
    """The part of a record's line that says what is true, without how it came to be.

    Quotes inside texts are escaped in JSON, so the mark cannot occur in one.
    """
    return line.partition(PROVENANCE_MARK)[0]


def read_lines(path: Path) -> Iterator[bytes]:
    """Complete lines without their newline, in file order; nothing if the file is absent."""
    for lines in read_blocks(path):
        yield from lines


def read_blocks(path: Path) -> Iterator[list[bytes]]:
    """`read_lines`, about a megabyte of lines at a time."""
    if not path.exists():
        return
    torn = b""
    with path.open("rb", buffering=0) as file:
        while block := file.read(_MANY_BYTES):
            *lines, torn = (torn + block).split(b"\n")
            yield lines
    if torn:
        logger.warning(
            "%s ends in a line that a crash cut off; it is passed over and will be removed when "
            "the file is next written to",
            path,
        )


_ID_START = b'{"id":"'
_ID_AT = len(_ID_START)


def ids_of(lines: list[bytes], *, path: Path) -> list[str]:
    """The ids of lines; quick where all are as we write them, right for any."""
    if all(map(bytes.startswith, lines, repeat(_ID_START))):
        found = [line[_ID_AT : line.find(b'"', _ID_AT)] for line in lines]
        if b"\\" not in b"".join(found):
            return list(map(bytes.decode, found))
    return [str(parse_object(line, path=path)["id"]) for line in lines]


def parse_object(line: bytes, *, path: Path) -> dict[str, Any]:
    """A line as a JSON object. Raises `UsageError` naming the file where it is none."""
    try:
        loaded = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UsageError(_damaged(path, line, str(error))) from error
    if not isinstance(loaded, dict) or not isinstance(loaded.get("id"), str):
        raise UsageError(_damaged(path, line, 'not an object with an "id"'))
    return loaded


def parse_record(record_type: type[AnyRecord], line: bytes, *, path: Path) -> AnyRecord:
    """A line as a typed record. Raises `UsageError` naming the file where it does not fit."""
    try:
        record: AnyRecord = record_type.__pydantic_validator__.validate_json(line)
        return record
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(_damaged(path, line, f"{place}: {first['msg']}")) from error


def _damaged(path: Path, line: bytes, why: str) -> str:
    start = line[:80].decode(errors="replace")
    return (
        f"{path}: a line cannot be read ({why}); it starts {start!r}. "
        "Mend or delete that line; what depends on it is then made again."
    )


def dump_line(record: Record) -> bytes:
    """A record as its one canonical line, newline included."""
    return orjson.dumps(record.__dict__, default=vars, option=orjson.OPT_APPEND_NEWLINE)


class JsonlWriter:
    """The only writer of one JSONL file while it is open; holds the file's lock.

    Raises `UsageError` where another process holds the lock or the folder cannot be written, and
    `ServiceError` when the disk is full; the file then ends in a complete line.
    """

    def __init__(self, path: Path, *, wait_seconds: float = 0.0) -> None:
        self.path = path
        self._lock = FileLock(_lock_path(path), timeout=wait_seconds)
        self._descriptor = -1
        self._size_bytes = 0

    def __enter__(self) -> Self:
        try:
            _lock_path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except Timeout as error:
            raise UsageError(
                f"another process is writing {self.path}; wait for it to end, or stop it"
            ) from error
        except PermissionError as error:
            raise UsageError(
                f"cannot write {self.path}: {error.strerror}; {_HOW_WRITABLE}"
            ) from error
        except OSError as error:
            raise ServiceError(f"cannot write {self.path}: {error}") from error
        self._size_bytes = self._cut_torn_tail()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)
        self._lock.release()

    def append(self, lines: Iterable[bytes]) -> None:
        """Write complete lines; after this they survive the death of the process."""
        block = b"".join(lines)
        written = 0
        try:
            while written < len(block):
                written += os.write(self._descriptor, block[written:])
        except OSError as error:
            os.ftruncate(self._descriptor, self._size_bytes)
            raise ServiceError(
                f"cannot write to {self.path} ({error.strerror}); free some space and run the "
                "same command again: all that was done before is kept"
            ) from error
        self._size_bytes += written

    def sync(self) -> None:
        """After this the lines survive a power failure."""
        try:
            _sync_data(self._descriptor)
        except OSError as error:
            raise ServiceError(
                f"cannot sync {self.path} ({error.strerror}); check the disk, then run the same "
                "command again"
            ) from error

    def _cut_torn_tail(self) -> int:
        size_bytes = os.fstat(self._descriptor).st_size
        end = _end_of_last_line(self._descriptor, size_bytes)
        if end < size_bytes:
            logger.warning(
                "%s ended in a line that a crash cut off (%d bytes); removed",
                self.path,
                size_bytes - end,
            )
            os.ftruncate(self._descriptor, end)
        return end


_HOW_WRITABLE = "make the folder writable for you, or copy the dataset to a place that is"


def _lock_path(path: Path) -> Path:
    return path.parent / ".locks" / f"{path.name}.lock"


def _end_of_last_line(descriptor: int, size_bytes: int) -> int:
    position = size_bytes
    while position > 0:
        start = max(0, position - _MANY_BYTES)
        found = os.pread(descriptor, position - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0


def write_whole_file(path: Path, block: bytes) -> None:
    """Replace a file in one step: a reader sees the old bytes or the new, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except PermissionError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; {_HOW_WRITABLE}") from error
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ServiceError(f"cannot write {path} ({error.strerror}); free some space") from error
