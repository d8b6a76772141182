"""A person's csv `video,label[,split]` -> what it says about each video file."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import cast, get_args

from engine.errors import UsageError
from engine.sources.bad_rows import bad_rows
from engine.sources.categories import NORMAL_LABEL, refuse_unknown_classes
from engine.sources.video_names import plain_path
from schemas.base import Split

_COLUMNS = ("video", "label", "split")


@dataclass(frozen=True)
class CsvLabel:
    """One row: label and split, each None where the field is empty."""

    is_anomalous: bool | None
    categories: tuple[str, ...]
    split: Split | None
    line: int


def read_labels_csv(
    path: Path, *, videos: Sequence[PurePosixPath], source: str
) -> dict[PurePosixPath, CsvLabel]:
    """Rows by video. `video` is a path below the folder, a file name or a stem; unique.

    Several labels are joined by `;` or `|`; `normal` (any case) means normal. `source` says which
    classes there are: those of its data set, for `folder` any.
    Raises UsageError naming every bad row: unknown columns, a video twice, a video that is not
    there, a class that the source does not know, `normal` beside a class, a split that does not
    exist.
    """
    rows = _rows(path)
    by_name = _paths_by_name(videos)
    labels: dict[PurePosixPath, CsvLabel] = {}
    problems: list[str] = []
    for line, row in rows:
        try:
            video = _video_of(row["video"].strip(), by_name)
            if video in labels:
                raise ValueError(f"{video} already stands in line {labels[video].line}")
            labels[video] = label = _label_of(row, line)
            refuse_unknown_classes(label.categories, source=source)
        except ValueError as error:
            problems.append(f"line {line}: {error}")
    if problems:
        raise bad_rows("labels file", path=path, problems=problems)
    return labels


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        columns = [name.strip() for name in reader.fieldnames or ()]
        if not {"video", "label"} <= set(columns) or set(columns) - set(_COLUMNS):
            raise UsageError(
                f"labels file {path}: columns are {', '.join(columns) or 'missing'}; expected "
                "video,label or video,label,split in the first line"
            )
        reader.fieldnames = columns
        rows = [(reader.line_num, row) for row in reader]
    ragged = [f"line {line}: fields do not fit the columns" for line, row in rows if _ragged(row)]
    if ragged:
        raise bad_rows("labels file", path=path, problems=ragged)
    return rows


def _ragged(row: Mapping[str | None, object]) -> bool:
    return None in row or None in row.values()


def _paths_by_name(videos: Sequence[PurePosixPath]) -> dict[str, set[PurePosixPath]]:
    by_name: dict[str, set[PurePosixPath]] = {}
    for video in videos:
        for name in (plain_path(str(video)), f"./{video}", video.name, video.stem):
            by_name.setdefault(name, set()).add(video)
    return by_name


def _video_of(name: str, by_name: Mapping[str, set[PurePosixPath]]) -> PurePosixPath:
    matches = by_name.get(name.replace("\\", "/"), set())
    if len(matches) == 1:
        return next(iter(matches))
    if not matches:
        raise ValueError(f"there is no video {name!r} in the folder")
    shown = ", ".join(sorted(plain_path(str(match)) for match in matches)[:3])
    raise ValueError(f"{name!r} could be {shown}; write its path below the folder")


def _label_of(row: Mapping[str, str], line: int) -> CsvLabel:
    fields = row["label"].replace("|", ";").split(";")
    names = tuple(dict.fromkeys(name.strip() for name in fields if name.strip()))
    is_normal = any(name.casefold() == NORMAL_LABEL for name in names)
    if is_normal and len(names) > 1:
        raise ValueError(f"label {row['label']!r} is normal and something else at once")
    return CsvLabel(
        is_anomalous=not is_normal if names else None,
        categories=() if is_normal else names,
        split=_split_of(row.get("split", "").strip().lower()),
        line=line,
    )


def _split_of(text: str) -> Split | None:
    split = "validation" if text == "val" else text
    if not split:
        return None
    if split not in get_args(Split):
        raise ValueError(f"split {text!r} is none of {', '.join(get_args(Split))}")
    return cast(Split, split)
