"""Instructions -> tar shards that WebDataset reads: one sample per segment, its file beside it.

A sample is `{number}.json`, with `{number}.mp4` before it where media were cut. Keys are numbers
because WebDataset ends a key at the first dot, and names of videos hold dots. Owners, times and
modes are fixed, so that the same samples give the same bytes.
"""

import hashlib
import io
import tarfile
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import orjson

from engine.exporters.footage import Footage, cut_path
from engine.exporters.hivau import in_release_order
from engine.exporters.samples import sample
from engine.tree import VideoNode
from schemas import Instruction, ReleaseFile

_SAMPLES_PER_SHARD = 10_000
_BYTES_PER_SHARD = 1 << 30
_BUFFER_BYTES = 1 << 20


@dataclass
class _Hashing:
    """A stream for `tarfile` to write to, hashed as it grows."""

    stream: BinaryIO
    sha256: Any = field(default_factory=hashlib.sha256)
    size_bytes: int = 0

    def write(self, block: bytes) -> int:
        self.sha256.update(block)
        self.size_bytes += len(block)
        return self.stream.write(block)


@dataclass
class _Shard:
    path: Path
    sink: _Hashing
    tar: tarfile.TarFile
    num_samples: int = 0

    @classmethod
    def open(cls, path: Path) -> "_Shard":
        path.parent.mkdir(parents=True, exist_ok=True)
        sink = _Hashing(path.open("wb", buffering=_BUFFER_BYTES))
        tar = tarfile.open(mode="w|", fileobj=sink, format=tarfile.USTAR_FORMAT)  # type: ignore[call-overload]  # noqa: SIM115
        return cls(path, sink, tar)

    @property
    def is_full(self) -> bool:
        return self.num_samples >= _SAMPLES_PER_SHARD or self.sink.size_bytes >= _BYTES_PER_SHARD

    def add(self, key: str, media_path: Path | None, rows: Sequence[object]) -> None:
        if media_path is not None:
            with media_path.open("rb") as file:
                self.tar.addfile(_entry(f"{key}.mp4", media_path.stat().st_size), file)
        text = orjson.dumps({"instructions": rows})
        self.tar.addfile(_entry(f"{key}.json", len(text)), io.BytesIO(text))
        # It lists all that was added, for a reader of this very object; that grows.
        cast(Any, self.tar).members.clear()
        self.num_samples += 1

    def close(self) -> None:
        self.tar.close()
        self.sink.stream.close()


def _entry(name: str, size_bytes: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size_bytes, 0o644
    return entry


@dataclass
class _Split:
    shards: list[_Shard] = field(default_factory=list)
    num_samples: int = 0


@dataclass
class WebDatasetWriter:
    """The format `webdataset`. A context manager; its shards are complete after it."""

    dir_path: Path
    footage: Footage
    format_name: str = "webdataset"
    needs_all: bool = False
    _splits: dict[str, _Split] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for split in self._splits.values():
            split.shards[-1].close()

    def write(self, node: VideoNode, failed_ids: Collection[str]) -> None:
        """Add one video's segments, but for those whose media file failed."""
        name = node.video.split or "train"
        for rows in _by_segment(node.instructions):
            if rows[0].segment_id in failed_ids:
                continue
            split = self._splits.setdefault(name, _Split())
            shard = self._open_shard(name, split)
            media_dir_path = self.footage.media_dir_path
            path = media_dir_path / cut_path(node.video, rows[0]) if media_dir_path else None
            shard.add(f"{split.num_samples:09d}", path, [sample(node.video, row) for row in rows])
            split.num_samples += 1

    def _open_shard(self, name: str, split: _Split) -> _Shard:
        if split.shards and not split.shards[-1].is_full:
            return split.shards[-1]
        if split.shards:
            split.shards[-1].close()
        path = self.dir_path / "webdataset" / f"{name}-{len(split.shards):06d}.tar"
        split.shards.append(_Shard.open(path))
        return split.shards[-1]

    def described(self, root: Path) -> list[ReleaseFile]:
        """What was written, with hashes; after closing."""
        return [
            ReleaseFile(
                path=shard.path.relative_to(root).as_posix(),
                format=self.format_name,
                num_rows=shard.num_samples,
                size_bytes=shard.sink.size_bytes,
                sha256=shard.sink.sha256.hexdigest(),
            )
            for split in self._splits.values()
            for shard in split.shards
        ]


def _by_segment(instructions: Sequence[Instruction]) -> Iterable[list[Instruction]]:
    """Those of one segment together; segments in the release's order."""
    groups: dict[str, list[Instruction]] = {}
    for row in in_release_order(instructions):
        groups.setdefault(row.segment_id, []).append(row)
    return groups.values()
