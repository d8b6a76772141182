"""Official interval files of UCF-Crime and XD-Violence -> confirmed `Event` records."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import UsageError
from engine.sources.imported import Imported, ImportedVideo, UnfitVideo
from engine.sources.manifest import SourceManifest, load_manifest
from engine.sources.names import label_of_stem
from engine.sources.split_lists import stem_of_name
from schemas import Event, Provenance, Video

OVERSHOOT_SECONDS = 1.0
"""Five of UCF-Crime's intervals end one or two frames past their video: counting, not a lie."""


@dataclass(frozen=True)
class OfficialRow:
    """One line: intervals in frames at the nominal rate; none for a normal video."""

    video_id: str
    source: str
    num_frames: int | None
    """Only UCF_Annotation.txt says it."""
    is_anomalous: bool
    intervals: tuple[tuple[int, int, tuple[str, ...]], ...]
    """(start frame, end frame, categories)."""


def read_official(
    path: Path,
    *,
    videos: Mapping[str, Video],
    frame_times_of: Callable[[Video], NDArray[np.float64]],
) -> Imported:
    """Events of every video in the file, ids `{stem}_E{n}` in the file's order.

    Reads Temporal_Anomaly_Annotation.txt, UCF_Annotation.txt, and XD-Violence's annotations
    with and without classes, told apart by their lines. A frame becomes a time by
    `frame_times_of` where the dataset has the video's file, else by the nominal rate, rounded
    to milliseconds as HIVAU-70k did. An end less than a second past the file is moved to the
    file's end; more makes the video unfit. Raises UsageError naming the first line that is no
    such annotation.
    """
    for row in read_official_rows(path):
        video = videos.get(row.video_id)
        nominal_fps = load_manifest(row.source).nominal_fps
        try:
            events = _events(row, _clock(video, nominal_fps, frame_times_of))
        except ValueError as error:
            yield UnfitVideo(row.video_id, f"{path.name}: {error}")
            continue
        stand_in = _stand_in(row, nominal_fps)
        yield ImportedVideo(row.video_id, stand_in, events, says_all_of=(Event,))


def read_official_rows(path: Path) -> list[OfficialRow]:
    """The file's lines, parsed. Raises UsageError naming the first line that does not fit."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        try:
            rows.append(_row(fields))
        except ValueError as error:
            raise UsageError(
                f"{path}, line {number}: {line.strip()!r} is no annotation of UCF-Crime or "
                f"XD-Violence: {error}"
            ) from error
    return rows


FrameClock = Callable[[int, bool], float]
"""(frame, whether it is an end) -> seconds; ValueError past the video."""


def _clock(
    video: Video | None,
    nominal_fps: float,
    frame_times_of: Callable[[Video], NDArray[np.float64]],
) -> FrameClock:
    if video is None or video.media is None:
        return lambda frame, _is_end: round(frame / nominal_fps, 3)
    times, end_seconds = frame_times_of(video), video.end_seconds
    slack_frames = OVERSHOOT_SECONDS * nominal_fps

    def seconds(frame: int, is_end: bool) -> float:
        if frame < len(times):
            return float(times[frame])
        if is_end and frame <= len(times) + slack_frames:
            return end_seconds
        raise ValueError(f"frame {frame} is past the video, which has {len(times)} frames")

    return seconds


def _events(row: OfficialRow, seconds: FrameClock) -> tuple[Event, ...]:
    return tuple(
        Event(
            id=f"{row.video_id}_E{number}",
            video_id=row.video_id,
            start_seconds=seconds(start, False),
            end_seconds=seconds(end, True),
            is_anomalous=True,
            categories=categories,
            origin="human",
            is_confirmed=True,
            click_ids=(),
            provenance=Provenance(made_by="human", name=row.source),
        )
        for number, (start, end, categories) in enumerate(row.intervals)
    )


def _stand_in(row: OfficialRow, nominal_fps: float) -> Video | None:
    if row.num_frames is None:
        return None
    categories = (name for *_, names in row.intervals for name in names)
    return Video(
        id=row.video_id,
        source=row.source,
        split="test",
        is_anomalous=row.is_anomalous,
        categories=tuple(dict.fromkeys(categories)),
        start_seconds=0.0,
        end_seconds=row.num_frames / nominal_fps,
        num_frames=row.num_frames,
        fps=nominal_fps,
        media=None,
        provenance=Provenance(made_by="human", name=row.source),
    )


def _row(fields: Sequence[str]) -> OfficialRow:
    if "/" in fields[0]:
        return _ucf_row(fields[0], int(fields[1]), fields[2:])
    if stem_of_name(fields[0]).endswith("_x264"):
        return _ucf_row(fields[0], None, fields[1:])
    return _xd_row(stem_of_name(fields[0]), fields[1:])


def _ucf_row(name: str, num_frames: int | None, fields: Sequence[str]) -> OfficialRow:
    category, frames = fields[0], [int(field) for field in fields[1:]]
    is_normal = category == "Normal"
    if not is_normal and load_manifest("ucf-crime").class_by_name(category) is None:
        raise ValueError(f"{category!r} is no class of UCF-Crime")
    pairs = [(start, end) for start, end in _pairs(frames) if (start, end) != (-1, -1)]
    return OfficialRow(
        video_id=stem_of_name(name),
        source="ucf-crime",
        num_frames=num_frames,
        is_anomalous=not is_normal,
        intervals=tuple((start, end, (category,)) for start, end in pairs),
    )


def _xd_row(stem: str, fields: Sequence[str]) -> OfficialRow:
    manifest = load_manifest("xd-violence")
    label = label_of_stem(stem, manifest)
    if label is None or not fields:
        raise ValueError("the name carries no label, or no interval follows it")
    has_codes = not fields[0].lstrip("-").isdecimal()
    intervals = (
        _coded_intervals(fields, manifest)
        if has_codes
        else tuple((start, end, label.categories) for start, end in _pairs([*map(int, fields)]))
    )
    return OfficialRow(stem, "xd-violence", None, label.is_anomalous, intervals)


def _coded_intervals(
    fields: Sequence[str], manifest: SourceManifest
) -> tuple[tuple[int, int, tuple[str, ...]], ...]:
    if len(fields) % 3:
        raise ValueError(f"{len(fields)} fields are not triples of code, start and end")
    return tuple(_coded(fields[at : at + 3], manifest) for at in range(0, len(fields), 3))


def _coded(triple: Sequence[str], manifest: SourceManifest) -> tuple[int, int, tuple[str, ...]]:
    entry = manifest.class_by_code(triple[0])
    if entry is None:
        raise ValueError(f"{triple[0]!r} is no code of XD-Violence")
    ((start, end),) = _pairs([int(triple[1]), int(triple[2])])
    return start, end, (entry.name,)


def _pairs(frames: Sequence[int]) -> Iterator[tuple[int, int]]:
    if len(frames) % 2:
        raise ValueError(f"{len(frames)} numbers are not pairs of start and end")
    for start, end in zip(frames[::2], frames[1::2], strict=True):
        if end < start or (start < 0) != (end < 0):
            raise ValueError(f"interval {start} {end} is not ascending")
        yield start, end
