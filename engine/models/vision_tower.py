"""Frames in, a vision tower's class tokens out, averaged over each snippet's chosen frames.

Any tower that transformers loads from a folder and that has a class token: CLIP, LanguageBind's
picture tower, InternViT as `internvl_vision`, plain ViT. Models with own code are not run.
"""

import hashlib
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import ServiceError, UsageError
from engine.features import SNIPPET_FRAMES
from engine.media.frames import Frame
from engine.models.chat import Json
from engine.models.features import SnippetFeatures
from engine.models.vision_pictures import PictureSettings, picture_settings

_SAMPLED_BYTES = 1 << 16
_HOW = "name a folder that `save_pretrained` wrote, with config.json and *.safetensors"


@dataclass(frozen=True)
class TowerSettings:
    """Which tower, and how it is used."""

    dir_path: Path
    num_frames: int = SNIPPET_FRAMES
    """Of each snippet, evenly spread; 1: its middle frame."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    batch_size: int = 64
    devices: tuple[str, ...] = ()
    """Empty: every GPU, else the processor."""


@dataclass
class VisionTower:
    """One copy of the tower per device; used by several threads at once."""

    settings: TowerSettings
    _copies: list["_Copy"] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _num_uses: int = 0

    @cached_property
    def name(self) -> str:
        """Folder, frames per snippet and a hash that follows the weights."""
        folder = self.settings.dir_path.resolve().name
        return f"{folder}-f{self.settings.num_frames}-{weights_hash(self.settings.dir_path)[:8]}"

    @property
    def width(self) -> int:
        """Size of the class token."""
        return int(self._tower_config["hidden_size"])

    @property
    def max_side_px(self) -> int:
        """Twice the tower's side: enough for its crop of a picture twice as wide as high."""
        return 2 * self._side_px

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """Weights, frames, precision, pictures; not the folder's place, the devices or batches."""
        pictures = self._pictures
        return {
            "name": self.name,
            "version": 1,
            "weights": weights_hash(self.settings.dir_path),
            "precision": self.settings.precision,
            "pictures": [pictures.side_px, pictures.is_cropped, *pictures.mean, *pictures.std],
        }

    def load(self) -> None:
        """Read the weights onto every device. Raises `UsageError` where that cannot be done."""
        _ = self.width, self.name  # says at once where the folder holds no tower
        with self._lock:
            if not self._copies:
                devices = self.settings.devices or _all_devices()
                self._copies = [self._copy_on(device) for device in devices]

    def release(self) -> None:
        """Let the weights go."""
        self._copies = []

    def snippets(self, frames: Iterable[Frame]) -> Iterator[SnippetFeatures]:
        """Holds one batch of frames; a caller in another thread gets the next device in turn."""
        self.load()
        with self._lock:
            copy = self._copies[self._num_uses % len(self._copies)]
            self._num_uses += 1
        source, per_batch = (
            iter(frames),
            max(1, self.settings.batch_size // self.settings.num_frames),
        )
        groups = iter(lambda: list(islice(source, SNIPPET_FRAMES)), [])
        while batch := [self._chosen(group) for group in islice(groups, per_batch)]:
            tokens = copy.embed(np.stack([one for chosen in batch for one in chosen.pictures]))
            yield from _averaged(batch, tokens)

    def _chosen(self, group: Sequence[Frame]) -> "_Chosen":
        places = _even_places(len(group), self.settings.num_frames)
        return _Chosen(
            start_seconds=group[0].time_seconds,
            last_seconds=group[-1].time_seconds,
            num_frames=len(group),
            pictures=[self._pictures.tensor(group[place].image) for place in places],
        )

    @cached_property
    def _tower_config(self) -> dict[str, Any]:
        config = _config_of(self.settings.dir_path)
        vision = config.get("vision_config", config)
        if "hidden_size" not in vision or "image_size" not in vision:
            raise UsageError(
                f"{self.settings.dir_path} is no vision tower: its config.json has no hidden_size "
                f"and image_size; {_HOW}"
            )
        return {"model_type": config.get("model_type", ""), **vision}

    @cached_property
    def _pictures(self) -> PictureSettings:
        kind = str(self._tower_config["model_type"])
        return picture_settings(self.settings.dir_path, side_px=self._side_px, model_type=kind)

    @property
    def _side_px(self) -> int:
        size = self._tower_config["image_size"]
        return int(size if isinstance(size, int) else size[0])

    def _copy_on(self, device: str) -> "_Copy":
        model = _load_model(
            self.settings.dir_path, device=device, precision=self.settings.precision
        )
        copy = _Copy(model, device, self.settings.dir_path)
        copy.check(self._side_px, self.width)
        return copy


@dataclass(frozen=True)
class _Chosen:
    start_seconds: float
    last_seconds: float
    num_frames: int
    pictures: list[NDArray[np.float32]]


@dataclass(frozen=True)
class _Copy:
    """The tower on one device."""

    model: Any
    device: str
    dir_path: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def embed(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, 3, side, side) -> (N, width). Raises `ServiceError` where memory does not do."""
        import torch

        with self._lock, torch.inference_mode():
            try:
                inputs = torch.from_numpy(pictures).to(self.device, self.model.dtype)
                tokens = self.model(pixel_values=inputs).last_hidden_state[:, 0]
                return np.asarray(tokens.float().cpu().numpy(), np.float32)
            except torch.OutOfMemoryError as error:
                raise ServiceError(
                    f"{self.device} has too little memory for {len(pictures)} pictures at once; "
                    "lower [features] batch_size, and run the same command again"
                ) from error

    def check(self, side_px: int, width: int) -> None:
        """Raises `UsageError` for a tower without a class token: its first token is a patch."""
        import torch

        with torch.inference_mode():
            blank = torch.zeros(1, 3, side_px, side_px, device=self.device, dtype=self.model.dtype)
            shape = tuple(self.model(pixel_values=blank).last_hidden_state.shape)
        patches = [count * count for count in range(1, side_px + 1)]
        if len(shape) != 3 or shape[2] != width or shape[1] - 1 not in patches:
            raise UsageError(
                f"{self.dir_path}: the tower gives numbers of shape {shape}; a class token before "
                f"square patches of width {width} is needed, as CLIP and InternViT have"
            )


def _averaged(batch: Sequence[_Chosen], tokens: NDArray[np.float32]) -> Iterator[SnippetFeatures]:
    first = 0
    for chosen in batch:
        last = first + len(chosen.pictures)
        yield SnippetFeatures(
            start_seconds=chosen.start_seconds,
            last_seconds=chosen.last_seconds,
            num_frames=chosen.num_frames,
            vector=np.asarray(tokens[first:last].mean(axis=0), np.float32),
        )
        first = last


def _even_places(length: int, count: int) -> list[int]:
    """Middles of `count` equal parts; each frame at most once."""
    return sorted({int((place + 0.5) * length / count) for place in range(count)})


def _all_devices() -> tuple[str, ...]:
    import torch

    count = torch.cuda.device_count()
    return tuple(f"cuda:{number}" for number in range(count)) or ("cpu",)


def _load_model(dir_path: Path, *, device: str, precision: str) -> Any:
    try:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModel
        from transformers.utils import logging as their_logging
    except ModuleNotFoundError as error:
        raise UsageError(
            f"a vision tower needs PyTorch and transformers, and {error.name} is not installed; "
            "run `make install-train`, or use the extractor `baseline`"
        ) from error
    their_logging.disable_progress_bar()
    is_bfloat16 = precision == "bfloat16" or (precision == "auto" and device.startswith("cuda"))
    try:
        model = AutoModel.from_pretrained(
            dir_path,
            dtype=torch.bfloat16 if is_bfloat16 else torch.float32,
            local_files_only=True,
            trust_remote_code=False,
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise UsageError(f"transformers cannot load {dir_path}: {error}; {_HOW}") from error
    return getattr(model, "vision_model", model).to(device).eval()


def _config_of(dir_path: Path) -> dict[str, Any]:
    import json

    try:
        loaded = json.loads((dir_path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{dir_path} is no model: {error}; {_HOW}") from error
    if not isinstance(loaded, dict):
        raise UsageError(f"{dir_path}/config.json holds no settings; {_HOW}")
    return loaded


def weights_hash(dir_path: Path) -> str:
    """Of names, sizes, heads, middles and tails of the weight files: whole ones take minutes.

    Raises `UsageError` for a folder without weights.
    """
    files = sorted([*dir_path.glob("*.safetensors"), *dir_path.glob("*.bin")])
    if not files:
        raise UsageError(f"{dir_path} holds no weights; {_HOW}")
    found = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        found.update(f"{path.name}:{size};".encode())
        with path.open("rb") as file:
            for place in (0, size // 2, max(0, size - _SAMPLED_BYTES)):
                file.seek(place)
                found.update(file.read(_SAMPLED_BYTES))
    return found.hexdigest()
