"""Paths of video files -> the label and split that a person, a list or a name gives each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from engine.media.remote import VideosFolder
from engine.sources.labels_csv import CsvLabel, read_labels_csv
from engine.sources.manifest import SourceManifest, load_manifest
from engine.sources.names import (
    NameLabel,
    is_generic_folder,
    label_of_any_stem,
    label_of_bare_stem,
    label_of_folder,
    label_of_stem,
    official_name,
    split_of_folder,
)
from engine.sources.split_lists import read_split_lists
from schemas.base import Split

SourceName = Literal["folder", "ucf-crime", "xd-violence"]
Origin = Literal["labels csv", "sub-folder", "file name"]


@dataclass(frozen=True)
class FileLabel:
    """What is known of one file before it is opened."""

    is_anomalous: bool | None
    """None: nothing says so."""
    categories: tuple[str, ...]
    split: Split | None
    origin: Origin | None
    """What gave the label; None: it has none."""
    reason: str
    """Who said it, and the split."""


def label_files(
    paths: Sequence[PurePosixPath],
    *,
    source: SourceName,
    labels_csv: Path | None,
    root: VideosFolder,
    lists_dir: Path | None,
) -> dict[PurePosixPath, FileLabel]:
    """Label every file of a folder; `paths` are relative to `root`.

    A labels csv wins over everything, row by row. Then, for `folder`: the nearest telling
    folder name, the grammar of a public data set, an unknown folder name as a class of its own,
    a file name that is a class and nothing else. For a public source: its grammar, else a folder
    that names one of its classes, and its official lists, looked for in `root`, if it is a folder
    of this machine, and `lists_dir`.
    Raises UsageError for a bad csv, such as one with a class that a public source does not know,
    or lists that contradict.
    """
    rows = read_labels_csv(labels_csv, videos=paths, source=source) if labels_csv else {}
    if source == "folder":
        named = {path: _label_in_folder(path) for path in paths}
    else:
        named = _label_by_manifest(paths, load_manifest(source), _folders(root, lists_dir))
    return {path: _with_row(label, rows.get(path)) for path, label in named.items()}


def _folders(root: VideosFolder, lists_dir: Path | None) -> tuple[Path, ...]:
    return tuple(folder for folder in (root, lists_dir) if isinstance(folder, Path))


def _with_row(label: FileLabel, row: CsvLabel | None) -> FileLabel:
    if row is None:
        return label
    split = row.split or label.split
    if row.is_anomalous is None:
        return replace(label, split=split)
    reason = f"labels csv, line {row.line}"
    return FileLabel(row.is_anomalous, row.categories, split, "labels csv", reason)


_Said = tuple[NameLabel, Origin, str] | None
"""A label, what gave it, and how; None: nothing says one."""


def _label_in_folder(path: PurePosixPath) -> FileLabel:
    said = _said_by_folder(path) or _said_by_grammar(path) or _said_by_new_class(path)
    return _file_label(said or _said_by_bare_name(path), _split_in_folders(path), "")


def _file_label(said: _Said, split: Split | None, split_reason: str) -> FileLabel:
    if said is None:
        return FileLabel(None, (), split, None, f"nothing names a label{split_reason}")
    label, origin, reason = said
    return FileLabel(label.is_anomalous, label.categories, split, origin, f"{reason}{split_reason}")


def _said_by_folder(path: PurePosixPath) -> _Said:
    """By the nearest folder that says something; `abnormal` leaves the class to the file name."""
    for name in _folder_names(path):
        label = label_of_folder(name)
        if label is None:
            continue
        if label.is_anomalous and not label.categories:
            said = _said_by_grammar(path) or _said_by_bare_name(path)
            if said is not None and said[0].is_anomalous:
                return said
        return label, "sub-folder", f"folder {name!r}"
    return None


def _said_by_grammar(path: PurePosixPath) -> _Said:
    label = label_of_any_stem(path.stem)
    return (label, "file name", "file name of a public data set") if label else None


def _said_by_new_class(path: PurePosixPath) -> _Said:
    for name in _folder_names(path):
        if not is_generic_folder(name):
            label = NameLabel(is_anomalous=True, categories=(name,))
            return label, "sub-folder", f"folder {name!r}, a new class"
    return None


def _said_by_bare_name(path: PurePosixPath) -> _Said:
    label = label_of_bare_stem(path.stem)
    return (label, "file name", "file name that is a class") if label else None


def _folder_names(path: PurePosixPath) -> list[str]:
    return [folder.name for folder in path.parents if folder.name]


def _split_in_folders(path: PurePosixPath) -> Split | None:
    splits = map(split_of_folder, _folder_names(path))
    return next((split for split in splits if split is not None), None)


def _label_by_manifest(
    paths: Sequence[PurePosixPath], manifest: SourceManifest, folders: Sequence[Path]
) -> dict[PurePosixPath, FileLabel]:
    lists = read_split_lists(manifest, folders=folders)
    return {path: _label_of_path(path, manifest, lists) for path in paths}


def _label_of_path(
    path: PurePosixPath, manifest: SourceManifest, lists: Mapping[str, tuple[Split, str]]
) -> FileLabel:
    label = label_of_stem(path.stem, manifest)
    said: _Said = (label, "file name", f"{manifest.source} file name") if label else None
    split, split_reason = _split_by_manifest(path, manifest, lists)
    return _file_label(
        said or _said_by_known_folder(path, manifest), split, f"; split: {split_reason}"
    )


def _said_by_known_folder(path: PurePosixPath, manifest: SourceManifest) -> _Said:
    """A public data set has its classes and no others, whatever its folders are called."""
    for name in _folder_names(path):
        label = label_of_folder(name)
        if label is not None and all(map(manifest.class_by_name, label.categories)):
            return label, "sub-folder", f"folder {name!r}"
    return None


def _split_by_manifest(
    path: PurePosixPath, manifest: SourceManifest, lists: Mapping[str, tuple[Split, str]]
) -> tuple[Split | None, str]:
    official = official_name(path.stem, manifest)
    if official in lists:
        return lists[official]
    if manifest.names.test_pattern and manifest.names.test_pattern.search(path.stem):
        return "test", "file name"
    if manifest.names.train_pattern and manifest.names.train_pattern.search(path.stem):
        return "train", "file name"
    by_folder = _split_in_folders(path)
    return by_folder, "folder" if by_folder else "nothing names it"
