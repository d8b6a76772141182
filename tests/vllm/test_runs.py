"""`vau-data caption` and `summarize` as people run them: real videos, real servers of our own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from tests.vllm.servers import CONTEXT_TOKENS, ENVIRONMENT, REPOSITORY, VLLM_BIN, VllmServer

VIDEOS_DIR = REPOSITORY.parent / "shared" / "data" / "videos"
VIDEOS = ("car_accident.mp4", "explosion2.mp4", "robbery.mp4")
RUN_SECONDS = 500.0
MODEL = """
[{stage}]
model = "{name}"
weights = "{weights}"
weights_gib = 0.01
num_attention_heads = 2
max_model_len = {context}
temperature = 1.0
"""
VLLM = """
[vllm]
command = "{command}"
extra_args = [
    "--enforce-eager", "--dtype", "float32", "--disable-uvicorn-access-log",
    "--no-enable-chunked-prefill", "--max-num-batched-tokens", "{context}",
]
environment = {{ {environment} }}
"""

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(2 * RUN_SECONDS)]


def vau(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command on the dataset, to its end."""
    return subprocess.run(
        command(home, *arguments), capture_output=True, text=True, timeout=RUN_SECONDS, check=False
    )


def command(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "engine.cli.main", *arguments, "--dataset", str(home)]


@pytest.fixture(scope="session")
def cut(llava_dir: Path, llama_dir: Path) -> Path:
    """Real videos, cut into clips of two seconds; the tiny models named in dataset.toml."""
    if not VIDEOS_DIR.is_dir():
        pytest.skip(f"NOT TESTED on real videos: {VIDEOS_DIR.name}/ is absent")
    root = llava_dir.parent
    footage, home = root / "footage", root / "dataset"
    footage.mkdir()
    for name in VIDEOS:
        (footage / name).symlink_to(VIDEOS_DIR / name)
    made = subprocess.run(
        [sys.executable, "-m", "engine.cli.main", "init", str(home), "--videos", str(footage)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    write_settings(home, llava_dir, llama_dir)
    for stage in ("ingest", "score", "propose", "clip"):
        done = vau(home, stage)
        assert done.returncode == 0, done.stderr
    assert len(records(home, "clips")) >= 12
    return home


def write_settings(home: Path, llava_dir: Path, llama_dir: Path) -> None:
    path = home / "dataset.toml"
    sections = {section.split("]")[0]: section for section in path.read_text().split("\n[")[1:]}
    kept = "".join(
        f"\n[{section}" for name, section in sections.items() if name in ("dataset", "videos")
    )
    environment = ", ".join(f'{name} = "{value}"' for name, value in ENVIRONMENT.items())
    caption = MODEL.format(
        stage="caption", name="tiny-llava", weights=llava_dir, context=CONTEXT_TOKENS
    )
    summarize = MODEL.format(
        stage="summarize", name="tiny-llama", weights=llama_dir, context=CONTEXT_TOKENS
    )
    more = 'video_format = "video_url"\nnum_frames = 4\nmax_side_px = 224\n'
    program = VLLM_BIN / "vllm"
    vllm = VLLM.format(command=program, context=CONTEXT_TOKENS, environment=environment)
    path.write_text(f"{kept}\n[clip]\ntarget_seconds = 2.0\n{caption}{more}{summarize}{vllm}")


@pytest.fixture
def home(cut: Path, tmp_path: Path) -> Path:
    """A dataset of one's own whose clips wait for captions."""
    return Path(shutil.copytree(cut, tmp_path / "dataset"))


def records(home: Path, name: str) -> list[str]:
    """Ids in a record file, in order, repeats included."""
    path = home / f"{name}.jsonl"
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    return [orjson.loads(line)["id"] for line in lines if line]


def outcomes(home: Path, stage: str) -> Counter[str]:
    """How many lines the ledger has for each item."""
    lines = (home / "runs" / f"{stage}.jsonl").read_bytes().splitlines()
    return Counter(orjson.loads(line)["id"] for line in lines)


def assert_each_clip_has_one_outcome(home: Path) -> None:
    """One ledger line for each clip: a caption, or a reject that says why."""
    assert outcomes(home, "caption") == Counter(records(home, "clips"))
    captioned = records(home, "captions")
    assert len(captioned) == len(set(captioned))
    assert len(captioned) > len(records(home, "clips")) / 2, "random models are not that bad"


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + RUN_SECONDS
    while not condition():
        assert process.poll() is None, "the run ended before"
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


def servers_of(weights: Path) -> list[int]:
    """Process ids of `vllm serve` with these weights, the first of each group alone."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended meanwhile
        is_server = any(word.endswith(b"/vllm") for word in words) and b"serve" in words
        is_warden = any(b"warden" in word for word in words)
        if is_server and not is_warden and str(weights).encode() in words:
            found.append(int(folder.name))
    return found


def test_a_replica_that_is_killed_in_mid_run_loses_and_doubles_nothing(
    home: Path, llava_dir: Path, tmp_path: Path
) -> None:
    before = set(servers_of(llava_dir))
    flags = ("caption", "--gpus", "2", "--gpu-memory", "80", "--max-reject-rate", "0.5")
    log = tmp_path / "run.log"
    with log.open("wb") as stream:
        run = subprocess.Popen(command(home, *flags), stdout=stream, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: len(records(home, "captions")) >= 2, run)
        replicas = sorted(set(servers_of(llava_dir)) - before)
        assert len(replicas) == 2, log.read_text()
        os.kill(replicas[0], signal.SIGKILL)
        assert run.wait(RUN_SECONDS) == 0, log.read_text()
    finally:
        run.kill()
        run.wait()
    assert_each_clip_has_one_outcome(home)
    assert set(servers_of(llava_dir)) <= before, "a server was left behind"


def test_a_client_that_is_killed_goes_on_where_it_was(
    home: Path, caption_server: VllmServer
) -> None:
    flags = ("caption", "--endpoint", caption_server.url, "--max-reject-rate", "0.5")
    run = subprocess.Popen(
        command(home, *flags), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(lambda: len(records(home, "captions")) >= 3, run)
    run.kill()
    run.wait()
    before = (home / "captions.jsonl").read_bytes()
    finished = vau(home, *flags)
    assert finished.returncode == 0, finished.stderr
    assert (home / "captions.jsonl").read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    assert_each_clip_has_one_outcome(home)


def test_clips_past_the_context_are_rejected_with_the_reason(
    home: Path, caption_server: VllmServer
) -> None:
    path = home / "dataset.toml"
    longer = path.read_text().replace("target_seconds = 2.0", "target_seconds = 6.0")
    path.write_text(longer.replace("num_frames = 4", "num_frames = 80"))
    assert vau(home, "clip").returncode == 0
    refused = vau(home, "caption", "--endpoint", caption_server.url)
    assert refused.returncode == 4, refused.stderr
    assert "request_too_long" in refused.stderr
    rejects = map(orjson.loads, (home / "rejects.jsonl").read_bytes().splitlines())
    reasons = {reject["item_id"]: reject["reason"] for reject in rejects}
    clips = map(orjson.loads, (home / "clips.jsonl").read_bytes().splitlines())
    long_ids = [clip["id"] for clip in clips if clip["end_seconds"] - clip["start_seconds"] >= 4]
    assert long_ids, "four seconds hold more than 64 frames, which is all the context"
    assert {reasons.get(clip_id) for clip_id in long_ids} == {"request_too_long"}


def test_real_captions_become_summaries_of_events_and_videos(
    home: Path, caption_server: VllmServer, summary_server: VllmServer
) -> None:
    for stage, server in (("caption", caption_server), ("summarize", summary_server)):
        done = vau(home, stage, "--endpoint", server.url, "--max-reject-rate", "0.5")
        assert done.returncode == 0, done.stderr
    summaries = (home / "summaries.jsonl").read_bytes().splitlines()
    kinds = Counter(orjson.loads(line)["granularity"] for line in summaries)
    assert kinds["event"] >= 1
    assert kinds["video"] >= 1
    assert all(orjson.loads(line)["usage"]["output_tokens"] > 0 for line in summaries)
