"""How fast the scorer trains, scores and is measured, against the same formulas written plainly.

Run: `python -m tests.benchmarks.bench_scorer`. Needs torch; the metrics' peer needs scikit-learn.
Each side runs in a process of its own, sides in turn; a side's figure is its fastest step, since
what else the machine does can only slow it.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import mean
from typing import Any, Literal

import numpy as np

from tests.benchmarks.memory import peak_memory_mb

Side = Literal["plain", "float32", "bfloat16"]
SIDES: tuple[Side, ...] = ("plain", "float32", "bfloat16")
_ROUNDS, _STEPS_A_ROUND = 2, 2
_LONG = 8000
_SEEDS = range(5)
_LEARN_STEPS = 60


def measure() -> dict[str, Any]:
    """All figures; `{"skipped": why}` where torch is not installed."""
    if find_spec("torch") is None:
        return {"skipped": "torch is not installed (make install-train)"}
    return {
        "step": _steps(),
        "long": {side: _in_process("long", side) for side in ("plain", "float32")},
        "quality": _in_process("quality", "both"),
        "metrics": measure_metrics(),
    }


def _steps() -> dict[str, float]:
    """Side -> seconds of its fastest step: 64 + 64 videos × 200 × 1024."""
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(_ROUNDS):
        for side in SIDES:
            seconds[side] += _in_process("step", side)
    return {side: min(some) for side, some in seconds.items()}


def _in_process(task: str, side: str) -> Any:
    command = [sys.executable, "-m", "tests.benchmarks.bench_scorer", task, side]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


@dataclass(frozen=True)
class Rig:
    """A network and its loss on a batch."""

    network: Any
    loss: Callable[[Any], Any]


def rig(side: str, *, feature_dim: int = 1024, hidden_dim: int = 512) -> Rig:
    """One side, ready to train."""
    import torch

    from tests.benchmarks.plain_ur_dmu import PlainUrDmu
    from train.scorer.dropout import use_fast_masks
    from train.scorer.losses import ur_dmu_losses
    from train.scorer.ur_dmu import UrDmu, UrDmuSettings, as_float32

    if side == "plain":
        plain = PlainUrDmu(feature_dim)
        return Rig(plain, plain.total_loss)
    network = UrDmu(UrDmuSettings(feature_dim, hidden_dim, num_heads=4, head_dim=hidden_dim // 4))
    if side == "bfloat16":
        use_fast_masks(network)

    def loss(features: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16, enabled=side == "bfloat16"):
            outputs = network.training_outputs(features)
        return ur_dmu_losses(as_float32(outputs)).total()

    return Rig(network, loss)


def time_steps(side: str) -> list[float]:
    """Seconds of each step: forward, losses, backward, Adam; after one that warms up."""
    import torch

    from train.scorer.allocator import keep_freed_memory

    if side != "plain":
        keep_freed_memory()
    torch.manual_seed(0)
    built = rig(side)
    optimizer = torch.optim.Adam(built.network.parameters(), 1e-4, weight_decay=5e-5)
    features = torch.randn(128, 200, 1024)
    seconds = []
    for _ in range(_STEPS_A_ROUND + 1):
        started = time.perf_counter()
        optimizer.zero_grad()
        built.loss(features).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - started)
    return seconds[1:]


def time_long(side: str) -> dict[str, float]:
    """Seconds and added peak memory of scoring one video of 8,000 snippets."""
    import torch

    torch.manual_seed(0)
    network = rig(side).network.eval()
    features = torch.randn(1, _LONG, 1024)
    with torch.inference_mode():
        network(features[:, :1000])
        before = peak_memory_mb()
        started = time.perf_counter()
        network(features)
        first = time.perf_counter() - started
        added = peak_memory_mb() - before
        started = time.perf_counter()
        network(features)
        second = time.perf_counter() - started
    return {"seconds": min(first, second), "mb": added}


def learn(side: str, seed: int) -> float:
    """ROC AUC over snippets of unseen synthetic videos after a short training."""
    import torch

    from train.metrics.detection import ScoredSnippets, detection_figures

    held_out, is_inside = _synthetic(1000, num_of_each=16)
    features, _ = _synthetic(0, num_of_each=48)
    torch.manual_seed(seed)
    built = rig(side, feature_dim=32, hidden_dim=64)
    optimizer = torch.optim.Adam(built.network.parameters(), 1e-3, weight_decay=5e-5)
    rng = np.random.default_rng(seed)
    for _ in range(_LEARN_STEPS):
        halves = [rng.permutation(48)[:16], 48 + rng.permutation(48)[:16]]
        optimizer.zero_grad()
        built.loss(torch.from_numpy(features[np.concatenate(halves)])).backward()
        optimizer.step()
    built.network.eval()
    with torch.inference_mode():
        scores = built.network(torch.from_numpy(held_out)).flatten().numpy()
    positive = is_inside.flatten().astype(np.int64)
    found = detection_figures(ScoredSnippets(scores, positive, 1 - positive)).roc_auc
    assert found is not None
    return found


def _synthetic(seed: int, *, num_of_each: int) -> tuple[Any, Any]:
    """(2n, 100, 32) features, the normal half first, and (2n, 100) where they are abnormal."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((2 * num_of_each, 100, 32)).astype(np.float32)
    is_inside = np.zeros((2 * num_of_each, 100), dtype=np.bool_)
    for video in range(num_of_each, 2 * num_of_each):
        start = rng.integers(0, 80)
        is_inside[video, start : start + 20] = True
    features[is_inside] += 0.35
    return features, is_inside


def measure_quality() -> dict[str, list[float]]:
    """Precision -> AUC of each seed."""
    return {side: [learn(side, seed) for seed in _SEEDS] for side in ("float32", "bfloat16")}


def measure_metrics() -> dict[str, Any]:
    """Exact figures on snippets against repeating scores 16 times for scikit-learn."""
    from train.metrics.detection import ScoredSnippets, detection_figures

    rng = np.random.default_rng(0)
    num_snippets = 70_000
    labels = np.repeat(rng.random(num_snippets // 100) < 0.08, 1600)
    share = labels.reshape(-1, 16).mean(1)
    scores = (0.5 * share + rng.random(num_snippets)).astype(np.float32)
    snippets = ScoredSnippets.of_frames(scores, labels, video_id="all")
    found = detection_figures(snippets)
    ours = _fastest(lambda: detection_figures(snippets))
    if find_spec("sklearn") is None:
        return {"seconds": ours, "skipped": "scikit-learn is not installed"}
    from sklearn.metrics import average_precision_score, roc_auc_score

    def peer() -> tuple[float, float]:
        frames = np.repeat(scores, 16)
        return roc_auc_score(labels, frames), average_precision_score(labels, frames)

    wanted = peer()
    assert found.roc_auc is not None
    assert found.average_precision is not None
    error = max(abs(found.roc_auc - wanted[0]), abs(found.average_precision - wanted[1]))
    return {"seconds": ours, "peer_seconds": _fastest(peer), "largest_difference": float(error)}


def _fastest(function: Callable[[], object]) -> float:
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def lines(found: dict[str, Any]) -> list[str]:
    """The figures in words."""
    if "skipped" in found:
        return [f"skipped: {found['skipped']}"]
    step, long, metrics = found["step"], found["long"], found["metrics"]
    exact, lower = (found["quality"][side] for side in ("float32", "bfloat16"))
    told = [
        f"A training step, 64 + 64 videos × 200 × 1024: plain {step['plain']:.2f} s; float32 "
        f"{step['float32']:.2f} s, {step['plain'] / step['float32']:.2f} times as fast (wanted: "
        f"1.3); bfloat16 with fast masks {step['bfloat16']:.2f} s, "
        f"{step['plain'] / step['bfloat16']:.2f} times (wanted: 3.5).",
        f"AUC after a short training, {len(exact)} seeds: float32 {mean(exact):.4f} "
        f"({min(exact):.4f} to {max(exact):.4f}), bfloat16 {mean(lower):.4f} ({min(lower):.4f} to "
        f"{max(lower):.4f}).",
        f"Scoring {_LONG:,} snippets: plain {long['plain']['seconds']:.2f} s and "
        f"{long['plain']['mb']:,.0f} MB, ours {long['float32']['seconds']:.2f} s and "
        f"{long['float32']['mb']:,.0f} MB: "
        f"{long['plain']['seconds'] / long['float32']['seconds']:.2f} times as fast (wanted: "
        f"1.8), {long['plain']['mb'] / long['float32']['mb']:.1f} times less memory (wanted: 6).",
    ]
    if "skipped" in metrics:
        return [*told, f"Metrics: {metrics['skipped']}."]
    ratio = metrics["peer_seconds"] / metrics["seconds"]
    told.append(
        f"AUC and average precision of 1.1 million frames: {metrics['seconds'] * 1000:.1f} ms, "
        f"{ratio:.0f} times as fast as repeating scores for scikit-learn (wanted: 20); largest "
        f"difference {metrics['largest_difference']:.1e}."
    )
    return told


def main() -> None:
    """One task in this process, or all of them."""
    if len(sys.argv) == 1:
        print("\n".join(lines(measure())))
        return
    task, side = sys.argv[1:]
    found: Any
    if task == "step":
        found = time_steps(side)
    elif task == "long":
        found = time_long(side)
    else:
        found = measure_quality()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
