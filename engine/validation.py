"""A dataset, or somebody's HIVAU file -> every defect in it."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import orjson

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.index import Index, natural_order
from engine.ledger import IMPORT_LEDGER
from engine.quality.findings import Finding
from engine.quality.source_validators import validate_clicks, validate_human_captions
from engine.quality.validators import finding_of_unfit, validate_instruction_rows, validate_video
from engine.rejects import current_rejects
from engine.sources.hivau import read_raw
from engine.sources.hivau_instructions import read_instructions
from engine.sources.imported import ImportedVideo, UnfitVideo
from engine.tree import ClipNode, EventNode, VideoNode
from engine.trees import Trees
from schemas import Caption, Click, Clip, Event, HumanCaption, Record, Summary

AnyRecord = TypeVar("AnyRecord", bound=Record)
_SOURCE_DOES_NOT_MATTER = "folder"


def findings_in_dataset(
    dataset: Dataset, *, on_video: Callable[[], None] = lambda: None
) -> Iterator[Finding]:
    """Every defect of every live video, then of what an import could not take."""
    index = Index(dataset)
    clicks, captions = _by_video(index, Click), _by_video(index, HumanCaption)
    for node in Trees(index).all():
        yield from validate_video(node)
        yield from validate_clicks(node.video, clicks[node.video.id])
        yield from validate_human_captions(node.video, captions[node.video.id])
        on_video()
    for reject in current_rejects(dataset, stage=IMPORT_LEDGER):
        yield finding_of_unfit(UnfitVideo(reject.item_id.rpartition(":")[2], reject.detail))


def _by_video(index: Index, record_type: type[AnyRecord]) -> dict[str, list[AnyRecord]]:
    """Video id -> its records in order of their ids, which is the order of their file."""
    found: dict[str, list[AnyRecord]] = defaultdict(list)
    for record_id in sorted(index.lines(record_type), key=natural_order):
        record = index.get(record_type, record_id)
        found[str(getattr(record, "video_id", ""))].append(record)
    return found


def findings_in_file(path: Path) -> Iterator[Finding]:
    """Every defect of a raw HIVAU-70k file or of a file of instruction rows, told apart by content.

    Raises `UsageError` where it is neither.
    """
    if _is_jsonl(path):
        yield from validate_instruction_rows(read_instructions(path))
        return
    for entry in read_raw(path, source=_SOURCE_DOES_NOT_MATTER):
        if isinstance(entry, UnfitVideo):
            yield finding_of_unfit(entry)
        else:
            yield from validate_video(node_of(entry))


def _is_jsonl(path: Path) -> bool:
    """Instruction rows stand one to a line; a raw file is one object, however it is laid out."""
    with path.open("rb") as file:
        first = next((line for line in file if line.strip()), b"")
    try:
        row = orjson.loads(first)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(row, dict):
        raise UsageError(f"{path} is neither a raw HIVAU-70k file nor a file of instruction rows")
    return "conversations" in row or "prompt" in row


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
