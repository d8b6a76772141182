"""A person's events (`{video: [[start, end], …]}`) -> confirmed `Event` records."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.models.chat import Json
from engine.sources.bad_rows import bad_rows
from engine.sources.imported import ImportedVideo
from engine.sources.json_file import as_spans, as_texts, read_object
from engine.sources.video_names import names_of
from schemas import Event, Provenance, Video

END_TOLERANCE_SECONDS = 0.1
"""Published ends are rounded frame counts at a nominal rate; this much past the end is rounding."""


@dataclass(frozen=True)
class ImportedEvents:
    """Events of videos that the dataset has, and how many entries were passed over."""

    videos: tuple[ImportedVideo, ...]
    num_unknown_videos: int


def read_events(path: Path, *, videos: Mapping[str, Video], author: str) -> ImportedEvents:
    """Read events, ids `{stem}_E{n}` in file order, confirmed, made by the human `author`.

    An entry is a list of `[start, end]` in seconds, or an object with `events` and perhaps
    `label` (the categories; `[]` is normal). Without `label` the video's own label holds.
    Entries of unknown videos are counted. Raises UsageError naming every entry that is
    malformed, could mean several videos, is about a video that another entry is about, or
    reaches past its video.
    """
    entries, names = read_object(path, what="events file"), names_of(videos.values())
    imported: dict[str, ImportedVideo] = {}
    problems: list[str] = []
    for name, entry in entries.items():
        try:
            video = names.find(name)
            if video is None:
                continue
            if video.id in imported:
                raise ValueError(f"another entry is about {video.id}, too; make them one")
            imported[video.id] = ImportedVideo(
                video.id, None, _events(video, entry, author), says_all_of=(Event,)
            )
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise bad_rows("events file", path=path, problems=problems)
    return ImportedEvents(tuple(imported.values()), len(entries) - len(imported))


def _events(video: Video, entry: Json, author: str) -> tuple[Event, ...]:
    is_anomalous, categories = video.is_anomalous, video.categories
    spans = entry
    if isinstance(entry, dict):
        if "events" not in entry:
            raise ValueError(f"has no `events`, only {', '.join(entry) or 'nothing'}")
        spans = entry["events"]
        if "label" in entry:
            categories = tuple(as_texts(entry["label"], what="label"))
            is_anomalous = bool(categories)
    inside = [_inside(video, start, end) for start, end in as_spans(spans, what="events")]
    return tuple(
        Event(
            id=f"{video.id}_E{number}",
            video_id=video.id,
            start_seconds=start,
            end_seconds=end,
            is_anomalous=is_anomalous,
            categories=categories,
            origin="human",
            is_confirmed=True,
            click_ids=(),
            provenance=Provenance(made_by="human", name=author),
        )
        for number, (start, end) in enumerate(inside)
    )


def _inside(video: Video, start: float, end: float) -> tuple[float, float]:
    first, last = video.start_seconds, video.end_seconds
    if start < first - END_TOLERANCE_SECONDS or end > last + END_TOLERANCE_SECONDS:
        raise ValueError(
            f"the event {start}–{end} s reaches past the video, {first:.3f}–{last:.3f} s"
        )
    inside = max(first, min(start, last)), max(first, min(end, last))
    if inside[0] == inside[1]:
        raise ValueError(f"the event {start}–{end} s has no length within the video")
    return inside
