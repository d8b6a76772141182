"""Click files, and clicks held to marked events -> counts and defects."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.models.chat import Json
from engine.quality.defects import Defect
from engine.quality.published import Against, FileReport
from engine.sources.glance import NO_CLICK, ClickRow, read_click_rows
from engine.sources.json_file import as_list, as_number, as_object, as_spans
from engine.sources.names import label_of_any_stem
from engine.sources.split_lists import stem_of_name


def report_on_clicks(path: Path, against: Against) -> FileReport:
    """A csv `video-id,glance`. Raises `UsageError` for rows that are no name and frame."""
    rows = read_click_rows(path)
    stems = [stem_of_name(row.name) for row in rows]
    return FileReport(
        kind="clicks",
        counts={
            "rows": len(rows),
            "videos": len(set(stems)),
            "rows without a click": sum(row.frame == NO_CLICK for row in rows),
        },
        defects=tuple(_row_defects(rows, against)),
    )


def _row_defects(rows: Sequence[ClickRow], against: Against) -> Iterator[Defect]:
    seen: set[tuple[str, int]] = set()
    for row in rows:
        stem = stem_of_name(row.name)
        where = f"line {row.line}: frame {row.frame}"
        if row.frame == NO_CLICK:
            yield Defect("no-click-row", stem, where)
            continue
        if (stem, row.frame) in seen:
            yield Defect("duplicate-click", stem, where)
        seen.add((stem, row.frame))
        label = label_of_any_stem(stem)
        if label is not None and not label.is_anomalous:
            yield Defect("click-on-normal-video", stem, where)
        yield from _against_official(row, stem, where, against)


def _against_official(row: ClickRow, stem: str, where: str, against: Against) -> Iterator[Defect]:
    official = against.official.get(stem)
    if official is None:
        return
    if official.num_frames is not None and row.frame >= official.num_frames:
        detail = f"{where}, but the video has {official.num_frames} frames"
        yield Defect("click-past-video-end", stem, detail)
    elif not any(start <= row.frame < end for start, end, _ in official.intervals):
        shown = ", ".join(f"{start}–{end}" for start, end, _ in official.intervals) or "none"
        yield Defect("click-outside-events", stem, f"{where}; official intervals: {shown}")


def report_on_clicked_events(entries: dict[str, Json]) -> FileReport:
    """`{video: {n_frames, fps, label, events, glances_frames}}`: how clicks meet events.

    Raises `ValueError` naming what in an entry is not so.
    """
    defects: list[Defect] = []
    num_clicks = num_events = 0
    for video_id, entry in entries.items():
        fields = as_object(entry, what=f"the entry of {video_id}")
        frames = [
            as_number(frame, what=f"a click of {video_id}")
            for frame in as_list(fields.get("glances_frames"), what=f"clicks of {video_id}")
        ]
        num_clicks += len(frames)
        num_events += len(as_list(fields.get("events"), what=f"events of {video_id}"))
        defects += _meeting(video_id, fields, frames)
    codes = [defect.code for defect in defects]
    return FileReport(
        kind="clicks against events",
        counts={
            "videos": len(entries),
            "clicks": num_clicks,
            "clicks inside an event": num_clicks
            - codes.count("click-outside-events")
            - codes.count("click-past-video-end"),
            "events": num_events,
            "events with a click": num_events - codes.count("event-without-click"),
        },
        defects=tuple(defects),
    )


def _meeting(video_id: str, fields: dict[str, Json], frames: Sequence[float]) -> Iterator[Defect]:
    fps = as_number(fields.get("fps"), what=f"fps of {video_id}")
    num_frames = as_number(fields.get("n_frames"), what=f"n_frames of {video_id}")
    events = as_spans(fields.get("events"), what=f"events of {video_id}")
    for frame in frames:
        seconds = frame / fps
        where = f"frame {frame:.0f} at {seconds:.3f} s"
        if frame >= num_frames:
            detail = f"{where}; the video has {num_frames:.0f} frames"
            yield Defect("click-past-video-end", video_id, detail)
        elif not any(start <= seconds <= end for start, end in events):
            yield Defect("click-outside-events", video_id, f"{where}; events: {events}")
    for number, (start, end) in enumerate(events):
        if not any(start <= frame / fps <= end for frame in frames):
            detail = f"[{start:.3f}, {end:.3f}) holds none of {len(frames)} clicks"
            yield Defect("event-without-click", f"{video_id}_E{number}", detail)
