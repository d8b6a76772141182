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
from engine.sources.split_lists import stem_of_name
from schemas import Click, Provenance, Video

HEADER = ("video-id", "glance")
NO_CLICK = 0
"""The published files write frame 0 for "looked at, nothing clicked"."""
FrameTimes = Callable[[Video], NDArray[np.float64]]
"""A video -> presentation times of its frames in seconds, ascending."""


@dataclass(frozen=True)
class ClickRow:
    """One row: the ordinal of the frame that was clicked, counted from 0."""

    video_id: str
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
    num_rows_of_unknown_videos: int


def read_clicks(path: Path) -> ClickTable:
    """Read a click csv. Raises UsageError for a wrong header or rows, naming their lines."""
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
    clicked = tuple(row for row in rows if row.frame != NO_CLICK)
    return ClickTable(path=path, rows=clicked, num_without_click=len(rows) - len(clicked))


def clicks_of_table(
    table: ClickTable,
    *,
    videos: Mapping[str, Video],
    frame_times_of: FrameTimes,
    author: str = "glancevad",
    first_number_of: Callable[[str], int] = lambda _video_id: 0,
) -> ImportedClicks:
    """Turn rows into confirmed human clicks, ids `{video_id}_K{n}` in file order.

    `first_number_of` gives the first free `n` of a video. Rows of videos that the dataset does
    not have are counted, not read. Raises UsageError listing every click past its video's end.
    """
    known = [row for row in table.rows if row.video_id in videos]
    times = {row.video_id: _NO_TIMES for row in known}
    times = {video_id: frame_times_of(videos[video_id]) for video_id in times}
    late = [_late_row(row, times[row.video_id]) for row in known]
    if problems := [problem for problem in late if problem is not None]:
        raise bad_rows("click file", path=table.path, problems=problems)
    numbers = Counter({video_id: first_number_of(video_id) for video_id in times})
    clicks: list[Click] = []
    for row in known:
        time_seconds = float(times[row.video_id][row.frame])
        clicks.append(_click(row, time_seconds, number=numbers[row.video_id], author=author))
        numbers[row.video_id] += 1
    return ImportedClicks(tuple(clicks), len(table.rows) - len(known))


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


_NO_TIMES: NDArray[np.float64] = np.empty(0)


def _parse(fields: Sequence[tuple[int, list[str]]]) -> tuple[list[ClickRow], list[str]]:
    rows: list[ClickRow] = []
    problems: list[str] = []
    for line, row in fields:
        name, frame = (field.strip() for field in row) if len(row) == 2 else ("", "")
        if not name or not frame.isdecimal():
            problems.append(f"line {line}: {','.join(row)!r} is not a name and a frame number")
            continue
        rows.append(ClickRow(video_id=stem_of_name(name), frame=int(frame), line=line))
    return rows, problems


def _late_row(row: ClickRow, times: NDArray[np.float64]) -> str | None:
    if row.frame < len(times):
        return None
    return f"line {row.line}: frame {row.frame}, but {row.video_id} has {len(times)} frames"


def _click(row: ClickRow, time_seconds: float, *, number: int, author: str) -> Click:
    return Click(
        id=f"{row.video_id}_K{number}",
        video_id=row.video_id,
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
