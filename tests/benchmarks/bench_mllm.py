"""How fast a video LLM is tuned: samples a second, memory, and share of the device's matrix rate.

Run on a GPU: `python -m tests.benchmarks.bench_mllm VIDEO… [--size 2b] [--device cuda]`; `--size
tiny --device cpu` only shows that it works. Random weights of InternVL2-2B's dimensions (InternLM2
has no native model, so a Llama of the same sizes stands in); real frames of the given videos, cut
into stretches; with activations kept and computed again, frames by scores and evenly. The rate of
a step is the median over its steps but the first three; what counts as its work are the matrix
products that learning needs, and never those done twice.
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

_WARM_UP = 3
_STRETCHES = 8
_ANSWER = "Two men fight in front of a shop; one of them falls, and people run away. " * 6


@dataclass(frozen=True)
class Size:
    """Of a random InternVL."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    inner: int
    vocabulary: int
    vision_hidden: int
    vision_layers: int
    picture_px: int


SIZES = {
    "2b": Size(2048, 24, 16, 8, 8192, 92553, 1024, 24, 448),
    "tiny": Size(64, 2, 4, 2, 128, 600, 32, 2, 28),
}


def main() -> None:
    """Print one JSON object: the device, its matrix rate, and a row per way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--size", choices=sorted(SIZES), default="2b")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--per-device", type=int, default=4)
    parser.add_argument("--workers", type=int, default=8)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), told), indent=2))


def measure(dir_path: Path, told: argparse.Namespace) -> dict[str, Any]:
    """All ways one after the other, on the same base and lessons."""
    base = random_base(dir_path / "base", SIZES[told.size])
    release = lessons(dir_path / "dataset", told.videos)
    rate = matrix_rate(told.device)
    rows = [
        one_way(dir_path, base, release, told, is_checkpointed=kept, sampler=sampler)
        for kept in (True, False)
        for sampler in ("uniform", "density")
    ]
    for row in rows:
        row["share_of_matrix_rate"] = row["tflops_per_second"] / rate
    return {"device": device_name(told.device), "matrix_tflops_per_second": rate, "ways": rows}


def one_way(
    dir_path: Path,
    base: Path,
    release: Path,
    told: argparse.Namespace,
    *,
    is_checkpointed: bool,
    sampler: str,
) -> dict[str, Any]:
    """Tune for a few steps; what it took."""
    import torch

    from train.mllm.plan import MllmOptions, lessons_of, plan_tuning
    from train.mllm.recipe import changed, load_recipe
    from train.mllm.run import tune

    recipe = load_recipe("holmes-vau")
    frames = recipe.frames.model_dump() | {"sampler": sampler, "num": 12, "fewest_of_clips": 12}
    recipe = changed(
        recipe, num_steps=told.steps + _WARM_UP, batch_size=told.per_device,
        per_device=told.per_device, is_checkpointed=is_checkpointed, frames=frames,
        save_every=10_000,
    )  # fmt: skip
    out = dir_path / "out"
    shutil.rmtree(out, ignore_errors=True)
    options = MllmOptions(
        release, out, str(base), device=told.device, workers=told.workers, is_quiet=True
    )
    plan = plan_tuning(lessons_of(release, None, recipe), recipe, options)
    if told.device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
    tune(plan)
    seconds = statistics.median(step_seconds(out / "tensorboard"))
    work = work_of_sample(base, plan.architecture.num_tokens(12) + len(_ANSWER) // 4)
    return {
        "is_checkpointed": is_checkpointed,
        "sampler": sampler,
        "samples_per_second": told.per_device / seconds,
        "peak_gib": peak_gib(told.device),
        "expected_gib": plan.need.total / 2**30,
        "tflops_per_second": told.per_device * work / seconds / 1e12,
    }


def step_seconds(log_dir_path: Path) -> list[float]:
    """Between the losses that were logged, without the first ones."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(log_dir_path))
    found.Reload()
    times = [event.wall_time for event in found.Scalars("train/loss")]
    return [after - before for before, after in pairwise(times)][_WARM_UP - 1 :]


def work_of_sample(base: Path, num_tokens: int) -> float:
    """Floating-point operations that a sample needs: the LLM forward and back to its inputs, the
    tower forward alone. Weights of LoRA, and what is computed twice, are left out."""
    from train.mllm.base import blank_model

    model = blank_model(base)
    config = model.config.get_text_config()
    weights = sum(p.numel() for n, p in model.named_parameters() if ".layers." in n and "lang" in n)
    attention = 2 * config.num_hidden_layers * num_tokens**2 * config.hidden_size
    tower = sum(p.numel() for n, p in model.named_parameters() if "vision_tower" in n)
    vision = model.config.vision_config
    patches = (vision.image_size[0] // vision.patch_size[0]) ** 2
    return float(2 * (2 * weights * num_tokens + attention) + 2 * tower * patches * 12)


def matrix_rate(device: str) -> float:
    """TFLOP/s of a large bfloat16 product, the fastest of several."""
    import torch

    side = 8192 if device.startswith("cuda") else 512
    one = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    seconds = []
    for _ in range(12):
        started = time.perf_counter()
        (one @ one)[0, 0].item()
        seconds.append(time.perf_counter() - started)
    return float(2 * side**3 / min(seconds) / 1e12)


def peak_gib(device: str) -> float | None:
    """Of the GPU since the last reset; None on a processor."""
    import torch

    return torch.cuda.max_memory_allocated() / 2**30 if device.startswith("cuda") else None


def device_name(device: str) -> str:
    """As the driver calls it."""
    import torch

    return torch.cuda.get_device_name() if device.startswith("cuda") else "CPU"


def random_base(dir_path: Path, size: Size) -> Path:
    """A random InternVL in bfloat16, with a tokenizer of our question pools."""
    import torch
    from transformers import (
        InternVLConfig,
        InternVLForConditionalGeneration,
        InternVLVisionConfig,
        LlamaConfig,
    )

    from tests.train.mllm.tiny import tokenizer_ending

    tokenizer = tokenizer_ending("<|im_end|>")
    patch_px = 14 if size.picture_px > 100 else 7
    vision = InternVLVisionConfig(
        hidden_size=size.vision_hidden, num_hidden_layers=size.vision_layers,
        num_attention_heads=max(2, size.vision_hidden // 64),
        intermediate_size=4 * size.vision_hidden,
        image_size=(size.picture_px,) * 2, patch_size=(patch_px,) * 2,
    )  # fmt: skip
    text = LlamaConfig(
        vocab_size=size.vocabulary, hidden_size=size.hidden, intermediate_size=size.inner,
        num_hidden_layers=size.layers, num_attention_heads=size.heads,
        num_key_value_heads=size.kv_heads, max_position_embeddings=8192,
        bos_token_id=None, eos_token_id=tokenizer.eos_token_id, pad_token_id=0,
    )  # fmt: skip
    config = InternVLConfig(
        vision_config=vision, text_config=text, tie_word_embeddings=False,
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=(size.picture_px // patch_px // 2) ** 2,
    )  # fmt: skip
    torch.manual_seed(0)
    InternVLForConditionalGeneration(config).to(torch.bfloat16).save_pretrained(dir_path)
    tokenizer.save_pretrained(dir_path)
    return dir_path


def lessons(dir_path: Path, videos: list[Path]) -> Path:
    """A dataset with scores that rise and fall, and a release of stretches of its videos."""
    from engine.media.container import frame_times
    from schemas import ScoreTrack
    from tests.builders import HUMAN, a_dataset, a_media, a_video, bring_in
    from tests.train.mllm.lessons import write_release

    dataset = a_dataset(dir_path)
    rows = list[dict[str, Any]]()
    for number, path in enumerate(videos):
        target = dataset.videos_dir_path / f"v{number}{path.suffix}"
        shutil.copyfile(path, target)
        times = frame_times(target)
        start, end = float(times[0]), float(times[-1])
        media = a_media(path=target.name, size_bytes=target.stat().st_size)
        video = a_video(
            f"v{number}", start_seconds=start, end_seconds=end, num_frames=len(times), media=media
        )
        snippets = tuple(map(float, times[::16]))
        scores = tuple(float(n % 7 == 3) for n in range(len(snippets)))
        track = ScoreTrack(
            id=f"v{number}", video_id=f"v{number}", snippet_starts_seconds=snippets,
            end_seconds=end, scores=scores, provenance=HUMAN,
        )  # fmt: skip
        assert bring_in(dataset, video, track).unfit == []
        rows += _stretches(target.name, end - start, first=len(rows))
    return write_release(dataset.releases_dir_path / "bench", rows)


def _stretches(path: str, duration_seconds: float, *, first: int) -> Iterator[dict[str, Any]]:
    for number in range(_STRETCHES):
        start = duration_seconds * number / (2 * _STRETCHES)
        yield {
            "id": first + number,
            "type": "event",
            "video": path,
            "clip": [start, start + duration_seconds / 2],
            "conversations": [
                {"from": "human", "value": "<video>\nWhat happens?"},
                {"from": "gpt", "value": _ANSWER.strip()},
            ],
        }


if __name__ == "__main__":
    main()
