from pathlib import Path

import pytest

from tests.engine.cli.command_line import vau

RECIPE = """
about = "Small."
train = "lora"
num_steps = 2
batch_size = 3
per_device = 3
precision = "float32"
needs_gpu = false
[lora]
rank = 2
[frames]
num = 2
fewest_of_clips = 2
"""


@pytest.fixture
def release(tmp_path: Path) -> Path:
    for name in ("torch", "transformers", "peft", "accelerate", "tensorboard"):
        pytest.importorskip(name, reason=f"{name} is not installed (make install-train)")
    from tests.builders import a_dataset
    from tests.train.mllm.lessons import cut_release
    from tests.train.mllm.tiny import tiny_base

    (tmp_path / "small.toml").write_text(RECIPE)
    tiny_base(tmp_path / "base", "internvl")
    return cut_release(a_dataset(tmp_path / "dataset").releases_dir_path / "v1")


def test_a_dry_run_says_what_would_be_trained_and_writes_nothing(
    release: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    command = (
        "train", "mllm", "--recipe", tmp_path / "small.toml", "--release", "v1",
        "--base", tmp_path / "base", "--dry-run",
    )  # fmt: skip
    outcome = vau(*command, cwd=tmp_path / "dataset")
    assert outcome.code == 0, outcome.err
    assert "lora, batches of 3, 2 steps" in outcome.out
    assert "learn 3 conversations of the release v1 (internvl/train.jsonl)" in outcome.out
    assert f"checkpoints/{'mllm-small-s0'}" in outcome.out
    row = vau(*command, "--json", cwd=tmp_path / "dataset").json
    assert row["num_trained_weights"] < row["num_weights"]
    assert sorted(tmp_path.rglob("*")) == before


def test_training_and_merging_from_the_command_line(release: Path, tmp_path: Path) -> None:
    command = (
        "train", "mllm", "--recipe", tmp_path / "small.toml", "--release", release,
        "--base", tmp_path / "base", "--out", tmp_path / "out", "--workers", 0, "--quiet",
    )  # fmt: skip
    outcome = vau(*command, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert "internvl by lora: 2 steps over 3 conversations" in outcome.out
    assert "holds this run already" in vau(*command, cwd=tmp_path).out
    merged = vau("train", "merge", "--adapter", tmp_path / "out", "--out", tmp_path / "merged")
    assert merged.code == 0, merged.err
    assert (tmp_path / "merged" / "model.safetensors").exists()
    again = vau("train", "merge", "--adapter", tmp_path / "out", "--out", tmp_path / "merged")
    assert again.code == 2
    assert "is not empty" in again.err


def test_a_run_that_skips_too_much_does_not_end_green(release: Path, tmp_path: Path) -> None:
    (release / "folder/events/train/v_E0.mp4").write_bytes(b"no video")
    command = (
        "train", "mllm", "--recipe", tmp_path / "small.toml", "--release", release,
        "--base", tmp_path / "base", "--out", tmp_path / "out", "--workers", 0, "--quiet",
    )  # fmt: skip
    outcome = vau(*command, cwd=tmp_path)
    assert outcome.code == 4
    assert "1 of 3 samples were skipped" in outcome.err
    assert "skipped internvl/train.jsonl:2 (v_E0): media_unreadable" in outcome.out
    assert vau(*command, "--max-reject-rate", 0.5, cwd=tmp_path).code == 0


def test_what_cannot_be_trained_exits_2_before_the_first_step(
    release: Path, tmp_path: Path
) -> None:
    import torch

    common = ("--base", tmp_path / "base", "--dataset", tmp_path / "dataset")
    unknown = vau("train", "mllm", "--recipe", "nope", "--release", "v1", *common)
    assert (unknown.code, "no recipe 'nope' for a video LLM" in unknown.err) == (2, True)
    small = ("train", "mllm", "--recipe", tmp_path / "small.toml")
    missing = vau(*small, "--release", "v9", *common)
    assert (missing.code, "is no release" in missing.err) == (2, True)
    if not torch.cuda.is_available():
        gpu = vau("train", "mllm", "--recipe", "holmes-vad", "--release", "v1", *common)
        assert (gpu.code, "PyTorch finds none here" in gpu.err) == (2, True)


def test_the_help_names_every_recipe() -> None:
    from train.mllm.recipe import known_recipes

    text = " ".join(vau("train", "mllm", "--help").out.split())
    assert [name for name in known_recipes() if name not in text] == []
