"""Items of `ingest`: the video files under `[videos] path`, each with an id and a label."""

import hashlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.joins.facts import Facts
from engine.runner import Census
from engine.sources.folder import FileLabel, label_files
from engine.stage import Pending, digest
from engine.stages.ingest import IngestItem
from engine.store import parse_record, read_lines
from schemas import Video
from schemas.base import Split

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"}
    | {".mts", ".ogv", ".ts", ".webm", ".wmv"}
)
_SAMPLED_BYTES = 1 << 16


def to_ingest(facts: Facts, census: Census) -> Iterator[Pending[IngestItem]]:
    """Every video file; a file counts as the same while its size, head and tail are."""
    dataset = facts.index.dataset
    paths = video_files(dataset.videos_dir_path)
    _refuse_if_footage_is_gone(facts, paths)
    labels = label_files(
        paths,
        source=dataset.config.videos.source,
        labels_csv=_beside(dataset, dataset.config.videos.labels),
        root=dataset.videos_dir_path,
        lists_dir=_beside(dataset, dataset.config.videos.lists),
    )
    for path, video_id in sorted(give_ids(paths, _ids_given(dataset)).items()):
        label, file_path = labels[path], dataset.videos_dir_path / path
        split = label.split or dataset.config.videos.split
        size_bytes, sample = _sample(file_path)
        said: list[Any] = [str(path), label.is_anomalous, label.categories, split]
        input_sha256 = digest(orjson.dumps(said), sample, dataset.config.videos.source.encode())
        if census.wants(video_id, input_sha256):
            build = partial(_ingest_item, dataset, path, label, (size_bytes, split))
            yield Pending(video_id, input_sha256.hex(), video_id, build)


def _ingest_item(
    dataset: Dataset, path: PurePosixPath, label: FileLabel, measured: tuple[int, Split | None]
) -> IngestItem:
    size_bytes, split = measured
    return IngestItem(
        file_path=dataset.videos_dir_path / path,
        relative_path=str(path),
        size_bytes=size_bytes,
        source=dataset.config.videos.source,
        is_anomalous=label.is_anomalous,
        categories=label.categories,
        split=split,
    )


def video_files(dir_path: Path) -> list[PurePosixPath]:
    """Video files below a folder, relative to it, sorted; hidden ones are passed over."""
    if not dir_path.is_dir():
        raise UsageError(
            f"there is no folder {dir_path}; mend [videos] path in dataset.toml, or mount the disk"
        )
    found = (path.relative_to(dir_path) for path in dir_path.rglob("*") if _is_video(path))
    return sorted(
        PurePosixPath(path.as_posix())
        for path in found
        if not any(part.startswith(".") for part in path.parts)
    )


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()


def give_ids(
    paths: list[PurePosixPath], known: Mapping[PurePosixPath, str]
) -> dict[PurePosixPath, str]:
    """An id per file: the one it had, else its stem, else with folders before it."""
    ids = {path: known[path] for path in paths if path in known}
    taken = set(known.values())
    for path in paths:
        if path not in ids:
            ids[path] = next(name for name in _names(path) if name not in taken)
            taken.add(ids[path])
    return ids


def _names(path: PurePosixPath) -> Iterator[str]:
    yield path.stem
    yield f"{path.parent.name}_{path.stem}"
    yield "_".join((*path.parent.parts, path.stem))
    yield "_".join(path.parts)
    number = 2
    while True:
        yield f"{'_'.join(path.parts)}_{number}"
        number += 1


def _ids_given(dataset: Dataset) -> dict[PurePosixPath, str]:
    path = dataset.record_path(Video)
    videos = (parse_record(Video, line, path=path) for line in read_lines(path))
    return {PurePosixPath(video.media.path): video.id for video in videos if video.media}


def _beside(dataset: Dataset, name: str | None) -> Path | None:
    if name is None:
        return None
    path = dataset.dir_path / name
    if not path.exists():
        raise UsageError(
            f"{path} does not exist; mend [videos] labels or lists in dataset.toml, which names it"
        )
    return path


def _sample(path: Path) -> tuple[int, bytes]:
    """Size in bytes, and a hash over the file's size, head and tail."""
    with path.open("rb") as file:
        head = file.read(_SAMPLED_BYTES)
        size_bytes = file.seek(0, 2)
        file.seek(max(0, size_bytes - _SAMPLED_BYTES))
        tail = file.read()
    return size_bytes, hashlib.sha256(b"%d/" % size_bytes + head + tail).digest()


def _refuse_if_footage_is_gone(facts: Facts, paths: list[PurePosixPath]) -> None:
    """An unmounted disk looks like an empty folder; that must not empty the dataset."""
    num_before = sum(video.media is not None for video in facts.videos.values())
    if num_before and not paths:
        raise UsageError(
            f"no video files under {facts.index.dataset.videos_dir_path}, but the dataset has "
            f"{num_before}; is the disk mounted? If the footage moved, set [videos] path"
        )
