"""Instructions -> Parquet files, one per split, as `datasets.load_dataset` opens a folder of them.

Needs pyarrow, the extra `parquet`. The same rows and the same pyarrow give the same bytes.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from engine.errors import UsageError
from engine.exporters.hivau import in_release_order
from engine.exporters.samples import Sample, sample
from engine.tree import VideoNode
from schemas import ReleaseFile

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_ROWS_PER_GROUP = 5_000


@dataclass
class _Table:
    """One file under writing, a group of rows at a time."""

    path: Path
    schema: "pa.Schema"
    writer: "pq.ParquetWriter"
    waiting: list[Sample] = field(default_factory=list)
    num_rows: int = 0

    def add(self, rows: Sequence[Sample]) -> None:
        self.waiting += rows
        self.num_rows += len(rows)
        if len(self.waiting) >= _ROWS_PER_GROUP:
            self.flush()

    def flush(self) -> None:
        import pyarrow as pa

        if self.waiting:
            self.writer.write_table(pa.Table.from_pylist(self.waiting, schema=self.schema))
            self.waiting = []

    def close(self) -> None:
        self.flush()
        self.writer.close()


@dataclass
class ParquetWriter:
    """The format `parquet`. A context manager; its files are complete after it."""

    dir_path: Path
    format_name: str = "parquet"
    needs_all: bool = False
    _tables: dict[str, _Table] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise UsageError(
                "the format parquet needs pyarrow, which is not installed; "
                "`pip install 'vau-data[parquet]'` installs it"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for table in self._tables.values():
            table.close()

    def write(self, node: VideoNode, failed_ids: Collection[str]) -> None:
        """Add one video's instructions, but for segments whose media file failed."""
        rows = [
            sample(node.video, row)
            for row in in_release_order(node.instructions)
            if row.segment_id not in failed_ids
        ]
        if rows:
            self._table(node.video.split or "train").add(rows)

    def _table(self, split: str) -> _Table:
        import pyarrow.parquet as pq

        if split not in self._tables:
            path = self.dir_path / "parquet" / f"{split}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            schema = _schema()
            writer = pq.ParquetWriter(path, schema, compression="zstd")
            self._tables[split] = _Table(path, schema, writer)
        return self._tables[split]

    def described(self, root: Path) -> list[ReleaseFile]:
        """What was written, with hashes; after closing."""
        return [
            ReleaseFile(
                path=table.path.relative_to(root).as_posix(),
                format=self.format_name,
                num_rows=table.num_rows,
                size_bytes=table.path.stat().st_size,
                sha256=file_sha256(table.path),
            )
            for table in self._tables.values()
        ]


def file_sha256(path: Path) -> str:
    """Of a file's bytes, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _schema() -> "pa.Schema":
    """The columns of a `Sample`."""
    import pyarrow as pa

    text: Any = pa.string()
    turn = pa.struct([("task", text), ("question", text), ("answer", text)])
    return pa.schema(
        [
            *((name, text) for name in ("id", "video_id", "source", "split")),
            *((name, text) for name in ("segment_id", "granularity", "family")),
            ("is_anomalous", pa.bool_()),
            ("categories", pa.list_(text)),
            ("start_seconds", pa.float64()),
            ("end_seconds", pa.float64()),
            *((name, text) for name in ("source_video", "video")),
            ("turns", pa.list_(turn)),
            ("made_by", text),
        ]
    )
