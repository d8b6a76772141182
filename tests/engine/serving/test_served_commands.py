"""`vau-data caption --gpus 2`, with a fake vLLM where the real one would be."""

import shlex
import sys
import time
from pathlib import Path

import pytest

from engine.dataset import Dataset
from engine.executors.local import LocalExecutor
from tests.builders import a_dataset, add_video, an_event, bring_in, run_named
from tests.engine.cli.command_line import Outcome, vau
from tests.engine.serving.fleets import FAKE_VLLM, MARK, processes_of
from tests.engine.serving.test_served_runs import captions_of

CONFIG = """
[clip]
target_seconds = 0.12
[caption]
model = "tiny"
weights = {weights}
weights_gib = 1.0
num_attention_heads = 4
num_frames = 2
max_side_px = 64
[vllm]
command = {command}
environment = {{ {mark} = {folder} }}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "dataset"


def a_served_dataset(folder: Path, executor: LocalExecutor, *faults: str) -> Dataset:
    """40 clips to caption, and a program that passes for vLLM."""
    command = folder.with_name("vllm")
    words = (sys.executable, str(FAKE_VLLM), *faults)
    command.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    command.chmod(0o755)
    weights = folder.with_name("weights")
    weights.mkdir()
    for name in ("config.json", "model.safetensors"):
        (weights / name).write_text("{}")
    quoted = {"weights": weights, "command": command, "folder": folder}
    texts = {name: f'"{path}"' for name, path in quoted.items()}
    dataset = a_dataset(folder, CONFIG.format(mark=MARK, **texts))
    add_video(dataset, "Fighting001.mp4", num_frames=125)
    bring_in(dataset, an_event("Fighting001_E0", start_seconds=0.0, end_seconds=5.0))
    run_named(dataset, "ingest", "clip", executor=executor)
    return dataset


def caption(folder: Path) -> Outcome:
    gpus = ("--gpus", 2, "--gpu-memory", 80)
    return vau("caption", *gpus, "--workers", 1, cwd=folder)


def test_a_run_whose_servers_cannot_be_kept_ends_soon_with_the_reason(
    folder: Path, executor: LocalExecutor
) -> None:
    a_served_dataset(folder, executor, "--say", "Error: a bad day", "--dies-after", "0", "--again")
    started_at = time.monotonic()
    outcome = caption(folder)
    assert outcome.code == 3, outcome.err
    assert "all 2 servers were given up; the last: caption-" in outcome.err
    assert "  | Error: a bad day" in outcome.err
    # Who waits for servers that might come back would wait for hours.
    assert time.monotonic() - started_at < 120
    assert processes_of(folder) == []


def test_no_server_is_started_where_nothing_is_to_do(folder: Path, executor: LocalExecutor) -> None:
    dataset = a_served_dataset(folder, executor)
    assert caption(folder).code == 0
    starts = (folder / "runs" / "servers" / "caption-0.log").read_text().count(" start: ")
    again = caption(folder)
    assert (again.code, starts) == (0, 1)
    assert "starting" not in again.err
    assert (folder / "runs" / "servers" / "caption-0.log").read_text().count(" start: ") == 1
    assert len(captions_of(dataset)) == 42
