"""How much of a server's speed captioning reaches: output tokens per second over raw requests.

Run with `python -m tests.benchmarks.bench_serve`; prints JSON. The server is simulated, in a
process of its own on the same cores: with frames ready 4 replicas of 50 requests/s each, with
decoding as many as take 70 % of what the cores decode. `vau-data bench serve --endpoint URL`
does the same with a real one.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.config import Config
from engine.demo import render_corpus
from engine.executors.local import LocalExecutor
from engine.serving.bench import Bench, Case, measure_simulated
from engine.serving.footage import stretches_of
from engine.serving.simulator import Simulated
from tests.benchmarks.bench_media import REAL_VIDEOS

SECONDS, WARM_UP_SECONDS, NUM_ROUNDS = 10.0, 3.0, 3


def measure() -> list[Case]:
    """Both cases, on real videos where the reference data is there, else on rendered ones."""
    with _footage() as folder, LocalExecutor() as executor:
        stretches = stretches_of(folder)
        bench = Bench(Config(), stretches, executor, SECONDS, NUM_ROUNDS, WARM_UP_SECONDS)
        return list(measure_simulated(bench, Simulated()))


@contextmanager
def _footage() -> Iterator[Path]:
    if REAL_VIDEOS.is_dir():
        yield REAL_VIDEOS
        return
    with tempfile.TemporaryDirectory() as folder:
        render_corpus(Path(folder))
        yield Path(folder) / "videos"


def _row(case: Case) -> dict[str, Any]:
    return asdict(case) | {"ratio": case.ratio}


if __name__ == "__main__":
    print(json.dumps([_row(case) for case in measure()], indent=1))
