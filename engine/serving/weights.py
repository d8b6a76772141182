"""Are a model's weights on this machine? Looked for where vLLM would: a folder, or the cache."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from engine.config import ModelSection, VllmSection
from engine.errors import UsageError
from engine.serving.presets import presets_for

_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_FILES = ("*.safetensors", "*.bin")


@dataclass(frozen=True)
class Weights:
    """What `vllm serve` is told to load, and whether it is there."""

    source: str
    """A Hugging Face repository, or a folder."""
    revision: str | None
    """None: the newest, or a folder, which has no revisions."""
    cache_dir_path: Path | None
    """Where downloads go; None: a folder, which is never downloaded."""
    is_here: bool
    is_offline: bool = False
    """Whether a variable forbids downloads."""
    is_gated: bool = False
    """Whether only those may download them who accepted their license."""

    @property
    def how_to_get(self) -> str:
        """The command that fetches them, and what must be done before."""
        revision = f" --revision {self.revision}" if self.revision else ""
        page = f"https://huggingface.co/{self.source}"
        first = f"accept the license at {page}, `hf auth login`, then " if self.is_gated else ""
        return f"{first}`hf download {self.source}{revision}`"


def find_weights(section: ModelSection, vllm: VllmSection) -> Weights:
    """Look for the weights of a section's model. Raises `UsageError` where looking is forbidden."""
    try:
        return _find(section, vllm)
    except PermissionError as error:
        raise UsageError(
            f"cannot read {error.filename}, where the weights of {section.model} would be: "
            f"{error.strerror}; have it made readable for you, or set HF_HOME to a folder of yours"
        ) from error


def _find(section: ModelSection, vllm: VllmSection) -> Weights:
    source = section.weights or section.model
    environment = {**os.environ, **vllm.environment}
    is_offline = any(
        environment.get(name, "").lower() in ("1", "on", "yes", "true")
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    )
    folder = Path(source).expanduser()
    if folder.is_dir() or source.startswith(("/", "~", ".")):
        return Weights(str(folder), None, None, _is_complete(folder))
    cache_dir_path = hub_cache(environment)
    snapshot = _snapshot(cache_dir_path, source, section.revision)
    preset = presets_for(section.stage).get(section.preset or "")
    return Weights(
        source,
        section.revision,
        cache_dir_path,
        is_here=snapshot is not None and _is_complete(snapshot),
        is_offline=is_offline,
        is_gated=preset is not None and preset.is_gated,
    )


def check_weights(weights: Weights, *, weights_gib: float) -> None:
    """Raises `UsageError` where they are missing and cannot be downloaded as the server starts."""
    if weights.is_here:
        return
    if weights.cache_dir_path is None:
        raise UsageError(
            f"{weights.source} is no folder with a config.json and all weight files of a model; "
            "name the folder that has them, or a Hugging Face repository"
        )
    if weights.is_offline:
        raise UsageError(
            f"the weights of {weights.source} are not in {weights.cache_dir_path}, and "
            "HF_HUB_OFFLINE forbids to download them. Unset it, or do this where there is a "
            f"network and copy that folder: {weights.how_to_get}"
        )
    free_gib = shutil.disk_usage(_existing(weights.cache_dir_path)).free / 2**30
    if free_gib < weights_gib:
        raise UsageError(
            f"{weights.source} has {weights_gib:.1f} GiB of weights to download into "
            f"{weights.cache_dir_path}, where {free_gib:.1f} GiB are free; make room, or set "
            "HF_HOME to a folder on a larger disk (also possible in [vllm] environment)"
        )


def hub_cache(environment: Mapping[str, str]) -> Path:
    """Where the Hugging Face hub keeps downloads, by the rules of its own library."""
    if named := environment.get("HF_HUB_CACHE"):
        return Path(named).expanduser()
    if home := environment.get("HF_HOME"):
        return Path(home).expanduser() / "hub"
    general = environment.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(general).expanduser() / "huggingface" / "hub"


def _snapshot(cache_dir_path: Path, repository: str, revision: str | None) -> Path | None:
    """The folder of one revision; a branch or tag is looked up in `refs`."""
    home = cache_dir_path / f"models--{repository.replace('/', '--')}"
    snapshot = home / "snapshots" / (revision or "main")
    if snapshot.is_dir():
        return snapshot
    ref = home / "refs" / (revision or "main")
    return home / "snapshots" / ref.read_text().strip() if ref.is_file() else None


def _is_complete(folder: Path) -> bool:
    """Whether all weight files that the index names are there; without an index, any will do."""
    if not (folder / "config.json").is_file():
        return False
    for index in (folder / name for name in _INDEXES):
        if index.is_file():
            names = set(orjson.loads(index.read_bytes())["weight_map"].values())
            return all((folder / name).is_file() for name in names)
    return any(True for pattern in _FILES for _ in folder.glob(pattern))


def _existing(path: Path) -> Path:
    return next(parent for parent in (path, *path.parents) if parent.exists())
