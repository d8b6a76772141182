"""Click files (csv `video-id,glance`) <-> `Click` records."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import UsageError
from engine.sources.bad_rows import bad_rows
from engine.sources.video_names import names_of
from schemas import Click, Provenance, Video

HEADER = ("video-id", "glance")
NO_CLICK = 0
"""The published files write frame 0 for "looked at, nothing clicked"."""
FrameTimes = Callable[[Video], NDArray[np.float64]]
"""A video -> presentation times of its frames in seconds, ascending."""


@dataclass(frozen=True)
class ClickRow:
    """One row: the ordinal of the frame that was clicked, counted from 0."""

    name: str
    """What the file calls the video."""
    frame: int
    line: int


@dataclass(frozen=True)
class ClickTable:
    """A click file, read."""

    path: Path
    rows: tuple[ClickRow, ...]
    num_without_click: int
    """Rows dropped because they say that there is no click."""


@dataclass(frozen=True)
class ImportedClicks:
    """Clicks on videos of the dataset, and what was passed over."""

    clicks: tuple[Click, ...]
    unknown_names: frozenset[str]
    """Of videos that the dataset does not have."""


def read_clicks(path: Path) -> ClickTable:
    """Read a click csv. Raises UsageError for a wrong header or rows, naming their lines."""
    rows = read_click_rows(path)
    clicked = tuple(row for row in rows if row.frame != NO_CLICK)
    return ClickTable(path=path, rows=clicked, num_without_click=len(rows) - len(clicked))


def read_click_rows(path: Path) -> list[ClickRow]:
    """Every row, those that say that there is no click among them. Raises as `read_clicks`."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        header = tuple(field.strip() for field in next(reader, []))
        if header != HEADER:
            raise UsageError(
                f"click file {path}: first line is {','.join(header)!r}, expected "
                f"{','.join(HEADER)!r}"
            )
        fields = [(reader.line_num, row) for row in reader if row]
    rows, problems = _parse(fields)
    if problems:
        raise bad_rows("click file", path=path, problems=problems)
    return rows


def clicks_of_table(
    table: ClickTable,
    *,
    videos: Mapping[str, Video],
    frame_times_of: FrameTimes,
    author: str = "glancevad",
) -> ImportedClicks:
    """Turn rows into confirmed human clicks, ids `{video_id}_K{n}` in file order.

    Rows of videos that the dataset does not have are not read. Raises UsageError listing every
    row whose name could mean several videos, else every click past its video's end.
    """
    found = _with_videos(table, videos)
    known = [(row, video) for row, video in found if video is not None]
    times = {id_: frame_times_of(videos[id_]) for id_ in dict.fromkeys(v.id for _, v in known)}
    late = [_late_row(row, video.id, len(times[video.id])) for row, video in known]
    if problems := [problem for problem in late if problem is not None]:
        raise bad_rows("click file", path=table.path, problems=problems)
    numbers: Counter[str] = Counter()
    clicks: list[Click] = []
    for row, video in known:
        time_seconds = float(times[video.id][row.frame])
        click_id = f"{video.id}_K{numbers[video.id]}"
        numbers[video.id] += 1
        clicks.append(_click(row, video.id, time_seconds, id=click_id, author=author))
    unknown_names = frozenset(row.name for row, video in found if video is None)
    return ImportedClicks(tuple(clicks), unknown_names)


def clicks_csv(clicks: Iterable[Click]) -> str:
    """The click file's text; clicks that a person ignored are left out.

    Raises UsageError for a click that knows only a time: the format holds frames.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for click in clicks:
        if click.state != "ignored":
            writer.writerow((click.video_id, _frame_of(click)))
    return text.getvalue()


def write_clicks(clicks: Iterable[Click], *, path: Path) -> None:
    """Write `clicks_csv` to `path`."""
    path.write_text(clicks_csv(clicks), encoding="utf-8", newline="")


def _parse(fields: Sequence[tuple[int, list[str]]]) -> tuple[list[ClickRow], list[str]]:
    rows: list[ClickRow] = []
    problems: list[str] = []
    for line, row in fields:
        name, frame = (field.strip() for field in row) if len(row) == 2 else ("", "")
        if not name or not frame.isdecimal():
            problems.append(f"line {line}: {','.join(row)!r} is not a name and a frame number")
            continue
        rows.append(ClickRow(name=name, frame=int(frame), line=line))
    return rows, problems


def _with_videos(
    table: ClickTable, videos: Mapping[str, Video]
) -> list[tuple[ClickRow, Video | None]]:
    names = names_of(videos.values())
    found: list[tuple[ClickRow, Video | None]] = []
    problems: list[str] = []
    for row in table.rows:
        try:
            found.append((row, names.find(row.name)))
        except ValueError as error:
            problems.append(f"line {row.line}: {error}")
    if problems:
        raise bad_rows("click file", path=table.path, problems=problems)
    return found


def _late_row(row: ClickRow, video_id: str, num_frames: int) -> str | None:
    if row.frame < num_frames:
        return None
    return f"line {row.line}: frame {row.frame}, but {video_id} has {num_frames} frames"


def _click(row: ClickRow, video_id: str, time_seconds: float, *, id: str, author: str) -> Click:
    return Click(
        id=id,
        video_id=video_id,
        time_seconds=time_seconds,
        frame=row.frame,
        is_live=False,
        source="human",
        state="confirmed",
        author=author,
        provenance=Provenance(made_by="human", name=author),
    )


def _frame_of(click: Click) -> int:
    if click.frame is None:
        raise UsageError(
            f"click {click.id} at {click.time_seconds:.3f} s has no frame ordinal, which the "
            "click csv holds; click it again in the annotator or leave it out"
        )
    return click.frame
