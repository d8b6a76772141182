"""The outline of an MP4 file (its boxes), and what to do about a file that will not open."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MP4_FIRST_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof"})
PARENT_BOXES = frozenset({b"moov", b"trak", b"edts", b"mdia"})
MAX_LIST_ENTRIES = 100_000


@dataclass(frozen=True)
class Edit:
    """One entry of an edit list."""

    duration: int
    """In ticks of the movie's clock."""
    media_time: int
    """Where in the track it starts, in the track's ticks; -1: nothing is shown."""


def edit_lists(path: Path) -> tuple[tuple[Edit, ...], ...]:
    """The edit list of each video track that has one; empty for files that are not MP4."""
    with path.open("rb") as file:
        size_bytes = path.stat().st_size
        if not _looks_like_mp4(file):
            return ()
        tracks = (
            (start, end) for kind, start, end in _boxes(file, 0, size_bytes) if kind == b"moov"
        )
        found = []
        for start, end in tracks:
            found += [edits for edits in _video_edits(file, start, end) if edits]
        return tuple(found)


def recovery_hint(path: Path) -> str:
    """What a person can do about a file that cannot be opened, from what its bytes show."""
    if not path.exists():
        return "there is no such file; check the path, or run ingest again"
    if path.is_dir():
        return "it is a folder; give a video file"
    size_bytes = path.stat().st_size
    if size_bytes == 0:
        return "the file is empty; download or copy it again"
    with path.open("rb") as file:
        head = file.read(512)
        if _is_text(head):
            return (
                f"it holds text, not video (it begins {head[:40]!r}): often the error page of a "
                "failed download; download it again"
            )
        if not _looks_like_mp4(file):
            return "it is of no known video format, or its first bytes are lost; download it again"
        kinds = {kind for kind, _, _ in _boxes(file, 0, size_bytes)}
    if b"moov" in kinds:
        return "its index (moov) is there but damaged; download or copy it again"
    return (
        "its index (moov) is missing, so the recording or the download was cut off before its "
        "end; download it again, or rebuild the index with `untrunc` and a whole file of the "
        "same camera"
    )


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8", errors="strict")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return bool(text) and all(sign.isprintable() or sign in "\r\n\t\f\ufeff" for sign in text)


def _looks_like_mp4(file: BinaryIO) -> bool:
    file.seek(4)
    return file.read(4) in MP4_FIRST_BOXES


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, where its content starts, where it ends) of the boxes in a stretch of the file."""
    position = start
    while position + 8 <= end:
        file.seek(position)
        header = file.read(16)
        if len(header) < 8:
            return
        size, kind = struct.unpack(">I4s", header[:8])
        content = position + 8
        if size == 1 and len(header) == 16:
            size, content = struct.unpack(">Q", header[8:])[0], position + 16
        if size == 0:
            size = end - position
        if size < content - position:
            return
        yield kind, content, min(position + size, end)
        position += size


def _video_edits(file: BinaryIO, start: int, end: int) -> Iterator[tuple[Edit, ...]]:
    for kind, track_start, track_end in list(_boxes(file, start, end)):
        if kind != b"trak":
            continue
        inner = list(_descend(file, track_start, track_end))
        if any(kind == b"hdlr" and _is_video(file, at) for kind, at, _ in inner):
            for kind, at, list_end in inner:
                if kind == b"elst":
                    yield _read_edits(file, at, list_end)


def _descend(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    for kind, at, box_end in list(_boxes(file, start, end)):
        yield kind, at, box_end
        if kind in PARENT_BOXES:
            yield from _descend(file, at, box_end)


def _is_video(file: BinaryIO, handler_at: int) -> bool:
    file.seek(handler_at + 8)
    return file.read(4) == b"vide"


def _read_edits(file: BinaryIO, start: int, end: int) -> tuple[Edit, ...]:
    file.seek(start)
    content = file.read(min(end - start, 8 + 20 * MAX_LIST_ENTRIES))
    if len(content) < 8:
        return ()
    is_long = content[0] == 1
    entry = struct.Struct(">QqI" if is_long else ">IiI")
    count = min(struct.unpack(">I", content[4:8])[0], (len(content) - 8) // entry.size)
    fields = (entry.unpack_from(content, 8 + index * entry.size) for index in range(count))
    return tuple(Edit(duration, media_time) for duration, media_time, _ in fields)
