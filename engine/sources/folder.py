"""Paths of video files -> the label and split that a person, a list or a name gives each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from engine.sources.labels_csv import CsvLabel, read_labels_csv
from engine.sources.manifest import SourceManifest, load_manifest
from engine.sources.names import (
    NameLabel,
    is_generic_folder,
    label_in_words,
    label_of_any_stem,
    label_of_folder,
    label_of_stem,
    official_name,
    split_of_folder,
)
from engine.sources.split_lists import read_split_lists
from schemas.base import Split

SourceName = Literal["folder", "ucf-crime", "xd-violence"]


@dataclass(frozen=True)
class FileLabel:
    """What is known of one file before it is opened."""

    is_anomalous: bool | None
    """None: nothing says so."""
    categories: tuple[str, ...]
    split: Split | None
    reason: str
    """Who said it, for `--verbose` and for a person who wonders."""


def label_files(
    paths: Sequence[PurePosixPath],
    *,
    source: SourceName,
    labels_csv: Path | None,
    root: Path,
    lists_dir: Path | None,
) -> dict[PurePosixPath, FileLabel]:
    """Label every file of a folder; `paths` are relative to `root`.

    A labels csv wins over everything, row by row. Then, for `folder`: the nearest telling
    folder name, the grammar of a public data set, an unknown folder name as a class of its own,
    words of the file name. For a public source: its grammar and its official lists, looked for
    in `root` and `lists_dir`. Raises UsageError for a bad csv or lists that contradict.
    """
    rows = read_labels_csv(labels_csv, videos=paths) if labels_csv else {}
    if source == "folder":
        named = {path: _label_in_folder(path) for path in paths}
    else:
        named = _label_by_manifest(paths, load_manifest(source), _folders(root, lists_dir))
    return {path: _with_row(label, rows.get(path)) for path, label in named.items()}


def _folders(root: Path, lists_dir: Path | None) -> tuple[Path, ...]:
    return (root,) if lists_dir is None else (root, lists_dir)


def _with_row(label: FileLabel, row: CsvLabel | None) -> FileLabel:
    if row is None:
        return label
    split = row.split or label.split
    if row.is_anomalous is None:
        return replace(label, split=split)
    return FileLabel(row.is_anomalous, row.categories, split, f"labels csv, line {row.line}")


def _label_in_folder(path: PurePosixPath) -> FileLabel:
    label, reason = _name_label(path)
    is_anomalous = label.is_anomalous if label else None
    categories = label.categories if label else ()
    return FileLabel(is_anomalous, categories, _split_in_folders(path), reason)


def _name_label(path: PurePosixPath) -> tuple[NameLabel | None, str]:
    folders = [folder.name for folder in path.parents if folder.name]
    by_file = label_of_any_stem(path.stem)
    for name in folders:
        if (label := label_of_folder(name)) is not None:
            return _most_telling(label, by_file or label_in_words(path.stem)), f"folder {name!r}"
    if by_file is not None:
        return by_file, "file name of a public data set"
    for name in folders:
        if not is_generic_folder(name):
            return NameLabel(is_anomalous=True, categories=(name,)), f"folder {name!r}, a new class"
    if (label := label_in_words(path.stem)) is not None:
        return label, "words of the file name"
    return None, "nothing names a label"


def _most_telling(folder: NameLabel, file: NameLabel | None) -> NameLabel:
    """A folder that says only `abnormal` leaves the class to the file's name."""
    if folder.is_anomalous and not folder.categories and file is not None and file.is_anomalous:
        return file
    return folder


def _split_in_folders(path: PurePosixPath) -> Split | None:
    splits = (split_of_folder(folder.name) for folder in path.parents)
    return next((split for split in splits if split is not None), None)


def _label_by_manifest(
    paths: Sequence[PurePosixPath], manifest: SourceManifest, folders: Sequence[Path]
) -> dict[PurePosixPath, FileLabel]:
    lists = read_split_lists(manifest, folders=folders)
    return {path: _label_of_path(path, manifest, lists) for path in paths}


def _label_of_path(
    path: PurePosixPath, manifest: SourceManifest, lists: Mapping[str, tuple[Split, str]]
) -> FileLabel:
    label, reason = label_of_stem(path.stem, manifest), f"{manifest.source} file name"
    if label is None:
        label, reason = _name_label(path)
    split, split_reason = _split_by_manifest(path, manifest, lists)
    return FileLabel(
        is_anomalous=label.is_anomalous if label else None,
        categories=label.categories if label else (),
        split=split,
        reason=f"{reason}; split: {split_reason}",
    )


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
