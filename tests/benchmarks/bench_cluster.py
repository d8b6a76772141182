"""What a clip costs besides the model, and how work spreads over a Ray cluster.

Run: `make install-ray`, then `.venv/bin/python -m tests.benchmarks.bench_cluster`; prints JSON.
The figures are written down, with their date, in `engine/executors/README.md`.
"""

import itertools
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from engine.census import Census
from engine.config import CaptionSection
from engine.errors import ItemError
from engine.executors.local import LocalExecutor
from engine.media.probe import probe
from engine.models.build import build_captioner
from engine.models.chat import Json
from engine.proposals import split_uniform
from engine.runner import Executor, Outcome, RunOptions, run_stage
from engine.stage import Item, Pending, Stage, loaded_bytes
from engine.stages.caption import CaptionItem, CaptionStage
from engine.stages.score import ScoreItem, ScoreStage
from schemas import Caption, Provenance, Record
from tests.builders import a_clip, a_dataset

VIDEOS_DIR = Path(__file__).parents[3] / "shared" / "data" / "videos"
CLIP_SECONDS = 6.5
"""`[clip] target_seconds`."""
NUM_OUTCOMES = 20_000
NUM_WAITS, WAIT_SECONDS = 360, 0.1
NUM_EMPTY = 3_000
COPIES = 4
Done = TypeVar("Done")
_WORDS = "a man in a dark coat walks past two parked cars and then suddenly starts to run " * 5


def main() -> None:
    """Measure all; the parts with Ray need it installed."""
    found: dict[str, Any] = {"clips": clip_costs(), "books": book_costs()}
    if "--no-ray" not in sys.argv:
        found |= {"ray": ray_costs()}
    print(json.dumps(found, indent=2))


def clip_costs() -> dict[str, dict[str, float]]:
    """By video: what preparing a clip for the papers' captioner takes; what ingest and score do."""
    section = CaptionSection.model_validate({"preset": "llava-next-video-7b"})
    section = section.model_copy(update={"endpoints": ("http://127.0.0.1:1/v1",)})
    stage = CaptionStage(
        build_captioner(section),
        prompt="caption_clip",
        decoder="pyav",
        base_deadline_seconds=60.0,
        deadline_per_video_second=1.0,
    )
    return {path.name: _costs_of(path, stage) for path in sorted(VIDEOS_DIR.iterdir())}


def _costs_of(path: Path, stage: CaptionStage) -> dict[str, float]:
    media = probe(path)
    duration_seconds = media.end_seconds - media.start_seconds
    cuts = split_uniform(media.start_seconds, media.end_seconds, target_seconds=CLIP_SECONDS)
    work = [
        Item(f"v_E0C{number}", CaptionItem(_clip(number, *cut), None, path, duration_seconds))
        for number, cut in enumerate(cuts)
    ]
    prepare_seconds, loaded = _cpu_seconds(lambda: list(stage.load(work)))
    probe_seconds, _ = _cpu_seconds(lambda: probe(path))
    to_score = [Item("v", ScoreItem(path, duration_seconds))]
    score_seconds, _ = _cpu_seconds(lambda: list(ScoreStage(60.0, 1.0).load(to_score)))
    sizes = [loaded_bytes(item) for item in loaded if isinstance(item, Item)]
    return {
        "width_px": media.width_px,
        "height_px": media.height_px,
        "seconds": round(duration_seconds, 1),
        "num_clips": len(work),
        "prepare_cpu_ms_per_clip": round(1000 * prepare_seconds / len(work), 1),
        "in_flight_kb_per_clip": round(sum(sizes) / len(sizes) / 1000, 1),
        "ingest_cpu_ms_per_video_second": round(1000 * probe_seconds / duration_seconds, 2),
        "score_cpu_ms_per_video_second": round(1000 * score_seconds / duration_seconds, 2),
    }


def _clip(number: int, start_seconds: float, end_seconds: float) -> Any:
    return a_clip(f"v_E0C{number}", start_seconds=start_seconds, end_seconds=end_seconds)


def _cpu_seconds(act: Callable[[], Done]) -> tuple[float, Done]:
    """The least of three, over all threads of this process; and what it gave."""
    runs = []
    for _ in range(3):
        started = time.process_time()
        done = act()
        runs.append(time.process_time() - started)
    return min(runs), done


@dataclass(frozen=True)
class IdleStage:
    """Makes a caption of usual length at once; waits before, where its items say so."""

    name: ClassVar[str] = "caption"
    writes: ClassVar[type[Record]] = Caption
    concurrency: ClassVar[int] = 1

    def fingerprint_parts(self) -> Mapping[str, Json]:
        return {"version": 1}

    def load(self, items: Sequence[Item[Any]]) -> Iterator[Item[Any] | tuple[str, ItemError]]:
        for item in items:
            time.sleep(item.body)
            yield item

    def deadline_seconds(self, items: Sequence[Item[Any]]) -> float:
        return 60.0

    def process(self, item: Item[Any]) -> Iterable[Record]:
        provenance = Provenance(made_by="model", name="openai/some-model")
        yield Caption(id=item.id, video_id=item.id[:8], text=_WORDS, provenance=provenance)


class InstantExecutor:
    """Has every outcome at once: what is left is the runner's own work."""

    def run(self, stage: Stage[Any], items: Iterable[Pending[Any]]) -> Iterator[Outcome]:
        for pending in items:
            yield Outcome(pending.id, tuple(stage.process(pending.ready())))


def book_costs() -> dict[str, float]:
    """CPU and disk of one outcome in the process that writes."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = a_dataset(Path(folder) / "dataset")

        def join(census: Census) -> Iterator[Pending[Any]]:
            return iter(_pendings(NUM_OUTCOMES, wait_seconds=0.0))

        started = time.process_time()
        options = RunOptions(is_quiet=True)
        run_stage(dataset, IdleStage(), join, executor=InstantExecutor(), options=options)
        seconds = time.process_time() - started
        record_bytes = dataset.record_path(Caption).stat().st_size
        ledger_bytes = dataset.ledger_path("caption").stat().st_size
    return {
        "cpu_us_per_outcome": round(1e6 * seconds / NUM_OUTCOMES, 1),
        "record_bytes": round(record_bytes / NUM_OUTCOMES),
        "ledger_bytes": round(ledger_bytes / NUM_OUTCOMES),
    }


def _pendings(count: int, *, wait_seconds: float, per_group: int = 8) -> list[Pending[Any]]:
    return [
        Pending(
            f"v{number:07d}",
            f"{number:064x}",
            f"{number // per_group}",
            partial(float, wait_seconds),
        )
        for number in range(count)
    ]


def ray_costs() -> dict[str, Any]:
    """The same work on one one-core node and on three, and by this machine's own processes."""
    from tests.ray.clusters import on, one_cpu_nodes

    found: dict[str, Any] = {}
    for num_workers in (1, 2):
        with LocalExecutor(workers=num_workers) as executor:
            found[f"local, {num_workers} processes"] = _rates(executor)
    for num_nodes in (1, 3):
        with one_cpu_nodes(num_nodes) as cluster, on(cluster) as ray_executor:
            found[f"ray, {num_nodes} one-core nodes"] = _rates(ray_executor)
    return found


def _rates(executor: Executor) -> dict[str, float]:
    waits = _pendings(NUM_WAITS, wait_seconds=WAIT_SECONDS, per_group=4)
    empty = _pendings(NUM_EMPTY, wait_seconds=0.0)
    driver_cpu_seconds = time.process_time()
    empty_seconds = _seconds(executor, IdleStage(), empty)
    driver_cpu_seconds = time.process_time() - driver_cpu_seconds
    with tempfile.TemporaryDirectory() as folder:
        videos = _copies(Path(folder))
        real_seconds = _seconds(executor, ScoreStage(60.0, 10.0), videos)
    return {
        "waiting_items_per_second": round(NUM_WAITS / _seconds(executor, IdleStage(), waits), 2),
        "videos_scored_per_second": round(len(videos) / real_seconds, 2),
        "empty_items_per_second": round(NUM_EMPTY / empty_seconds),
        "driver_cpu_us_per_empty_item": round(1e6 * driver_cpu_seconds / NUM_EMPTY),
    }


def _seconds(executor: Executor, stage: Stage[Any], work: Sequence[Pending[Any]]) -> float:
    """From the first outcome to the last, so without the workers' start."""
    outcomes = iter(executor.run(stage, work))
    next(outcomes)
    started = time.perf_counter()
    num_done = 1 + sum(1 for _ in outcomes)
    assert num_done == len(work)
    return (time.perf_counter() - started) * len(work) / (len(work) - 1)


def _copies(folder: Path) -> list[Pending[Any]]:
    """Real videos of 4 to 13 seconds, several times, in turns."""
    paths = [path for path in sorted(VIDEOS_DIR.iterdir()) if path.stat().st_size < 1_000_000]
    work = []
    for number, path in itertools.product(range(COPIES), paths):
        copy = folder / f"{number}_{path.name}"
        shutil.copy(path, copy)
        work.append(Pending(copy.stem, "", copy.stem, partial(ScoreItem, copy, 15.0)))
    return work


if __name__ == "__main__":
    main()
