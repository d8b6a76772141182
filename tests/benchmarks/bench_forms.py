"""Every family, every form of export and the audit of synthetic clips: time, memory, bytes.

Run: `python -m tests.benchmarks.bench_forms DIR CLIPS [TASK …]`, which prints a line of JSON for
each task. The dataset is written to DIR where there is none yet, and what a task made stays there,
so that a million clips can be measured task by task. Each measurement is a process of its own.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast, get_args

from engine.dataset import Dataset
from engine.executors.local import LocalExecutor
from engine.exporters.forms import FAMILIES_OF
from engine.flow import FAMILIES, run_step
from engine.formats import WRITTEN_FAMILIES, Family, Format
from engine.quality.audit import AUDITS
from engine.release import ExportOptions, export
from engine.runner import RunOptions
from tests.benchmarks.memory import peak_memory_mb
from tests.benchmarks.synthetic import HIVAU_CLIPS, write_synthetic_dataset

MOST_MB = 1_500
MOST_REPORT_MB = 20
_QUIET = RunOptions(is_quiet=True)


def tasks() -> Iterator[str]:
    """Those of families that need no model first: exports and audits read what they make."""
    yield from (f"family:{family}" for family in _families())
    yield from (f"export:{name}" for name in get_args(Format))
    yield "recipe"
    yield from (f"audit:{step.label}" for step in AUDITS)


def _families() -> list[Family]:
    """Those that rules make: what a model writes takes what the model takes."""
    return [family for family in get_args(Family) if family not in WRITTEN_FAMILIES]


def do(dataset: Dataset, task: str) -> dict[str, float]:
    """One task; how many records it made and, of an export, how large the report is."""
    kind, _, name = task.partition(":")
    with LocalExecutor() as executor:
        if kind == "family":
            step = next(step for step in FAMILIES if step.family == name)
            report = run_step(dataset, step, executor=executor, options=_QUIET)
            return {"records": report.num_records}
        if kind == "audit":
            step = next(step for step in AUDITS if step.label == name)
            report = run_step(dataset, step, executor=executor, options=_QUIET)
            return {"records": report.num_items}
    return _export(dataset, name)


def _export(dataset: Dataset, name: str) -> dict[str, float]:
    """Of all families that the form carries; without a name, the recipe beside the raw form."""
    formats = cast("tuple[Format, ...]", (name or "hivau-raw",))
    families = tuple(
        family for family in _families() if family in FAMILIES_OF.get(name, _families())
    )
    options = ExportOptions(formats, "draft", families=families, with_recipe=not name)
    made = export(dataset, options)
    num_rows = sum(file.num_rows for file in made.release.files if file.format == formats[0])
    report_mb = (made.dir_path / "report.html").stat().st_size / 2**20
    return {"records": num_rows, "report_mb": round(report_mb, 2)}


def child(dir_path: Path, task: str) -> dict[str, float]:
    """One measurement, in this process."""
    dataset = Dataset.open(dir_path)
    started = time.perf_counter()
    made = do(dataset, task)
    seconds = time.perf_counter() - started
    return made | {
        "seconds": round(seconds, 1),
        "records_per_second": round(made["records"] / seconds),
        "peak_mb": round(peak_memory_mb()),
    }


def measure(dir_path: Path, task: str) -> dict[str, Any]:
    """One measurement, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_forms", "--child", str(dir_path), task]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    loaded: dict[str, float] = json.loads(finished.stdout.splitlines()[-1])
    is_within = loaded["peak_mb"] < MOST_MB and loaded.get("report_mb", 0) < MOST_REPORT_MB
    return {"task": task} | loaded | {"is_within_bounds": is_within}


def measure_every(num_clips: int) -> list[dict[str, Any]]:
    """All tasks, on a dataset that is gone afterwards."""
    with tempfile.TemporaryDirectory() as scratch:
        dir_path = Path(scratch) / "dataset"
        write_synthetic_dataset(dir_path, scale=num_clips / HIVAU_CLIPS)
        return [measure(dir_path, task) for task in tasks()]


def main(dir_path: Path, num_clips: int, wanted: list[str]) -> None:
    """Measure and print."""
    if not dir_path.exists():
        started = time.perf_counter()
        write_synthetic_dataset(dir_path, scale=num_clips / HIVAU_CLIPS)
        print(json.dumps({"task": "write", "seconds": round(time.perf_counter() - started, 1)}))
    for task in wanted or tasks():
        print(json.dumps({"clips": num_clips} | measure(dir_path, task)), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        print(json.dumps(child(Path(sys.argv[2]), sys.argv[3])))
    else:
        main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
