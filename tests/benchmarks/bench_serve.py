"""How much of a server's speed captioning reaches: output tokens per second over raw requests.

Run with `python -m tests.benchmarks.bench_serve`; prints JSON. The server is simulated, in a
process of its own on the same cores: with frames ready 4 replicas of 50 requests/s each, with
decoding as many as take 70 % of what the cores decode. Where `make install-vllm` has been run,
both cases once more against vLLM with a tiny random model, also on the same cores.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from engine.config import CaptionSection, Config
from engine.demo import render_corpus
from engine.executors.local import LocalExecutor
from engine.serving.bench import Bench, Case, measure_endpoints, measure_simulated
from engine.serving.footage import stretches_of
from engine.serving.simulator import Simulated
from tests.benchmarks.bench_media import REAL_VIDEOS
from tests.vllm.servers import CAPTION_FLAGS, VLLM_BIN, build_model, serving

SECONDS, WARM_UP_SECONDS, NUM_ROUNDS = 10.0, 3.0, 3
NUM_LAYERS = 48
"""As slow as a real model, so that the engine decides, and not what decodes beside it."""


def measure() -> list[Case]:
    """Both cases, on real videos where the reference data is there, else on rendered ones."""
    with _footage() as folder, LocalExecutor() as executor:
        stretches = stretches_of(folder)
        bench = Bench(Config(), stretches, executor, SECONDS, NUM_ROUNDS, WARM_UP_SECONDS)
        return [*measure_simulated(bench, Simulated()), *_measure_vllm(bench)]


def _measure_vllm(bench: Bench) -> list[Case]:
    """Both cases against vLLM; none where it is not installed."""
    if not (VLLM_BIN / "vllm").is_file():
        return []
    with tempfile.TemporaryDirectory() as folder:
        model_dir = build_model("llava", Path(folder) / "model", num_layers=NUM_LAYERS)
        log_path = Path(folder) / "log"
        with serving(
            model_dir, name="tiny-llava", log_path=log_path, flags=CAPTION_FLAGS
        ) as server:
            server.wait_until_healthy()
            config = Config(caption=_tiny_section(server.url))
            slower = replace(bench, config=config, seconds=15.0, warm_up_seconds=6.0)
            return list(measure_endpoints(slower))


def _tiny_section(url: str) -> CaptionSection:
    """Four frames of 224 px fit into the tiny model's context; random text needs a temperature."""
    return CaptionSection(
        model="tiny-llava",
        endpoints=(url,),
        temperature=1.0,
        seed=1,
        video_format="video_url",
        num_frames=4,
        concurrency=8,
        max_side_px=224,
    )


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
