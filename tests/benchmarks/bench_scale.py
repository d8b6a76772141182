"""`build-instructions` + `export` at HIVAU-70k's size, and starting with nothing to do.

Run: `python -m tests.benchmarks.bench_scale`; prints JSON. Each measurement is a process of its
own, so that peak memory is its own too.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median

import orjson

from engine.dataset import Dataset
from engine.executors.local import LocalExecutor
from engine.flow import FLOW, look_at, run_step
from engine.release import ExportOptions, export
from engine.runner import RunOptions
from tests.benchmarks.memory import peak_memory_mb
from tests.benchmarks.synthetic import write_synthetic_dataset

BUILD_INPUTS = tuple(
    f"{name}.jsonl"
    for name in ("videos", "events", "clips", "captions", "summaries", "runs/import")
)
EXPORT_INPUTS = (*BUILD_INPUTS, "instructions.jsonl", "runs/instruct.jsonl")
STEP_OF = {step.name: step for step in FLOW}


def build_and_export(dir_path: Path) -> None:
    """What `vau-data build-instructions` and `vau-data export` do."""
    dataset = Dataset.open(dir_path)
    with LocalExecutor() as executor:
        run_step(dataset, STEP_OF["instruct"], executor=executor, options=RunOptions(is_quiet=True))
    export(dataset, ExportOptions(formats=("hivau-raw", "hivau-single"), name="draft"))


def only_json(dir_path: Path) -> None:
    """The limit: parse both commands' inputs and write both commands' outputs, nothing else."""
    for name in (*BUILD_INPUTS, *EXPORT_INPUTS):
        _parse(dir_path / name)
    outputs = [dir_path / "instructions.jsonl", dir_path / "runs" / "instruct.jsonl"]
    outputs += _rows_of(dir_path / "releases" / "draft")
    with tempfile.TemporaryDirectory(dir=dir_path) as scratch:
        for number, path in enumerate(outputs):
            _write(Path(scratch) / str(number), _parsed[path])
        for path in sorted((dir_path / "releases" / "draft").glob("hivau-raw/*.json")):
            (Path(scratch) / path.name).write_bytes(orjson.dumps(_parsed[path]))


_parsed: dict[Path, list[object]] = {}


def _load_outputs(dir_path: Path) -> None:
    for path in [
        dir_path / "instructions.jsonl",
        dir_path / "runs" / "instruct.jsonl",
        *_rows_of(dir_path / "releases" / "draft"),
    ]:
        _parsed[path] = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    for path in (dir_path / "releases" / "draft").glob("hivau-raw/*.json"):
        _parsed[path] = orjson.loads(path.read_bytes())


def _rows_of(release_dir_path: Path) -> list[Path]:
    return [*sorted(release_dir_path.glob("hivau-*/*.jsonl")), release_dir_path / "contents.jsonl"]


def _parse(path: Path) -> None:
    with path.open("rb") as file:
        for line in file:
            orjson.loads(line)


def _write(path: Path, rows: Iterable[object]) -> None:
    with path.open("wb") as file:
        for row in rows:
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


def look_only(dir_path: Path) -> None:
    """Starting a stage whose items are all settled."""
    census, pending = look_at(Dataset.open(dir_path), STEP_OF["instruct"])
    assert not pending, f"{len(pending)} to do"
    print(f"{census.num_settled} settled", file=sys.stderr)


def forget_outputs(dir_path: Path) -> None:
    """So that the next run does everything again."""
    (dir_path / "instructions.jsonl").unlink(missing_ok=True)
    (dir_path / "runs" / "instruct.jsonl").unlink(missing_ok=True)


def child(task: str, dir_path: Path) -> None:
    """One measurement, printed as JSON: seconds and peak memory of this process."""
    if task == "only_json":
        _load_outputs(dir_path)
    if task == "build_and_export":
        forget_outputs(dir_path)
    started = time.perf_counter()
    {"build_and_export": build_and_export, "only_json": only_json, "look_only": look_only}[task](
        dir_path
    )
    seconds = time.perf_counter() - started
    peak_mb = peak_memory_mb()
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb}))


def measure(task: str, dir_path: Path) -> dict[str, float]:
    """Run one measurement in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_scale", task, str(dir_path)]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    loaded: dict[str, float] = json.loads(finished.stdout.splitlines()[-1])
    return loaded


def compare(scale: float, *, repeats: int) -> dict[str, float]:
    """Ratio of build + export to only JSON at a scale of HIVAU-70k; and peak memory."""
    with tempfile.TemporaryDirectory() as scratch:
        dir_path = Path(scratch) / "dataset"
        write_synthetic_dataset(dir_path, scale=scale)
        ours, limits = [], []
        for _ in range(repeats):
            ours.append(measure("build_and_export", dir_path))
            limits.append(measure("only_json", dir_path))
        settled = measure("look_only", dir_path)
    ratios = [our["seconds"] / limit["seconds"] for our, limit in zip(ours, limits, strict=True)]
    return {
        "scale": scale,
        "ratio": round(median(ratios), 2),
        "seconds": round(median(our["seconds"] for our in ours), 2),
        "limit_seconds": round(median(limit["seconds"] for limit in limits), 2),
        "peak_mb": round(max(our["peak_mb"] for our in ours)),
        "start_settled_seconds": round(settled["seconds"], 2),
        "start_settled_peak_mb": round(settled["peak_mb"]),
    }


def main() -> dict[str, dict[str, float]]:
    """HIVAU-70k's size, and ten times it."""
    return {"x1": compare(1.0, repeats=3), "x10": compare(10.0, repeats=1)}


if __name__ == "__main__":
    if len(sys.argv) == 3:
        child(sys.argv[1], Path(sys.argv[2]))
    else:
        print(json.dumps(main(), indent=1))
