"""Small records, datasets and runs for tests of the engine."""

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from engine.dataset import CONFIG_NAME, Dataset
from engine.flow import FLOW, STEPS, Step, look_at, run_step
from engine.imports import ImportReport, write_imported
from engine.index import LEDGERS, Index
from engine.runner import Executor, Outcome, RunOptions, StageReport, attempt
from engine.sources.imported import ImportedVideo
from engine.stage import Item, Pending, Stage
from engine.store import JsonlWriter, dump_line
from schemas import (
    Caption,
    CheckRound,
    Click,
    Clip,
    Event,
    FeatureTrack,
    Finding,
    HumanCaption,
    Instruction,
    Media,
    MediaProblem,
    Provenance,
    Record,
    Reject,
    Review,
    ScoreTrack,
    SpotCheck,
    Summary,
    Turn,
    Twin,
    Usage,
    Video,
)
from schemas.review import Correction, EditText
from tests.videos import constant_rate

VIDEO_ID = "Abuse001_x264"
HUMAN = Provenance(made_by="human", name="tester")
BASELINE = Provenance(made_by="model", name="baseline/captioner-1")
QUIET = RunOptions(is_quiet=True)


def a_media(**changes: Any) -> Media:
    problem = MediaProblem(code="variable_rate", detail="20 to 400 ms", hint="nothing to do")
    known: dict[str, Any] = {
        "path": f"{VIDEO_ID}.mp4",
        "size_bytes": 1,
        "sha256": "0" * 64,
        "container": "mp4",
        "codec": "h264",
        "width_px": 160,
        "height_px": 120,
        "rotation_degrees": 0,
        "is_variable_rate": True,
        "has_audio": False,
        "health": "degraded",
        "problems": (problem,),
    }
    return Media(**(known | changes))


def a_video(id: str = VIDEO_ID, **changes: Any) -> Video:
    known: dict[str, Any] = {
        "id": id,
        "source": "ucf-crime",
        "split": "train",
        "is_anomalous": True,
        "categories": ("Abuse",),
        "start_seconds": 0.0,
        "end_seconds": 60.0,
        "num_frames": 1500,
        "fps": 25.0,
        "media": None,
        "provenance": HUMAN,
    }
    return Video(**(known | changes))


def a_click(id: str = f"{VIDEO_ID}_K0", **changes: Any) -> Click:
    known: dict[str, Any] = {
        "id": id,
        "video_id": id.rpartition("_K")[0],
        "time_seconds": 4.0,
        "frame": 100,
        "is_live": False,
        "source": "human",
        "state": "confirmed",
        "author": "tester",
        "provenance": HUMAN,
    }
    return Click(**(known | changes))


def a_score_track(video_id: str = VIDEO_ID, scores: tuple[float, ...] = (0.1, 0.9)) -> ScoreTrack:
    return ScoreTrack(
        id=video_id,
        video_id=video_id,
        snippet_starts_seconds=tuple(float(index) for index in range(len(scores))),
        end_seconds=float(len(scores)),
        scores=scores,
        provenance=HUMAN,
    )


def a_feature_track(video_id: str = VIDEO_ID, **changes: Any) -> FeatureTrack:
    known: dict[str, Any] = {
        "id": video_id,
        "video_id": video_id,
        "path": f"features/baseline-1/{video_id}.npy",
        "sha256": "0" * 64,
        "extractor": "baseline-1",
        "num_crops": 1,
        "num_snippets": 2,
        "width": 3,
        "snippet_starts_seconds": (0.0, 0.64),
        "end_seconds": 1.28,
        "num_frames": 32,
        "provenance": HUMAN,
    }
    return FeatureTrack(**(known | changes))


def an_event(id: str = f"{VIDEO_ID}_E0", **changes: Any) -> Event:
    known: dict[str, Any] = {
        "id": id,
        "video_id": id.rpartition("_E")[0],
        "start_seconds": 2.0,
        "end_seconds": 8.0,
        "is_anomalous": True,
        "categories": ("Abuse",),
        "origin": "human",
        "is_confirmed": True,
        "click_ids": (),
        "provenance": HUMAN,
    }
    return Event(**(known | changes))


def a_clip(id: str = f"{VIDEO_ID}_E0C0", **changes: Any) -> Clip:
    event_id = id.rpartition("C")[0]
    known: dict[str, Any] = {
        "id": id,
        "video_id": event_id.rpartition("_E")[0],
        "start_seconds": 2.0,
        "end_seconds": 8.0,
        "event_id": event_id,
        "human_caption_id": None,
        "provenance": HUMAN,
    }
    return Clip(**(known | changes))


def a_human_caption(id: str = f"{VIDEO_ID}_H0", **changes: Any) -> HumanCaption:
    known: dict[str, Any] = {
        "id": id,
        "video_id": id.rpartition("_H")[0],
        "start_seconds": 2.0,
        "end_seconds": 5.0,
        "text": "A man in a red coat shouts at a woman.",
        "provenance": HUMAN,
    }
    return HumanCaption(**(known | changes))


def a_caption(id: str = f"{VIDEO_ID}_E0C0", **changes: Any) -> Caption:
    known: dict[str, Any] = {
        "id": id,
        "video_id": id.rpartition("_E")[0] or VIDEO_ID,
        "text": "A man pushes a woman.",
        "provenance": HUMAN,
        "usage": Usage(prompt_tokens=10, output_tokens=5, seconds=0.5),
    }
    return Caption(**(known | changes))


def a_summary(id: str = f"{VIDEO_ID}_E0", **changes: Any) -> Summary:
    known: dict[str, Any] = {
        "id": id,
        "video_id": id.rpartition("_E")[0] or id,
        "granularity": "event" if "_E" in id else "video",
        "is_anomalous": True,
        "text": "There is abuse. A man pushes a woman. Pushing is violence.",
        "judgement": "There is abuse.",
        "description": "A man pushes a woman.",
        "analysis": "Pushing is violence.",
        "provenance": HUMAN,
    }
    return Summary(**(known | changes))


def an_instruction(segment_id: str = f"{VIDEO_ID}_E0", **changes: Any) -> Instruction:
    known: dict[str, Any] = {
        "id": f"hivau:{segment_id}",
        "video_id": VIDEO_ID,
        "start_seconds": 2.0,
        "end_seconds": 8.0,
        "segment_id": segment_id,
        "granularity": "event",
        "family": "hivau",
        "is_anomalous": True,
        "turns": (Turn(task="judgement", question="Is there one?", answer="There is abuse."),),
        "provenance": HUMAN,
    }
    return Instruction(**(known | changes))


def a_finding(segment_id: str = f"{VIDEO_ID}_E0", **changes: Any) -> Finding:
    known: dict[str, Any] = {
        "id": f"leaks-hint:summary:{segment_id}",
        "rule": "leaks-hint",
        "target": "summary",
        "target_id": segment_id,
        "part": None,
        "video_id": VIDEO_ID,
        "segment_id": segment_id,
        "detail": "says 'the dense caption'",
        "provenance": HUMAN,
    }
    return Finding(**(known | changes))


def a_twin(event_id: str = f"{VIDEO_ID}_E0", **changes: Any) -> Twin:
    known: dict[str, Any] = {
        "id": f"{event_id}T",
        "video_id": event_id.rpartition("_E")[0],
        "start_seconds": 0.0,
        "end_seconds": 2.0,
        "event_id": event_id,
        "text": "A man stands beside a woman.",
        "provenance": HUMAN,
    }
    return Twin(**(known | changes))


def a_review(target: str, target_id: str, correction: Correction, *, number: int = 0) -> Review:
    return Review(
        id=f"{target}:{target_id}:{number}",
        target=target,  # type: ignore[arg-type]
        target_id=target_id,
        correction=correction,
        author="tester",
        at=f"2026-01-01T00:00:{number:02d}Z",
    )


def a_check_round(id: str = "1", **changes: Any) -> CheckRound:
    known: dict[str, Any] = {
        "id": id,
        "at_most": 0.05,
        "confidence": 0.95,
        "seed": 0,
        "at": "2026-01-01T00:00:00+00:00",
    }
    return CheckRound(**(known | changes))


def a_spot_check(**changes: Any) -> SpotCheck:
    item_id = f"hivau:{VIDEO_ID}_E0:0"
    known: dict[str, Any] = {
        "id": f"1:{item_id}",
        "round_id": "1",
        "item_id": item_id,
        "video_id": VIDEO_ID,
        "segment_id": f"{VIDEO_ID}_E0",
        "answer_sha256": "0" * 64,
        "verdict": "wrong",
        "reason": "invented",
        "author": "tester",
        "at": "2026-01-01T00:00:00+00:00",
    }
    return SpotCheck(**(known | changes))


def a_reject(item_id: str = VIDEO_ID) -> Reject:
    return Reject(
        id=f"ingest:{item_id}",
        stage="ingest",
        item_id=item_id,
        reason="media_unreadable",
        detail="no moov atom",
        input_sha256="00" * 32,
        fingerprint="00" * 8,
    )


ONE_OF_EACH: tuple[Record, ...] = (
    a_video(media=a_media()),
    a_click(),
    a_feature_track(),
    a_score_track(),
    an_event(),
    a_clip(),
    a_human_caption(),
    a_caption(),
    a_summary(),
    an_instruction(),
    a_finding(),
    a_twin(),
    a_review("caption", f"{VIDEO_ID}_E0C0", EditText(field="text", text="A woman falls.")),
    a_reject(),
    a_check_round(),
    a_spot_check(),
)
"""Every type of record there is."""


def a_dataset(dir_path: Path, config: str = "") -> Dataset:
    """A dataset folder with an empty folder of videos."""
    (dir_path / "videos").mkdir(parents=True, exist_ok=True)
    (dir_path / CONFIG_NAME).write_text(config)
    return Dataset.open(dir_path)


def reconfigured(dataset: Dataset, config: str) -> Dataset:
    """The same folder under other settings."""
    (dataset.dir_path / CONFIG_NAME).write_text(config)
    return Dataset.open(dataset.dir_path)


def copy_of(dataset: Dataset, dir_path: Path) -> Dataset:
    """All files of a dataset, its videos included, in a new folder."""
    shutil.copytree(dataset.dir_path, dir_path, ignore=shutil.ignore_patterns(".locks"))
    return Dataset.open(dir_path)


def add_video(dataset: Dataset, name: str, *, num_frames: int = 100, fps: int = 25) -> Path:
    """An index-coded video in the dataset's folder; 4 s long unless said otherwise."""
    path = dataset.dir_path / "videos" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return constant_rate(path, num_frames=num_frames, fps=Fraction(fps))


def bring_in(dataset: Dataset, *records: Record) -> ImportReport:
    """Import records, as a reader of somebody's files would; a Video among them is a stand-in."""
    stand_ins: dict[str, Video] = {}
    by_video: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if isinstance(record, Video):
            stand_ins[record.id] = record
            by_video[record.id] += []
        else:
            by_video[getattr(record, "video_id", "")].append(record)
    imported = [
        ImportedVideo(video_id, stand_ins.get(video_id), tuple(found))
        for video_id, found in by_video.items()
    ]
    return write_imported(dataset, "tests", imported)


def add_review(dataset: Dataset, *reviews: Review) -> None:
    """What the annotator writes when a person corrects something."""
    with JsonlWriter(dataset.record_path(Review)) as writer:
        writer.append(dump_line(review) for review in reviews)


class HereExecutor:
    """Does every item in this thread, in order; for stages that read no video."""

    def run(self, stage: Stage[Any], items: Iterable[Pending[Any]]) -> Iterable[Outcome]:
        return (attempt(stage, pending.ready()) for pending in items)


HERE: Any = HereExecutor()


def step_named(label: str) -> Step:
    """`caption`, `summarize event:` …"""
    return next(step for step in STEPS if label_of(step) == label)


def label_of(step: Step) -> str:
    """Name and scope of a step; the family that there always is goes without."""
    return f"{step.name} {step.scope}".strip().removesuffix(" hivau:")


def run_named(dataset: Dataset, *labels: str, executor: Executor = HERE) -> list[StageReport]:
    """Bring some steps up to date."""
    return [
        run_step(dataset, step_named(label), executor=executor, options=QUIET) for label in labels
    ]


def run_all(
    dataset: Dataset, *, executor: Executor, options: RunOptions = QUIET
) -> dict[str, StageReport]:
    """Bring every step up to date."""
    return {
        label_of(step): run_step(dataset, step, executor=executor, options=options) for step in FLOW
    }


@dataclass(frozen=True)
class Done:
    """What one step did when the dataset was brought up to date."""

    made: frozenset[str]
    """Items that were done."""
    retired: int


def bring_up_to_date(dataset: Dataset, *, executor: Executor) -> dict[str, Done]:
    """Run all steps; per step what it had to do, steps that had nothing to do left out."""
    work: dict[str, Done] = {}
    for step in FLOW:
        _, pending = look_at(dataset, step)
        report = run_step(dataset, step, executor=executor, options=QUIET)
        assert report.num_done == len(pending), f"{label_of(step)}: {report}"
        if pending or report.num_retired:
            made = frozenset(item.id for item in pending)
            work[label_of(step)] = Done(made, report.num_retired)
    return work


def live(dataset: Dataset) -> dict[str, dict[str, bytes]]:
    """File -> id -> newest line of every live record."""
    index = Index(dataset)
    return {
        dataset.record_path(record_type).name: dict(index.lines(record_type))
        for record_type in LEDGERS
    }


def pending_of(id: str, build: Callable[[], Any] = dict, *, group: str = "") -> Pending[Any]:
    """An item of a stage of a test's own."""
    return Pending(id, "ab" * 32, group or id, build)


def item_of(id: str, body: Any, loaded: object = None) -> Item[Any]:
    return Item(id, body, loaded)
