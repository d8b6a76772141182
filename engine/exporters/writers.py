"""Export formats as files: each writer takes videos one by one and streams rows to disk."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, Protocol, Self

import orjson

from engine.exporters.footage import Footage
from engine.exporters.forms import ROW_FORMS, Companions, RowForm
from engine.exporters.hivau import in_release_order, multi_row, of_family, raw_entry, single_rows
from engine.exporters.llava import llava_row
from engine.exporters.mcq import csv_head, csv_rows
from engine.exporters.parquet import ParquetWriter
from engine.exporters.webdataset import WebDatasetWriter
from engine.tree import VideoNode
from schemas import Instruction, ReleaseFile, Video

SOURCE_PREFIXES: Mapping[str, str] = {"ucf-crime": "ucf", "xd-violence": "xd"}
_BUFFER_BYTES = 1 << 20


def split_of(video: Video) -> str:
    """The split a video's rows go to; without one, as for the media paths, it is train."""
    return video.split or "train"


@dataclass
class _File:
    """One file under writing, hashed as it grows."""

    path: Path
    stream: BinaryIO
    sha256: Any = field(default_factory=hashlib.sha256)
    num_rows: int = 0
    size_bytes: int = 0

    def write(self, block: bytes) -> None:
        self.stream.write(block)
        self.sha256.update(block)
        self.size_bytes += len(block)


@dataclass
class _FileSet:
    """Files of one format, opened when the first row for them comes."""

    dir_path: Path
    head: bytes = b""
    separator: bytes = b""
    tail: bytes = b""
    companions: Companions | None = None
    """Files that describe the others, written last."""
    _files: dict[str, _File] = field(default_factory=dict)

    def add(self, name: str, rows: Sequence[bytes]) -> None:
        """Rows of one video; many at once, since each call costs as much as a row."""
        if not rows:
            return
        file = self._files.get(name)
        if file is None:
            path = self.dir_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            file = self._files[name] = _File(path, path.open("wb", buffering=_BUFFER_BYTES))
            file.write(self.head)
        elif self.separator:
            file.write(self.separator)
        file.write(self.separator.join(rows))
        file.num_rows += len(rows)

    def num_rows(self, name: str) -> int:
        return self._files[name].num_rows if name in self._files else 0

    def close(self) -> None:
        num_rows = {
            file.path.relative_to(self.dir_path).as_posix(): file.num_rows
            for file in self._files.values()
        }
        for file in self._files.values():
            file.write(self.tail)
            file.stream.close()
        described = self.companions(num_rows) if self.companions is not None and num_rows else {}
        for name, value in described.items():
            with (self.dir_path / name).open("wb") as stream:
                file = self._files[name] = _File(self.dir_path / name, stream, num_rows=1)
                file.write(_pretty(value))

    def described(self, root: Path, format_name: str) -> Iterator[ReleaseFile]:
        for file in self._files.values():
            yield ReleaseFile(
                path=file.path.relative_to(root).as_posix(),
                format=format_name,
                num_rows=file.num_rows,
                size_bytes=file.size_bytes,
                sha256=file.sha256.hexdigest(),
            )


WriteVideo = Callable[["_FileSet", VideoNode, Sequence[Instruction]], None]


@dataclass
class RowWriter:
    """One format of a release. A context manager; its files are complete after it."""

    format_name: str
    files: _FileSet
    write_video: WriteVideo
    needs_all: bool = False
    """Whether it looks at events and texts; most formats look at instructions alone."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.files.close()

    def write(self, node: VideoNode, failed_ids: Collection[str]) -> None:
        """Add one video's rows, but for segments whose media file failed."""
        kept = [row for row in node.instructions if row.segment_id not in failed_ids]
        self.write_video(self.files, node, kept)

    def described(self, root: Path) -> list[ReleaseFile]:
        """What was written, with hashes; after closing."""
        return list(self.files.described(root, self.format_name))


class Writer(Protocol):
    """One format under writing: a context manager whose files are complete after it."""

    needs_all: bool

    def __enter__(self) -> "Writer": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def write(self, node: VideoNode, failed_ids: Collection[str]) -> None:
        """Add one video, but for segments whose media file failed."""

    def described(self, root: Path) -> list[ReleaseFile]:
        """What was written, with hashes; after closing."""


@dataclass(frozen=True)
class How:
    """What the rows of all formats have in common."""

    footage: Footage
    compat: bool = False
    """The published test files' misspelt key `anwser`."""


@contextmanager
def open_writers(
    dir_path: Path, formats: Sequence[str], families: Collection[str], *, how: How
) -> Iterator[list[Writer]]:
    """One writer per format, in the given order without repeats; `families` are exported."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(_writer(name, dir_path, families, how))
            for name in dict.fromkeys(formats)
        ]


def _writer(name: str, dir_path: Path, families: Collection[str], how: How) -> Writer:
    footage = how.footage
    if name == "parquet":
        return ParquetWriter(dir_path)
    if name == "webdataset":
        return WebDatasetWriter(dir_path, footage)
    if (form := ROW_FORMS.get(name)) is not None:
        files = _FileSet(dir_path, companions=form.companions)
        rows = form.own_rows if form.own_rows and name in families else form.rows
        writer = _form_writer(replace(form, rows=rows), footage)
        return RowWriter(name, files, writer, needs_all=form.needs_all)
    if name == "hivau-raw":
        files = _FileSet(dir_path, head=b"{\n", separator=b",\n", tail=b"\n}\n")
        return RowWriter(name, files, _write_raw, needs_all=True)
    if name == "csv":
        return RowWriter(name, _FileSet(dir_path, head=csv_head()), _write_csv, needs_all=True)
    files = _FileSet(dir_path)
    if name == "hivau-single":
        return RowWriter(name, files, _single_writer(compat=how.compat))
    if name == "hivau-multi":
        return RowWriter(name, files, _write_multi)
    return RowWriter(name, files, _write_llava)


def _write_raw(files: _FileSet, node: VideoNode, kept: Sequence[Instruction]) -> None:  # noqa: ARG001
    entry = raw_entry(node)
    if entry is not None:
        prefix = SOURCE_PREFIXES.get(node.video.source, node.video.source)
        name = f"hivau-raw/{prefix}_database_{split_of(node.video)}.json"
        files.add(name, [orjson.dumps(node.video.id) + b":" + orjson.dumps(entry)])


def _single_writer(*, compat: bool) -> WriteVideo:
    def write(files: _FileSet, node: VideoNode, kept: Sequence[Instruction]) -> None:
        name = f"hivau-single/merge_instruction_{split_of(node.video)}.jsonl"
        form: Literal["train", "test"] = "test" if node.video.split == "test" else "train"
        first_id, rows = files.num_rows(name), list[bytes]()
        for instruction in in_release_order(of_family("hivau", kept)):
            start_id = first_id + len(rows)
            made = single_rows(node.video, instruction, start_id=start_id, form=form, compat=compat)
            rows.extend([_line(row) for row in made])
        files.add(name, rows)

    return write


def _write_multi(files: _FileSet, node: VideoNode, kept: Sequence[Instruction]) -> None:
    name = f"hivau-multi/instruction_{split_of(node.video)}.jsonl"
    own = in_release_order(of_family("hivau", kept))
    rows = (multi_row(node.video, instruction) for instruction in own)
    files.add(name, [_line(row) for row in rows])


def _write_llava(files: _FileSet, node: VideoNode, kept: Sequence[Instruction]) -> None:
    name = f"llava/llava_{split_of(node.video)}.jsonl"
    rows = (llava_row(node.video, instruction) for instruction in in_release_order(kept))
    files.add(name, [_line(row) for row in rows])


def _write_csv(files: _FileSet, node: VideoNode, kept: Sequence[Instruction]) -> None:
    files.add(f"csv/{split_of(node.video)}.csv", list(csv_rows(node, kept)))


def _form_writer(form: RowForm, footage: Footage) -> WriteVideo:
    def write(files: _FileSet, node: VideoNode, kept: Sequence[Instruction]) -> None:
        name = form.file.format(split=split_of(node.video))
        files.add(
            name, [_line(row) for row in form.rows(node, kept, footage, files.num_rows(name))]
        )

    return write


def _pretty(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _line(row: object) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
