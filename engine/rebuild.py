"""A recipe and its owner's footage -> the release that the recipe is of, or every difference."""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from engine.dataset import CONFIG_NAME, Dataset
from engine.errors import MediaError, UsageError
from engine.exporters.footage import Footage
from engine.exporters.frame_hashes import frame_hashes
from engine.exporters.parquet import file_sha256
from engine.exporters.recipe import RECIPE_FILE, RecipeHead, RecipeVideo, read_head, read_videos
from engine.exporters.writers import How, open_writers
from engine.index import Index
from engine.media_export import export_media
from engine.release import release_bytes
from engine.release_changes import ContentsWriter
from engine.release_papers import DOCUMENT
from engine.runner import Executor
from engine.store import write_whole_file
from schemas import ReleaseFile


@dataclass(frozen=True)
class RebuildTask:
    """Which recipe, from which footage, to where."""

    recipe_path: Path
    videos_dir_path: Path
    target: Path
    """A folder that is not there yet."""
    on_video: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class RebuildReport:
    """What was compared and found."""

    num_videos: int
    num_frames: int
    mismatches: tuple[str, ...]
    """One line each; where there is any, nothing was written."""


def rebuild(task: RebuildTask, *, executor: Executor) -> RebuildReport:
    """Compare all frames, then write the release and compare its files with the recipe's hashes.

    Raises `UsageError` where the recipe cannot be read or the target exists.
    """
    if task.target.exists():
        raise UsageError(f"{task.target} exists; name a folder that does not")
    if not task.videos_dir_path.is_dir():
        raise UsageError(f"{task.videos_dir_path} is no folder of videos")
    head = read_head(task.recipe_path)
    found = _footage_in(task.videos_dir_path)
    num_videos = num_frames = 0
    mismatches: list[str] = []
    for video in read_videos(task.recipe_path):
        mismatches += _differences(video, found)
        num_videos, num_frames = num_videos + 1, num_frames + len(video.frames)
        task.on_video()
    if not mismatches:
        mismatches = _write(task, head, found, executor)
    return RebuildReport(num_videos, num_frames, tuple(mismatches))


def _footage_in(dir_path: Path) -> dict[str, Path]:
    """Path in the folder, and file name where it is the only one, -> file."""
    paths = sorted(path for path in dir_path.rglob("*") if path.is_file())
    by_name: dict[str, list[Path]] = {}
    for path in paths:
        by_name.setdefault(path.name, []).append(path)
    found = {name: same[0] for name, same in by_name.items() if len(same) == 1}
    return found | {path.relative_to(dir_path).as_posix(): path for path in paths}


def _file_of(video: RecipeVideo, found: dict[str, Path]) -> Path | None:
    media = video.video.media
    assert media is not None
    return found.get(media.path) or found.get(media.path.rpartition("/")[2])


def _differences(video: RecipeVideo, found: dict[str, Path]) -> Iterable[str]:
    if video.video.media is None:
        return
    name = video.video.media.path
    path = _file_of(video, found)
    if path is None:
        yield f"{video.video.id}: {name} is not among the videos"
        return
    if file_sha256(path) == video.video.media.sha256:
        return
    moments = {id_: frame.time_seconds for id_, frame in video.frames.items()}
    try:
        hashes = frame_hashes(path, moments)
    except MediaError as error:
        yield f"{video.video.id}: {error.detail}"
        return
    for segment_id, frame in video.frames.items():
        if hashes[segment_id] != frame.sha256:
            yield (
                f"{segment_id}: {name} shows another picture at {frame.time_seconds:.3f} s than "
                "the one that was described"
            )


def _write(
    task: RebuildTask, head: RecipeHead, found: dict[str, Path], executor: Executor
) -> list[str]:
    """Files whose bytes are not the recipe's; the release is in its place where there are none."""
    task.target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=task.target.parent, prefix=".rebuild-") as scratch:
        partial, dataset_path = Path(scratch) / "release", Path(scratch) / "dataset"
        partial.mkdir()
        if head.with_media:
            index = Index(_stand_in(dataset_path, task, found))
            nodes = (video.node for video in read_videos(task.recipe_path))
            num_frames = head.num_frames if "trl" in head.formats else 0
            failed = export_media(index, nodes, partial, executor=executor, num_frames=num_frames)
            if failed:
                return [f"{segment}: {why}" for segment, why in failed.items()]
        files = _write_rows(task, head, partial)
        different = _compare(head, files)
        if not different:
            write_whole_file(partial / "README.md", head.card.encode())
            write_whole_file(partial / "release.json", release_bytes(head.release))
            shutil.copyfile(task.recipe_path, partial / RECIPE_FILE)
            partial.rename(task.target)
    return different


def _stand_in(dir_path: Path, task: RebuildTask, found: dict[str, Path]) -> Dataset:
    """A dataset of links to the footage under the recipe's paths, to cut from."""
    for video in read_videos(task.recipe_path):
        if video.video.media is not None:
            link = dir_path / "videos" / video.video.media.path
            link.parent.mkdir(parents=True, exist_ok=True)
            path = _file_of(video, found)
            assert path is not None
            link.symlink_to(path.resolve())
    dir_path.mkdir(parents=True, exist_ok=True)
    (dir_path / CONFIG_NAME).write_text("", encoding="utf-8")
    return Dataset.open(dir_path)


def _write_rows(task: RebuildTask, head: RecipeHead, partial: Path) -> list[ReleaseFile]:
    media_dir_path = partial if head.with_media else None
    footage = Footage(head.with_times, media_dir_path, head.num_frames)
    with ExitStack() as stack:
        writers = stack.enter_context(
            open_writers(partial, head.formats, head.families, how=How(footage, head.compat))
        )
        writers.append(stack.enter_context(ContentsWriter(partial)))
        for video in read_videos(task.recipe_path):
            for writer in writers:
                writer.write(video.node, ())
    return [file for writer in writers for file in writer.described(partial)]


def _compare(head: RecipeHead, files: list[ReleaseFile]) -> list[str]:
    """Only rows: what a writer of another version packs need not have the same bytes."""
    ours = {file.path: file.sha256 for file in files}
    theirs = {file.path: file.sha256 for file in head.release.files if file.format != DOCUMENT}
    return [
        f"{path}: the rebuilt file has the hash {ours.get(path, 'of nothing')}, the release's "
        f"has {sha256}; it was made by vau-data {head.release.vau_data_version}"
        for path, sha256 in theirs.items()
        if ours.get(path) != sha256
    ]
