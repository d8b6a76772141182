"""One small item per stage, ready to be processed."""

from pathlib import Path
from typing import Any

import pytest

from engine.families.family import TextSubject
from engine.prompting import prompt_sha256
from engine.stage import Item, MediaStage, Stage
from engine.stages.caption import CaptionItem
from engine.stages.clip import ClipItem
from engine.stages.ingest import IngestItem
from engine.stages.propose import ProposeItem
from engine.stages.score import ScoreItem
from engine.stages.summarize import SummarizeItem
from tests.builders import VIDEO_ID, a_click, a_clip, a_summary, a_video, an_event
from tests.videos import constant_rate

EVENT_ID, CLIP_ID = f"{VIDEO_ID}_E0", f"{VIDEO_ID}_E0C0"


def a_file(dir_path: Path) -> Path:
    """Three seconds of video."""
    path = dir_path / f"{VIDEO_ID}.mp4"
    return path if path.exists() else constant_rate(path, num_frames=75)


def an_ingest_item(path: Path, **changes: Any) -> IngestItem:
    known: dict[str, Any] = {
        "file_path": path,
        "relative_path": path.name,
        "size_bytes": path.stat().st_size,
        "source": "folder",
        "is_anomalous": True,
        "categories": ("Abuse",),
        "split": "test",
    }
    return IngestItem(**(known | changes))


def a_propose_item(**changes: Any) -> ProposeItem:
    known: dict[str, Any] = {
        "video": a_video(),
        "clicks": (a_click(time_seconds=20.0),),
        "scores": None,
        "earlier": (),
        "pinned": (),
        "discarded": (),
        "next_number": 0,
    }
    return ProposeItem(**(known | changes))


def a_clip_item(**changes: Any) -> ClipItem:
    known: dict[str, Any] = {
        "event": an_event(start_seconds=2.0, end_seconds=15.0),
        "human_captions": (),
        "earlier": (),
        "pinned_ids": frozenset(),
        "next_number": 0,
    }
    return ClipItem(**(known | changes))


def a_caption_item(path: Path, **changes: Any) -> CaptionItem:
    known: dict[str, Any] = {
        "clip": a_clip(start_seconds=0.5, end_seconds=2.5),
        "human_caption": None,
        "video_path": path,
        "video_duration_seconds": 3.0,
    }
    return CaptionItem(**(known | changes))


def a_summarize_item(**changes: Any) -> SummarizeItem:
    known: dict[str, Any] = {
        "segment_id": EVENT_ID,
        "video_id": VIDEO_ID,
        "granularity": "event",
        "texts": ("A man pushes a woman.", "She falls {down}."),
        "is_anomalous": True,
        "categories": ("Abuse",),
    }
    return SummarizeItem(**(known | changes))


def an_instruct_item(**changes: Any) -> TextSubject:
    known: dict[str, Any] = {
        "segment_id": EVENT_ID,
        "video_id": VIDEO_ID,
        "granularity": "event",
        "interval_seconds": (2.0, 8.0),
        "is_anomalous": True,
        "text": a_summary(),
    }
    return TextSubject(**(known | changes))


def example_items(dir_path: Path) -> dict[str, Item[Any]]:
    """Stage name -> an item, not loaded."""
    path = a_file(dir_path)
    return {
        "ingest": Item(VIDEO_ID, an_ingest_item(path)),
        "score": Item(VIDEO_ID, ScoreItem(path, 3.0)),
        "propose": Item(VIDEO_ID, a_propose_item()),
        "clip": Item(EVENT_ID, a_clip_item()),
        "caption": Item(CLIP_ID, a_caption_item(path)),
        "summarize": Item(f"event:{EVENT_ID}", a_summarize_item()),
        "instruct": Item(f"hivau:{EVENT_ID}", an_instruct_item()),
    }


def edit_prompt(monkeypatch: pytest.MonkeyPatch, module: str, edited: str) -> None:
    """As if the prompt of this name said something else, for one stage's module."""

    def as_edited(name: str) -> str:
        return "another" if name == edited else prompt_sha256(name)

    monkeypatch.setattr(f"{module}.prompt_sha256", as_edited)


def loaded(stage: Stage[Any], item: Item[Any]) -> Item[Any]:
    """The item with what its stage reads for it."""
    if not isinstance(stage, MediaStage):
        return item
    [found] = stage.load([item])
    assert isinstance(found, Item)
    return found
