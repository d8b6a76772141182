"""`--gpus`: plans on paper, what is refused before any work, and servers that come and go."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import orjson
import pytest

from tests.engine.cli.command_line import edit_config, vau
from tests.engine.serving.fleets import FAKE_VLLM
from tests.engine.serving.weight_files import write_model

PRESETS = ("caption", "llava-next-video-7b"), ("summarize", "llama-3-70b-instruct")
ON_PAPER = ("--gpu-memory", 80, "--dry-run")
TINY = """
model = "tiny"
weights = "{weights}"
weights_gib = 0.01
num_attention_heads = 2
"""
VLLM = """
import json, os, sys
arguments = sys.argv[1:]
gpus = os.environ.get("CUDA_VISIBLE_DEVICES")
with open({starts!r}, "a") as file:
    file.write(json.dumps({{"arguments": arguments, "gpus": gpus}}) + "\\n")
name = arguments[arguments.index("--served-model-name") + 1]
os.execv(sys.executable, [sys.executable, {fake!r}, "serve", name, *arguments[-4:]])
"""


def use_presets(home: Path) -> None:
    """Name the papers' pair in dataset.toml."""
    for stage, preset in PRESETS:
        edit_config(home, f"[{stage}]\n", f'[{stage}]\npreset = "{preset}"\n')
    path = home / "dataset.toml"
    path.write_text(path.read_text().replace('\nmodel = "baseline"', ""))


def contents(home: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()}


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without GPUs, weights or a network."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


@pytest.mark.usefixtures("bare")
def test_dry_run_shows_the_plan_and_the_lines_and_touches_nothing(done: Path) -> None:
    before = contents(done)
    outcome = vau("caption", "--model", PRESETS[0][1], "--gpus", 4, *ON_PAPER, cwd=done)
    assert outcome.code == 0, outcome.err
    assert "--gpus 4: 4 × TP 1" in outcome.out
    lines = [line for line in outcome.out.splitlines() if "vllm serve " in line]
    assert [line.split(": ")[0].strip() for line in lines] == [f"caption-{n}" for n in range(4)]
    assert all("CUDA_VISIBLE_DEVICES=" in line and "--port {port}" in line for line in lines)
    assert "would do" in outcome.out  # the items, as without --gpus
    assert "note: the weights are not here yet" in outcome.out
    assert contents(done) == before


@pytest.mark.parametrize(("memory_gib", "sizes"), [(80, [4]), (141, [2, 2])])
@pytest.mark.usefixtures("bare")
def test_dry_run_as_json_has_the_servers(memory_gib: int, sizes: list[int], done: Path) -> None:
    use_presets(done)
    flags = ("--gpus", 4, "--gpu-memory", memory_gib, "--dry-run", "--json")
    (serving,) = vau("summarize", *flags, cwd=done).json["serving"]
    assert serving["stage"] == "summarize"
    assert [len(server["gpu_ids"]) for server in serving["servers"]] == sizes


@pytest.mark.usefixtures("bare")
def test_a_run_serves_both_stages_one_after_the_other_on_the_same_gpus(done: Path) -> None:
    use_presets(done)
    rows = vau("run", "--gpus", 4, *ON_PAPER, "--json", cwd=done).json["serving"]
    assert [row["stage"] for row in rows] == ["caption", "summarize"]
    assert [len(row["servers"]) for row in rows] == [4, 1]


@pytest.mark.usefixtures("bare")
def test_a_run_leaves_a_stage_that_has_endpoints_to_them(done: Path) -> None:
    use_presets(done)
    edit_config(done, "[summarize]\n", '[summarize]\nendpoints = ["http://gpu2:8000/v1"]\n')
    rows = vau("run", "--gpus", 4, *ON_PAPER, "--json", cwd=done).json["serving"]
    assert [row["stage"] for row in rows] == ["caption"]
    edit_config(done, "[caption]\n", '[caption]\nendpoints = ["http://gpu1:8000/v1"]\n')
    outcome = vau("run", "--gpus", 4, *ON_PAPER, cwd=done)
    assert outcome.code == 2
    assert "names endpoints for the models of caption and summarize" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("caption", "--gpu-memory", 80), "give both"),
        (("run", "--gpu-memory", 80), "give both"),
        (("caption", "--gpus", 1, "--endpoint", "http://a/v1"), "give one of the two"),
        (("caption", "--gpus", 1), "is the baseline, which needs no GPU"),
        (("run", "--gpus", 1), "the model of caption and summarize is the baseline"),
        (("caption", "--model", "qwen3-vl-8b", "--gpus", 4), "this machine has no GPU"),
        (("caption", "--model", "no/such", "--gpus", 4, *ON_PAPER), "set weights_gib"),
        (
            ("summarize", "--model", "llama-3-70b-instruct", "--gpus", 2, *ON_PAPER),
            "needs 4 GPUs of this size, and --gpus is 2",
        ),
        (
            ("summarize", "--model", "qwen3.8-27b", "--gpus", 4, "--gpu-memory", 4),
            "does not fit on GPUs of this size",
        ),
        (("caption", "--gpus", 0), "--gpus"),
    ],
)
@pytest.mark.usefixtures("bare")
def test_what_cannot_be_served_is_refused_before_any_work(
    arguments: tuple[object, ...], told: str, done: Path
) -> None:
    before = contents(done)
    outcome = vau(*arguments, cwd=done)
    assert outcome.code == 2
    assert told in outcome.err
    assert contents(done) == before


@pytest.mark.usefixtures("bare")
def test_a_run_without_vllm_or_weights_is_refused_before_any_work(done: Path) -> None:
    use_presets(done)
    before = (done / "dataset.toml").read_text()
    flags = ("run", "--gpus", 4, "--gpu-memory", 80)
    for command, told in (("/no/vllm", "make install-vllm"), (sys.executable, "hf download")):
        (done / "dataset.toml").write_text(f'{before}\n[vllm]\ncommand = "{command}"\n')
        outcome = vau(*flags, cwd=done)
        assert outcome.code == 2
        assert told in outcome.err
        assert not outcome.out


@pytest.mark.usefixtures("bare")
def test_status_and_prompts_need_no_server(done: Path) -> None:
    """A dataset set up for --gpus names no endpoint, and was refused by both."""
    use_presets(done)
    assert "model: openai/" not in (status := vau("status", cwd=done)).err
    assert status.code == 0
    assert "baseline/captioner-1 -> openai/llava-hf" in status.out
    assert vau("prompts", "show", "--item", "a_E0C0", cwd=done).code == 0


@pytest.fixture
def tiny(done: Path, tmp_path: Path) -> tuple[Path, Callable[[], list[dict[str, object]]]]:
    """A dataset whose captioner is served by a fake vLLM; and all starts of that."""
    starts = tmp_path / "starts.jsonl"
    program = tmp_path / "vllm"
    program.write_text(f"#!{sys.executable}" + VLLM.format(starts=str(starts), fake=str(FAKE_VLLM)))
    program.chmod(0o755)
    weights = write_model(tmp_path / "weights")
    section = TINY.format(weights=weights) + "canary_every = 0\n"
    edit_config(done, "[caption]\n", f"[caption]{section}")
    path = done / "dataset.toml"
    text = path.read_text().replace('\nmodel = "baseline"', "", 1)
    path.write_text(f'{text}\n[vllm]\ncommand = "{program}"\n')

    def read() -> list[dict[str, object]]:
        return [orjson.loads(line) for line in starts.read_text().splitlines()]

    return done, read


def test_servers_are_started_for_the_work_and_only_for_it(
    tiny: tuple[Path, Callable[[], list[dict[str, object]]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, starts = tiny
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    flags = ("caption", "--gpus", 2, "--gpu-memory", 1, "--workers", 1)
    first = vau(*flags, cwd=home)
    assert first.code == 0, first.err
    assert "openai/tiny" in (home / "captions.jsonl").read_text()
    assert sorted(str(start["gpus"]) for start in starts()) == ["0", "1"]
    assert all((home / "runs/servers" / f"caption-{n}.log").stat().st_size for n in (0, 1))

    again = vau(*flags, cwd=home)
    assert again.code == 0, again.err
    assert "nothing to do" in again.out
    assert len(starts()) == 2

    elsewhere = vau("caption", "--endpoint", "http://127.0.0.1:9/v1", cwd=home)
    assert "nothing to do" in elsewhere.out  # the servers are no part of what was made


@pytest.mark.usefixtures("bare")
def test_doctor_says_what_serving_here_would_take(done: Path) -> None:
    use_presets(done)
    outcome = vau("doctor", "--json", cwd=done)
    assert outcome.code == 1
    checks = {check["name"]: check for check in outcome.json}
    assert checks["[caption] model"]["level"] == "ok"
    assert "`vau-data caption --gpus N`" in checks["[caption] model"]["found"]
    assert checks["gpus"]["level"] == "missing"
    assert "HF_HUB_OFFLINE" in checks["[summarize] weights"]["found"]


def test_doctor_counts_the_servers_that_the_gpus_hold(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_presets(done)
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n" + "".join(f"echo {n}, GPU-{n}, 81559, 81000\n" for n in "01"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    free_bytes = 2**40
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Mock(free=free_bytes))
    checks = {check["name"]: check for check in vau("doctor", "--json", cwd=done).json}
    assert checks["gpus"]["found"].startswith("GPU 0: 79.1 of 79.6 GiB free; GPU 1: ")
    assert checks["[caption] gpus"]["found"] == "`--gpus 2` gives 2 × TP 1"
    assert "needs 4 GPUs" in checks["[summarize] gpus"]["found"]
    assert "hf download llava-hf/" in checks["[caption] weights"]["mend"]
    free_bytes = 2**33
    checks = {check["name"]: check for check in vau("doctor", "--json", cwd=done).json}
    assert "where 8.0 GiB are free; make room" in checks["[caption] weights"]["found"]


def test_doctor_needs_no_vllm_for_the_baseline(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    checks = {check["name"]: check for check in vau("doctor", "--json", cwd=finished).json}
    assert checks["vllm"]["level"] == checks["gpus"]["level"] == "ok"
