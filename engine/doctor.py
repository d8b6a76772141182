"""Is all there that vau-data needs? Each check says what it found and how to mend it."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from shlex import quote
from tempfile import TemporaryFile
from typing import Literal

from engine.config import BASELINE, ModelSection, VllmSection
from engine.dataset import Dataset
from engine.errors import ServiceError, UsageError
from engine.intruders import ROOT_DIR_PATH, find_intruders
from engine.models.build import build_captioner, build_summarizer
from engine.models.chat import Captioner, Summarizer
from engine.models.connected import check_model, close_model
from engine.serving.gpus import GpuShare, read_gpus
from engine.serving.installation import HOW_TO_GET, check_installed, vllm_command, vllm_version
from engine.serving.plan import plan_servers
from engine.serving.weights import check_weights, find_weights
from engine.version import VERSION

Level = Literal["ok", "warning", "missing"]
NEEDED = (
    "av",
    "fastapi",
    "filelock",
    "gradio",
    "httpx",
    "jsonlines",
    "msgspec",
    "numpy",
    "opencv-python-headless",
    "orjson",
    "pandas",
    "pebble",
    "pillow",
    "pydantic",
    "tqdm",
    "typer",
    "uvicorn",
)
_LOW_DISK_BYTES = 5 * 2**30
_FULL_DISK_BYTES = 2**28
_WRITTEN_FOLDERS = ("runs", ".locks", "releases")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    level: Level
    """`warning`: something will not work, but most does."""
    found: str
    mend: str = ""
    """What to do about it; empty where nothing is wrong."""


def examine(find_dataset: Callable[[], Dataset], *, start_dir_path: Path) -> list[Check]:
    """Every check, in the order in which a person would mend them."""
    checks = [*_python(), *_packages(), *_codecs(), *_ours()]
    try:
        dataset = find_dataset()
    except UsageError as error:
        mend = "go into a dataset or make one: vau-data init DIR --videos PATH"
        return [*checks, _disk(start_dir_path), Check("dataset", "warning", str(error), mend)]
    return [*checks, _disk(dataset.dir_path), *_dataset(dataset), *_models(dataset)]


def _python() -> Iterator[Check]:
    yield Check("vau-data", "ok", f"{VERSION} in {ROOT_DIR_PATH}")
    yield Check("python", "ok", f"{platform.python_version()} at {sys.executable}")


def _packages() -> Iterator[Check]:
    for name in NEEDED:
        version = _version_of(name)
        if version is None:
            yield Check(name, "missing", "not installed", f"pip install {name}")
        else:
            yield Check(name, "ok", version)
    decord = _version_of("decord")
    found = decord or 'not installed; needed only for [media] decoder = "decord"'
    yield Check("decord", "ok", found)


def _version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


_CODECS: tuple[tuple[str, Literal["r", "w"], str], ...] = (
    ("h264", "r", "H.264 videos cannot be read"),
    ("hevc", "r", "HEVC videos cannot be read"),
    ("mpeg4", "r", "MPEG-4 videos cannot be read"),
    ("libx264", "w", "`export --media` cannot cut files"),
)


def _codecs() -> Iterator[Check]:
    if _version_of("av") is None:
        return
    import av

    for name, mode, loss in _CODECS:
        what = f"{name} {'decoder' if mode == 'r' else 'encoder'}"
        try:
            av.Codec(name, mode)
        except av.codec.codec.UnknownCodecError:
            mend = "pip install --force-reinstall av (the wheel has it; a local build may not)"
            yield Check(what, "missing", loss, mend)
        else:
            yield Check(what, "ok", "in PyAV")
    ffmpeg = shutil.which("ffmpeg")
    yield Check("ffmpeg", "ok", ffmpeg or "not installed; vau-data does not need it")


def _ours() -> Iterator[Check]:
    intruders = find_intruders()
    for intruder in intruders:
        yield Check(f"package {intruder.name}", "missing", intruder.describe(), "see there")
    if not intruders:
        yield Check("own packages", "ok", f"all from {ROOT_DIR_PATH}")


def _disk(dir_path: Path) -> Check:
    free_bytes = shutil.disk_usage(dir_path).free
    found = f"{free_bytes / 2**30:.1f} GiB free at {dir_path}"
    if free_bytes >= _LOW_DISK_BYTES:
        return Check("disk", "ok", found)
    if free_bytes >= _FULL_DISK_BYTES:
        return Check("disk", "warning", found, "free some space before exporting media")
    return Check("disk", "missing", found, "free some space: a run would soon stop")


def _writable(dataset: Dataset) -> Check:
    """Whether this person can write where runs write; tried, since rights alone do not tell."""
    dir_path = dataset.dir_path
    try:
        for folder in (dir_path, *(dir_path / name for name in _WRITTEN_FOLDERS)):
            if folder.exists():
                with TemporaryFile(dir=folder):
                    pass
        for file in (*dir_path.glob("*.jsonl"), *dir_path.glob("runs/*.jsonl")):
            with file.open("ab"):
                pass
    except OSError as error:
        mend = f"chown -R $USER {quote(str(dir_path))}, or copy the dataset to a place of yours"
        return Check("writable", "missing", f"cannot write in {dir_path}: {error}", mend)
    return Check("writable", "ok", f"{dir_path} and its files")


def _dataset(dataset: Dataset) -> Iterator[Check]:
    from engine.joins.files import find_videos

    yield Check("dataset", "ok", str(dataset.dir_path))
    yield _writable(dataset)
    try:
        num_videos = len(find_videos(dataset.videos_folder))
    except (UsageError, ServiceError, OSError) as error:
        yield Check("videos", "missing", str(error), "mend [videos] path, or mount the disk")
        return
    if num_videos:
        yield Check("videos", "ok", f"{num_videos} files under {dataset.videos_folder}")
    else:
        found = f"no video file under {dataset.videos_folder}"
        yield Check("videos", "warning", found, "mend [videos] path, or mount the disk")


def _models(dataset: Dataset) -> Iterator[Check]:
    config = dataset.config
    yield _model(config.caption, lambda: build_captioner(config.caption))
    yield _model(config.summarize, lambda: build_summarizer(config.summarize))
    ours = [one for one in (config.caption, config.summarize) if _is_served_by_us(one)]
    yield _vllm(config.vllm, is_needed=bool(ours))
    yield from _gpus(ours, config.vllm)
    for section in ours:
        yield _weights(section, config.vllm)


def _is_served_by_us(section: ModelSection) -> bool:
    """Whether only `--gpus` can serve its model."""
    is_elsewhere = section.endpoints or os.environ.get("OPENAI_BASE_URL")
    return section.model != BASELINE and not is_elsewhere


def _model(section: ModelSection, build: Callable[[], Captioner | Summarizer]) -> Check:
    name = section.stage
    what = f"[{name}] model"
    if section.model == BASELINE:
        return Check(what, "ok", "baseline: built in, needs nothing")
    if _is_served_by_us(section) and section.weights_gib is not None:
        return Check(what, "ok", f"{section.model}, served by `vau-data {name} --gpus N`")
    try:
        model = build()
        try:
            check_model(model)
        finally:
            close_model(model)
    except (UsageError, ServiceError) as error:
        mend = f"start the server, or mend endpoints, model or preset in [{name}] of dataset.toml"
        return Check(what, "missing", str(error), mend)
    return Check(what, "ok", f"{section.model} answers")


def _vllm(section: VllmSection, *, is_needed: bool) -> Check:
    try:
        check_installed(section)
    except UsageError as error:
        if is_needed:
            return Check("vllm", "missing", str(error), HOW_TO_GET)
        return Check("vllm", "ok", "not installed; needed only for --gpus")
    version = vllm_version(section) or "version unknown"
    return Check("vllm", "ok", f"{version} at {vllm_command(section)}")


def _gpus(ours: Sequence[ModelSection], vllm: VllmSection) -> Iterator[Check]:
    mend = "run `--gpus` on a machine with NVIDIA GPUs, or name a server with endpoints"
    try:
        gpus = read_gpus()
    except UsageError as error:
        yield Check("gpus", "missing" if ours else "warning", str(error), mend)
        return
    if not gpus:
        found = "nvidia-smi finds none"
        if ours:
            yield Check("gpus", "missing", found, mend)
        else:
            yield Check("gpus", "ok", f"{found}; needed only for --gpus")
        return
    listed = (f"GPU {g.id}: {g.free_gib:.1f} of {g.memory_gib:.1f} GiB free" for g in gpus)
    yield Check("gpus", "ok", "; ".join(listed))
    share = GpuShare(tuple(gpu.id for gpu in gpus), min(gpu.memory_gib for gpu in gpus))
    for section in ours:
        what = f"[{section.stage}] gpus"
        try:
            plan = plan_servers(section, share, vllm)
        except UsageError as error:
            yield Check(what, "missing", str(error), "see there")
        else:
            sizes = f"{len(plan.servers)} × TP {len(plan.servers[0].gpu_ids)}"
            yield Check(what, "ok", f"`--gpus {len(gpus)}` gives {sizes}")


def _weights(section: ModelSection, vllm: VllmSection) -> Check:
    what = f"[{section.stage}] weights"
    try:
        weights = find_weights(section, vllm)
        check_weights(weights, weights_gib=section.weights_gib or 0.0)
    except UsageError as error:
        return Check(what, "missing", str(error), "see there")
    if weights.is_here:
        return Check(what, "ok", f"{weights.source} is in {weights.cache_dir_path or 'its folder'}")
    found = (
        f"{weights.source} is not in {weights.cache_dir_path}; servers download it as they start"
    )
    return Check(what, "warning", found, weights.how_to_get)
