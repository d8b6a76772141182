"""A folder of videos -> a new dataset folder, with a commented `dataset.toml`."""

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import get_args

from engine.dataset import CONFIG_NAME, Dataset
from engine.errors import UsageError
from engine.joins.files import VIDEO_SUFFIXES, find_videos
from engine.media.remote import VideosFolder
from engine.sources.categories import alike_categories, count_categories
from engine.sources.folder import FileLabel, Origin, SourceName, label_files
from engine.sources.split_lists import no_split_warning
from engine.store import write_whole_file
from schemas.base import Split


@dataclass(frozen=True)
class Footage:
    """Where a new dataset's videos lie, and what says which of them are abnormal."""

    videos: VideosFolder
    source: SourceName = "folder"
    labels: Path | None = None
    """A csv `video,label[,split]`."""
    lists: Path | None = None
    """Folder of official list files."""
    split: Split | None = None
    """For videos whose split nothing else says."""


@dataclass(frozen=True)
class NewDataset:
    """What was made, and how its videos will be labelled."""

    dir_path: Path
    num_videos: int
    labels: dict[str, int]
    """`abnormal`, `normal`, `unlabelled` -> how many videos."""
    origins: dict[str, int]
    """`labels csv`, `sub-folder`, `file name` -> how many labels it gave."""
    categories: dict[str, int]
    """Category, or the word for having none -> how many videos."""
    warnings: tuple[str, ...]
    """What looks like a slip of the person who made the labels or the folder."""


def init_dataset(dir_path: Path, footage: Footage, *, name: str | None = None) -> NewDataset:
    """Write `dataset.toml`. Raises `UsageError`, before anything is written, where it cannot be.

    The labels are read as `ingest` will, so that a bad csv is told now.
    """
    config_path = dir_path / CONFIG_NAME
    if config_path.exists():
        raise UsageError(f"{config_path} exists; edit it, or choose another folder")
    if dir_path.exists() and not dir_path.is_dir():
        raise UsageError(f"{dir_path} is a file; name a folder for the dataset")
    found = _look_at_footage(footage)
    text = _config_text(dir_path.resolve(), footage, name or dir_path.resolve().name)
    write_whole_file(config_path, text.encode())
    Dataset.open(dir_path)
    return _described(dir_path.resolve(), found.values(), footage)


def _look_at_footage(footage: Footage) -> dict[PurePosixPath, FileLabel]:
    videos = footage.videos
    if isinstance(videos, Path) and not videos.is_dir():
        what = "is a file, not a folder" if videos.exists() else "does not exist"
        raise UsageError(f"--videos {videos} {what}; name the folder that holds the video files")
    paths = list(find_videos(videos))
    if not paths:
        known = " ".join(sorted(VIDEO_SUFFIXES))
        raise UsageError(f"--videos {videos} holds no video file (looked for {known})")
    _check_exists("--labels", footage.labels, is_dir=False)
    _check_exists("--lists", footage.lists, is_dir=True)
    return label_files(
        paths,
        source=footage.source,
        labels_csv=footage.labels,
        root=videos,
        lists_dir=footage.lists,
    )


def _described(dir_path: Path, found: Collection[FileLabel], footage: Footage) -> NewDataset:
    words = {True: "abnormal", False: "normal", None: "unlabelled"}
    labels = Counter(words[label.is_anomalous] for label in found)
    origins = Counter(label.origin for label in found)
    categories = count_categories((label.is_anomalous, label.categories) for label in found)
    splits = [label.split or footage.split for label in found]
    no_split = no_split_warning(footage.source, splits, videos_folder=footage.videos)
    return NewDataset(
        dir_path,
        num_videos=len(found),
        labels={word: labels[word] for word in words.values()},
        origins={origin: origins[origin] for origin in get_args(Origin)},
        categories=categories,
        warnings=(*([no_split] if no_split else ()), *alike_categories(categories)),
    )


def _check_exists(flag: str, path: Path | None, *, is_dir: bool) -> None:
    if path is None or (path.is_dir() if is_dir else path.is_file()):
        return
    raise UsageError(f"{flag} {path}: there is no such {'folder' if is_dir else 'file'}")


def _config_text(dir_path: Path, footage: Footage, name: str) -> str:
    videos = _seen_from(dir_path, footage.videos)
    return _TEMPLATE.format(
        name=_quoted(name),
        videos=_quoted(videos or ""),
        source=_quoted(footage.source),
        labels=_setting("labels", _seen_from(dir_path, footage.labels), "labels.csv"),
        lists=_setting("lists", _seen_from(dir_path, footage.lists), "lists"),
        split=_setting("split", footage.split, "train"),
    )


def _seen_from(dir_path: Path, path: VideosFolder | None) -> str | None:
    """Relative inside the dataset folder, so that it can be moved as a whole; else absolute."""
    if not isinstance(path, Path):
        return None if path is None else str(path)
    resolved = path.resolve()
    if resolved.is_relative_to(dir_path):
        return resolved.relative_to(dir_path).as_posix()
    return resolved.as_posix()


def _setting(key: str, value: str | None, example: str) -> str:
    return f"# {key} = {_quoted(example)}" if value is None else f"{key} = {_quoted(value)}"


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are a part of TOML's."""
    return json.dumps(text, ensure_ascii=False)


_TEMPLATE = """\
# Settings of one vau-data dataset. Lines that start with # are the defaults or examples;
# engine/config.py lists every setting. After a change, `vau-data status` says what is stale.

[dataset]
name = {name}
# seed = 0                      # all random choices follow from it

[videos]
path = {videos}
source = {source}           # folder, ucf-crime or xd-violence: whose rules name the files
# A csv `video,label[,split]`; wins over folder and file names:
{labels}
# Folder of the official list files, where they do not lie beside the videos:
{lists}
# Split of videos for which nothing else says one (train, validation or test):
{split}

[caption]
# The embedded baseline needs no GPU and no download, and is no substitute for a real model.
model = "baseline"
# model = "llava-next-video"    # any model that an OpenAI-compatible endpoint serves:
# endpoints = ["http://localhost:8000/v1"]
# num_frames = 8
# Instead of model, a preset of manifests/models.toml, which `vau-data caption --gpus N` can serve:
# preset = "llava-next-video-7b"              # the papers' captioner; or "qwen3-vl-8b"

[summarize]
model = "baseline"
# model = "llama-3-70b"
# endpoints = ["http://localhost:8001/v1"]
# preset = "llama-3-70b-instruct"             # the papers' summarizer; or "qwen3.8-27b"

[instruct]
families = ["hivau"]                        # engine/families/README.md lists the others

[splits]
# validation = 0.05             # of the source videos that would be trained on

[export]
formats = ["hivau-raw", "hivau-single"]     # also hivau-multi and llava
name = "draft"                              # replaced by each run; other names are kept
"""
