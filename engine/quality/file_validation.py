"""Somebody's annotation file -> what it is, counts, and every defect; told apart by content."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import orjson

from engine.errors import UsageError
from engine.models.chat import Json
from engine.quality.click_validators import report_on_clicked_events, report_on_clicks
from engine.quality.defects import Defect
from engine.quality.dialogue_validators import Dialogue, dialogue_of, report_on_dialogues
from engine.quality.list_validators import report_on_names, report_on_official
from engine.quality.mcq_validators import COLUMNS, report_on_mcq
from engine.quality.published import Against, FileReport
from engine.quality.row_validators import Rereadable, validate_instruction_rows
from engine.quality.source_validators import defect_of_unfit, validate_against_official
from engine.quality.uca_validators import report_on_uca
from engine.quality.vad_llama_validators import report_on_vad_llama
from engine.quality.validators import validate_video
from engine.sources.glance import HEADER, NO_CLICK, read_click_rows
from engine.sources.hivau import read_raw
from engine.sources.imported import ImportedVideo, UnfitVideo
from engine.sources.manifest import load_manifest
from engine.sources.official import OfficialRow, read_official_rows
from engine.sources.split_lists import stem_of_name
from engine.tree import ClipNode, EventNode, VideoNode
from schemas import Caption, Clip, Event, Provenance, Record, Summary

AnyRecord = TypeVar("AnyRecord", bound=Record)
_SOURCE_DOES_NOT_MATTER = "folder"
_ROW_KEYS = frozenset({"conversations", "messages", "prompt", "user"})
_KNOWN = (
    "a raw HIVAU-70k file, a file of instruction rows or of conversations, a click csv, "
    "VAD-LLaMA's or UCA's JSON, an official list of UCF-Crime or XD-Violence, a multiple-choice csv"
)


def read_against(paths: Sequence[Path]) -> Against:
    """Official interval lists and click files. Raises `UsageError` for any other."""
    official: dict[str, OfficialRow] = {}
    clicks: dict[str, list[int]] = defaultdict(list)
    for path in paths:
        if path.suffix == ".csv":
            for row in read_click_rows(path):
                if row.frame != NO_CLICK:
                    clicks[stem_of_name(row.name)].append(row.frame)
        else:
            official.update((row.video_id, row) for row in read_official_rows(path))
    return Against(official, clicks)


def report_on_file(path: Path, against: Against) -> FileReport:
    """Look through one file. Raises `UsageError` where it is of no known kind, or damaged."""
    try:
        if path.suffix == ".csv":
            return _report_on_csv(path, against)
        if path.suffix == ".txt":
            return _report_on_list(path, against)
        return _report_on_json(path, against)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not text: {error}; this takes {_KNOWN}") from error


def _report_on_csv(path: Path, against: Against) -> FileReport:
    with path.open(encoding="utf-8-sig") as file:
        head = tuple(name.strip() for name in file.readline().split(","))
    if head == HEADER:
        return report_on_clicks(path, against)
    if head == HEADER[:1]:
        return report_on_names(path, against)
    if set(COLUMNS) & set(head):
        return report_on_mcq(path)
    raise UsageError(f"{path} begins with {','.join(head)!r:.80}; this takes {_KNOWN}")


def _report_on_list(path: Path, against: Against) -> FileReport:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    is_one_word = all(len(line.split()) < 2 for line in lines)
    return report_on_names(path, against) if is_one_word else report_on_official(path, against)


def _report_on_json(path: Path, against: Against) -> FileReport:
    row = _first_row(path)
    if row is not None and _ROW_KEYS & row.keys():
        return _report_on_rows(path, row)
    try:
        if row is not None and "QA" in row:
            return report_on_vad_llama([one for _, one in _rows(path)], against)
        loaded: Json = orjson.loads(path.read_bytes())
        if isinstance(loaded, list):
            return _report_on_array(path, loaded, against)
        if isinstance(loaded, dict):
            return _report_on_object(path, loaded, against)
    except ValueError as error:
        raise UsageError(f"{path}: {error}; this takes {_KNOWN}") from error
    raise UsageError(f"{path} holds no list and no object; this takes {_KNOWN}")


def _first_row(path: Path) -> dict[str, Json] | None:
    """The first line where it is an object of its own; a raw file may stand on one line, too."""
    with path.open("rb") as file:
        first = next((line for line in file if line.strip()), b"")
    try:
        row = orjson.loads(first)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) else None


def _report_on_rows(path: Path, first: dict[str, Json]) -> FileReport:
    if "type" not in first or "messages" in first:
        return report_on_dialogues(_dialogues(path))
    rows = Rereadable(path)
    segments = {row.segment_id for row in rows}
    counts = {"rows": sum(1 for _ in rows), "segments": len(segments)}
    return FileReport("instruction rows", counts, tuple(validate_instruction_rows(rows)))


def _dialogues(path: Path) -> Iterator[Dialogue]:
    for number, row in _rows(path):
        try:
            yield dialogue_of(number, row)
        except ValueError as error:
            raise UsageError(f"{path}, line {number}: {error}") from error


def _rows(path: Path) -> Iterator[tuple[int, Json]]:
    """(number, row) of each line that is not empty."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    yield number, orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    raise UsageError(f"{path}, line {number}: {error}") from error


def _report_on_array(path: Path, entries: list[Json], against: Against) -> FileReport:
    first = entries[0] if entries else None
    if isinstance(first, dict) and "QA" in first:
        return report_on_vad_llama(entries, against)
    if isinstance(first, dict) and ("conversations" in first or "messages" in first):
        return report_on_dialogues(dialogue_of(n, row) for n, row in enumerate(entries, start=1))
    raise UsageError(f"{path} is a list of {first!r:.80} …; this takes {_KNOWN}")


def _report_on_object(path: Path, entries: dict[str, Json], against: Against) -> FileReport:
    first = next(iter(entries.values()), None)
    if isinstance(first, dict) and "sentences" in first:
        return report_on_uca(path, entries, against)
    if isinstance(first, dict) and "glances_frames" in first:
        return report_on_clicked_events(entries)
    if isinstance(first, dict) and "events" in first:
        return _report_on_raw(path, against)
    raise UsageError(f"{path} holds {first!r:.80} for a video; this takes {_KNOWN}")


def _report_on_raw(path: Path, against: Against) -> FileReport:
    defects: list[Defect] = []
    num_events = num_clips = num_videos = 0
    for entry in read_raw(path, source=_SOURCE_DOES_NOT_MATTER):
        num_videos += 1
        if isinstance(entry, UnfitVideo):
            defects.append(defect_of_unfit(entry))
            continue
        node = node_of(entry)
        num_events += len(node.events)
        num_clips += sum(len(event.clips) for event in node.events)
        defects += validate_video(node)
        if (row := against.official.get(node.video.id)) is not None:
            defects += validate_against_official(node, _official_events(row))
    counts = {"videos": num_videos, "events": num_events, "clips": num_clips}
    return FileReport("HIVAU-70k annotations", counts, tuple(defects))


def _official_events(row: OfficialRow) -> list[Event]:
    """At the nominal rate, as the published events were made."""
    fps = load_manifest(row.source).nominal_fps
    return [
        Event(
            id=f"{row.video_id}_E{number}",
            video_id=row.video_id,
            start_seconds=round(start / fps, 3),
            end_seconds=round(end / fps, 3),
            is_anomalous=True,
            categories=categories,
            origin="human",
            is_confirmed=True,
            click_ids=(),
            provenance=Provenance(made_by="human", name=row.source),
        )
        for number, (start, end, categories) in enumerate(row.intervals)
    ]


def node_of(imported: ImportedVideo) -> VideoNode:
    """The tree of one raw entry, without a dataset around it."""
    assert imported.stand_in is not None
    captions = {record.id: record for record in _of_type(imported, Caption)}
    summaries = {record.id: record for record in _of_type(imported, Summary)}
    clips: dict[str, list[ClipNode]] = defaultdict(list)
    for clip in _of_type(imported, Clip):
        clips[clip.event_id].append(ClipNode(clip, captions.get(clip.id)))
    events = tuple(
        EventNode(event, tuple(clips[event.id]), summaries.get(event.id))
        for event in _of_type(imported, Event)
    )
    return VideoNode(imported.stand_in, events, summaries.get(imported.video_id), ())


def _of_type(imported: ImportedVideo, record_type: type[AnyRecord]) -> list[AnyRecord]:
    return [record for record in imported.records if isinstance(record, record_type)]
