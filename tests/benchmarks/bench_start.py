"""Starting `caption` on a million settled clips with nothing to do.

Run: `python -m tests.benchmarks.bench_start`; prints JSON. The start is a process of its own.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from engine.dataset import Dataset
from engine.executors.local import LocalExecutor
from engine.flow import FLOW, look_at, run_step
from engine.ledger import LedgerLine
from engine.runner import RunOptions
from engine.stage import fingerprint_of
from engine.store import dump_line
from schemas import Caption, Clip, Event, Media, Provenance, Record, Video
from tests.benchmarks.memory import peak_memory_mb

AnyRecord = TypeVar("AnyRecord", bound=Record)

NUM_ITEMS = 1_000_000
CLIPS_PER_EVENT, EVENTS_PER_VIDEO = 5, 2
CAPTION = next(step for step in FLOW if step.name == "caption")
_RULE = Provenance(made_by="rule", name="synthetic")
_MEDIA = Media(
    path="a.mp4",
    size_bytes=1,
    sha256="0" * 64,
    container="mp4",
    codec="h264",
    width_px=320,
    height_px=240,
    rotation_degrees=0,
    is_variable_rate=False,
    has_audio=False,
    health="ok",
    problems=(),
)


def write_settled(dir_path: Path, num_clips: int) -> None:
    """A dataset whose clips are all captioned, as far as the ledgers say."""
    (dir_path / "runs").mkdir(parents=True)
    (dir_path / "dataset.toml").write_text("", encoding="utf-8")
    num_events = num_clips // CLIPS_PER_EVENT
    events = [_event(number) for number in range(num_events)]
    clips = [_clip(number) for number in range(num_clips)]
    videos = [_video(number) for number in range(num_events // EVENTS_PER_VIDEO)]
    _write(dir_path, "videos", "ingest", {video.id: [video] for video in videos})
    _write(dir_path, "events", "propose", _grouped(events, lambda event: event.video_id))
    _write(dir_path, "clips", "clip", _grouped(clips, lambda clip: clip.event_id))
    dataset = Dataset.open(dir_path)
    _, pending = look_at(dataset, CAPTION)
    fingerprint = fingerprint_of(CAPTION.build(dataset.config))
    with (
        (dir_path / "captions.jsonl").open("wb") as captions,
        (dir_path / "runs" / "caption.jsonl").open("wb") as ledger,
    ):
        for item in pending:
            captions.write(dump_line(_caption(item.id, item.group)))
            line = LedgerLine(item.id, item.input_sha256, fingerprint, (item.id,))
            ledger.write(line.dump())


def _grouped(
    records: Sequence[AnyRecord], parent_of: Callable[[AnyRecord], str]
) -> dict[str, list[Record]]:
    grouped: dict[str, list[Record]] = {}
    for record in records:
        grouped.setdefault(parent_of(record), []).append(record)
    return grouped


def _write(dir_path: Path, name: str, stage_name: str, items: dict[str, list[Record]]) -> None:
    with (
        (dir_path / f"{name}.jsonl").open("wb") as file,
        (dir_path / "runs" / f"{stage_name}.jsonl").open("wb") as ledger,
    ):
        for item_id, records in items.items():
            file.writelines(dump_line(record) for record in records)
            ids = tuple(record.id for record in records)
            ledger.write(LedgerLine(item_id, "0" * 64, "0" * 16, ids).dump())


def _video(number: int) -> Video:
    return Video(
        id=f"Video{number:06d}_x264",
        source="ucf-crime",
        split="train",
        is_anomalous=True,
        categories=("Abuse",),
        start_seconds=0.0,
        end_seconds=100.0,
        num_frames=3000,
        fps=30.0,
        media=_MEDIA,
        provenance=_RULE,
    )


def _event(number: int) -> Event:
    video_id = f"Video{number // EVENTS_PER_VIDEO:06d}_x264"
    return Event(
        id=f"{video_id}_E{number % EVENTS_PER_VIDEO}",
        video_id=video_id,
        start_seconds=50.0 * (number % EVENTS_PER_VIDEO),
        end_seconds=50.0 * (number % EVENTS_PER_VIDEO) + 40.0,
        is_anomalous=True,
        categories=("Abuse",),
        origin="click",
        is_confirmed=False,
        click_ids=(),
        provenance=_RULE,
    )


def _clip(number: int) -> Clip:
    event = _event(number // CLIPS_PER_EVENT)
    start_seconds = event.start_seconds + 8.0 * (number % CLIPS_PER_EVENT)
    return Clip(
        id=f"{event.id}C{number % CLIPS_PER_EVENT}",
        video_id=event.video_id,
        start_seconds=start_seconds,
        end_seconds=start_seconds + 8.0,
        event_id=event.id,
        human_caption_id=None,
        provenance=_RULE,
    )


def _caption(clip_id: str, video_id: str) -> Caption:
    text = "A man in a dark coat walks past two parked cars and looks back at the door."
    return Caption(id=clip_id, video_id=video_id, text=text, provenance=_RULE)


def main(num_items: int = NUM_ITEMS) -> dict[str, dict[str, float]]:
    """Seconds and peak memory of two starts that find nothing to do.

    The first has to look at every item; it leaves a stamp, by which the second knows.
    """
    with tempfile.TemporaryDirectory() as scratch:
        dir_path = Path(scratch) / "dataset"
        write_settled(dir_path, num_items)
        return {"looking": _start(dir_path), "stamped": _start(dir_path)}


def _start(dir_path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.bench_start", str(dir_path)]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    loaded: dict[str, float] = json.loads(finished.stdout)
    return loaded


def start(dir_path: Path) -> dict[str, float]:
    """The measured part."""
    started = time.perf_counter()
    with LocalExecutor() as executor:
        report = run_step(
            Dataset.open(dir_path), CAPTION, executor=executor, options=RunOptions(is_quiet=True)
        )
    assert not report.num_done, f"{report.num_done} done"
    seconds = time.perf_counter() - started
    peak_mb = peak_memory_mb()
    return {
        "num_settled": report.num_settled_before,
        "seconds": round(seconds, 2),
        "peak_mb": round(peak_mb),
    }


if __name__ == "__main__":
    print(json.dumps(start(Path(sys.argv[1])) if len(sys.argv) == 2 else main()))
