"""Items of `ingest`: the video files under `[videos] path`, each with an id and a label."""

import hashlib
import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from engine.census import Census
from engine.config import VideosSection
from engine.dataset import Dataset
from engine.errors import UsageError
from engine.index import Index
from engine.joins.facts import Facts
from engine.media.remote import VideoFile, VideosFolder, at_hand
from engine.sources.folder import FileLabel, label_files
from engine.stage import Pending, digest
from engine.stages.ingest import IngestItem
from engine.store import parse_record, read_lines
from schemas import Media, Video

logger = logging.getLogger(__name__)

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"}
    | {".mts", ".ogv", ".ts", ".webm", ".wmv"}
)
_SAMPLED_BYTES = 1 << 16
_PUBLIC_SOURCES = ("ucf-crime", "xd-violence")


def to_ingest(facts: Facts, census: Census) -> Iterator[Pending[IngestItem]]:
    """Every video file; a file counts as the same while its size, head and tail are."""
    dataset = facts.index.dataset
    root, section = dataset.videos_folder, dataset.config.videos
    found = find_videos(root)
    paths = list(found)
    _refuse_if_footage_is_gone(facts, paths)
    labels = label_files(
        paths,
        source=section.source,
        labels_csv=_beside(dataset, section.labels),
        root=root,
        lists_dir=_beside(dataset, section.lists),
    )
    earlier = _earlier_videos(facts.index)
    for path, video_id in sorted(give_ids(paths, _known_ids(found, earlier.media)).items()):
        stand_in = earlier.stand_ins.get(video_id)
        label, source = _completed(labels[path], stand_in, section)
        size_bytes, sample = _sample(found[path])
        said: list[Any] = [str(path), label.is_anomalous, label.categories, label.split]
        input_sha256 = digest(orjson.dumps(said), sample, source.encode())
        if census.wants(video_id, input_sha256):
            _warn_of_two_splits(video_id, labels[path], stand_in)
            build = partial(_ingest_item, found[path], path, label, (source, size_bytes))
            yield Pending(video_id, input_sha256.hex(), video_id, build)


def _ingest_item(
    file: VideoFile, path: PurePosixPath, label: FileLabel, found: tuple[str, int]
) -> IngestItem:
    source, size_bytes = found
    return IngestItem(
        file_path=file,
        relative_path=str(path),
        size_bytes=size_bytes,
        source=source,
        is_anomalous=label.is_anomalous,
        categories=label.categories,
        split=label.split,
    )


def _completed(
    label: FileLabel, stand_in: Video | None, section: VideosSection
) -> tuple[FileLabel, str]:
    """Label and source of a file; what its own source leaves open, an import may have said."""
    if stand_in is None:
        return replace(label, split=label.split or section.split), section.source
    if label.is_anomalous is None and not label.categories:
        label = replace(label, is_anomalous=stand_in.is_anomalous, categories=stand_in.categories)
    is_plain_folder = section.source == "folder" and stand_in.source in _PUBLIC_SOURCES
    return (
        replace(label, split=label.split or stand_in.split or section.split),
        stand_in.source if is_plain_folder else section.source,
    )


def _warn_of_two_splits(video_id: str, label: FileLabel, stand_in: Video | None) -> None:
    """The person's own word stands, but test footage may be on its way into a training set."""
    if stand_in is None or None in (label.split, stand_in.split):
        return
    if label.split != stand_in.split:
        logger.warning(
            "%s is %s by its folder, list or labels csv, but %s by what was imported of it; it "
            "stays %s: correct the former where the import is right",
            *(video_id, label.split, stand_in.split, label.split),
        )


@dataclass(frozen=True)
class _Earlier:
    """What is on record about videos, live or not."""

    media: dict[str, Media]
    """Video id -> its file, as last seen."""
    stand_ins: dict[str, Video]
    """Video id -> what the newest import says of it."""


def _earlier_videos(index: Index) -> _Earlier:
    path, imported_ids = index.dataset.record_path(Video), index.imported_ids(Video)
    earlier = _Earlier({}, {})
    for line in read_lines(path):
        video = parse_record(Video, line, path=path)
        if video.media is not None:
            earlier.media[video.id] = video.media
        elif video.id in imported_ids:
            earlier.stand_ins[video.id] = video
    return earlier


def find_videos(folder: VideosFolder) -> dict[PurePosixPath, VideoFile]:
    """Video files below a folder by their paths in it, sorted; hidden ones are passed over."""
    found = _found_here(folder) if isinstance(folder, Path) else folder.listed()
    return {
        path: found[path]
        for path in sorted(found)
        if path.suffix.lower() in VIDEO_SUFFIXES
        and not any(part.startswith(".") for part in path.parts)
    }


def _found_here(dir_path: Path) -> Mapping[PurePosixPath, VideoFile]:
    if not dir_path.is_dir():
        raise UsageError(
            f"there is no folder {dir_path}; mend [videos] path in dataset.toml, or mount the disk"
        )
    found = (path for path in dir_path.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
    return {
        PurePosixPath(path.relative_to(dir_path).as_posix()): path
        for path in found
        if path.is_file()
    }


def give_ids(
    paths: list[PurePosixPath], known: Mapping[PurePosixPath, str]
) -> dict[PurePosixPath, str]:
    """An id per file: the one it had, else its stem, else with folders before it.

    A stem like `S01_E02` or `x_E0C1` gets `_v` behind it: `S01_E02` is the id of an event of a
    video `S01`, and a summary or an instruction could not tell the two apart.
    """
    ids = {path: known[path] for path in paths if path in known}
    taken = set(known.values())
    for path in paths:
        if path not in ids:
            ids[path] = next(name for name in _names(path) if name not in taken)
            taken.add(ids[path])
    return ids


def _names(path: PurePosixPath) -> Iterator[str]:
    return (f"{name}_v" if _LIKE_A_PART.search(name) else name for name in _plain_names(path))


_LIKE_A_PART = re.compile(r"_E\d+(C\d+)?$")


def _plain_names(path: PurePosixPath) -> Iterator[str]:
    yield path.stem
    yield f"{path.parent.name}_{path.stem}"
    yield "_".join((*path.parent.parts, path.stem))
    yield "_".join(path.parts)
    number = 2
    while True:
        yield f"{'_'.join(path.parts)}_{number}"
        number += 1


def _known_ids(
    found: Mapping[PurePosixPath, VideoFile], media: Mapping[str, Media]
) -> dict[PurePosixPath, str]:
    """Path -> the id its file has, wherever it lay before: what hangs on the id stays with it.

    Only files as large as one that is gone are read, to compare them.
    """
    known = {PurePosixPath(file.path): video_id for video_id, file in media.items()}
    new_paths, gone_paths = found.keys() - known.keys(), known.keys() - found.keys()
    gone: dict[tuple[int, str], list[str]] = defaultdict(list)
    for path in sorted(gone_paths):
        file = media[known[path]]
        gone[file.size_bytes, file.sha256].append(known[path])
    sizes = {size_bytes for size_bytes, _ in gone}
    for path in sorted(new_paths):
        video_file = found[path]
        size_bytes = _size_bytes(video_file)
        if size_bytes not in sizes:
            continue
        with at_hand(video_file) as local_path, local_path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        if moved_ids := gone.get((size_bytes, sha256)):
            known[path] = moved_ids.pop(0)
    return known


def _beside(dataset: Dataset, name: str | None) -> Path | None:
    if name is None:
        return None
    path = dataset.dir_path / name
    if not path.exists():
        raise UsageError(
            f"{path} does not exist; mend [videos] labels or lists in dataset.toml, which names it"
        )
    return path


def _size_bytes(video_file: VideoFile) -> int:
    return video_file.stat().st_size if isinstance(video_file, Path) else video_file.size_bytes


def _sample(video_file: VideoFile) -> tuple[int, bytes]:
    """Size in bytes, and a hash over the file's size, head and tail.

    Of a remote file, what its store said of it: nothing is fetched to see it unchanged.
    """
    if not isinstance(video_file, Path):
        return video_file.size_bytes, bytes.fromhex(video_file.identity)
    with video_file.open("rb") as file:
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
            f"no video files under {facts.index.dataset.videos_folder}, but the dataset has "
            f"{num_before}; is the disk mounted? If the footage moved, set [videos] path"
        )
