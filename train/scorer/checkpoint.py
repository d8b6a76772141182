"""Scorers on disk: ours as safetensors with a card beside them, published ones as they are."""

import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor

from engine.errors import UsageError
from engine.features import sha256_of
from train.scorer.card import ModelCard, card_text
from train.scorer.networks import Network, build_network, name_of, sizes_of

MODEL_NAME = "model.safetensors"
CARD_NAME = "model.json"
README_NAME = "README.md"
_NUM_HEADS = 4
_MOST_NAMED = 3

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class LoadedScorer:
    """A network with its weights, never in training mode: dropout stays off."""

    module: Network
    extractor: str
    """Name of the extractor whose features it was trained on; "" where the file is silent."""
    fingerprint: str
    """SHA-256 of the file."""
    path: Path

    @property
    def network(self) -> str:
        """`ur_dmu`, `vador` or `mlp`."""
        return name_of(self.module)

    @property
    def width(self) -> int:
        """Numbers per snippet that it takes."""
        return self.module.settings.feature_dim

    def score(self, features: NDArray[np.floating] | Tensor) -> NDArray[np.float32]:
        """(C, T, D) features of one video -> (T,) scores in [0, 1], crops averaged.

        Crops are taken one by one, so memory does not grow with their number. Raises `UsageError`
        for another shape or width.
        """
        if features.ndim != 3 or features.shape[-1] != self.width or not features.shape[1]:
            raise UsageError(
                f"{self.path} takes features of shape (crops, snippets, {self.width}), not "
                f"{tuple(features.shape)}; use features of the extractor that it was trained on "
                f"({self.extractor or 'which the file does not name'}), or another checkpoint"
            )
        device = next(self.module.parameters()).device
        total = torch.zeros(features.shape[1], device=device)
        with torch.inference_mode():
            for crop in features:
                total += self.module(_as_tensor(crop).to(device).float()[None])[0].float()
        scores: NDArray[np.float32] = (total / len(features)).clamp(0, 1).cpu().numpy()
        return scores


def save_checkpoint(dir_path: Path, network: Network, card: ModelCard) -> Path:
    """Write model, card as JSON and card as text into a folder; each whole or not at all."""
    dir_path.mkdir(parents=True, exist_ok=True)
    meta = {
        "format": "vau-data/scorer-1",
        "network": name_of(network),
        "sizes": orjson.dumps(sizes_of(network)).decode(),
        "extractor": card.extractor,
    }
    weights = {name: weight.contiguous() for name, weight in network.state_dict().items()}
    write_whole(dir_path / MODEL_NAME, to_safetensors(weights, metadata=meta))
    write_whole(dir_path / CARD_NAME, orjson.dumps(card, option=orjson.OPT_INDENT_2))
    write_whole(dir_path / README_NAME, card_text(card).encode())
    return dir_path / MODEL_NAME


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file by one with this content, or leave it as it was."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load_checkpoint(path: Path, *, device: str = "cpu") -> LoadedScorer:
    """A scorer from a folder or file of ours, or a published one of UR-DMU or Holmes-VAU.

    Raises `UsageError` saying what the file is instead, and which weights it lacks.
    """
    file_path = path / MODEL_NAME if path.is_dir() else path
    if not file_path.is_file():
        raise UsageError(
            f"no checkpoint at {file_path}; train one with `vau-data train scorer --recipe NAME`, "
            "or name a .safetensors, .pkl or .pth file"
        )
    if file_path.suffix == ".safetensors":
        weights, meta = _read_safetensors(file_path)
    else:
        weights, meta = _read_pickle(file_path), {}
    weights = published_names(weights)
    name = meta.get("network") or _network_of(weights, file_path)
    sizes = orjson.loads(meta["sizes"]) if "sizes" in meta else _ur_dmu_sizes(weights, file_path)
    module = build_network(name, sizes, where=str(file_path))
    refuse_other_weights(module, weights, file_path)
    module.load_state_dict(weights)
    return LoadedScorer(
        module=module.to(device).eval(),
        extractor=meta.get("extractor", ""),
        fingerprint=sha256_of(file_path),
        path=file_path,
    )


def published_names(weights: Mapping[str, Tensor]) -> Weights:
    """Names as UR-DMU has them: without `module.`, `selfatt` for Holmes-VAU's `self_attn`."""
    renamed = {}
    for name, weight in weights.items():
        bare = name.removeprefix("module.")
        if bare.startswith("self_attn."):
            bare = f"selfatt.{bare.removeprefix('self_attn.')}"
        renamed[bare] = weight.float()
    return renamed


def refuse_other_weights(network: Network, weights: Mapping[str, Tensor], path: Path) -> None:
    """Raises `UsageError` naming weights that are missing, unknown or of another shape."""
    wanted = {name: tuple(weight.shape) for name, weight in network.state_dict().items()}
    found = {name: tuple(weight.shape) for name, weight in weights.items()}
    problems = [
        _named("has no", sorted(wanted.keys() - found.keys())),
        _named("has unknown", sorted(found.keys() - wanted.keys())),
        _named(
            "has other shapes:",
            [
                f"{name} {found[name]} instead of {wanted[name]}"
                for name in sorted(wanted.keys() & found.keys())
                if wanted[name] != found[name]
            ],
        ),
    ]
    told = "; ".join(filter(None, problems))
    if told:
        raise UsageError(f"{path} is no checkpoint of {name_of(network)}: it {told}")


def _named(what: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{what} {', '.join(names[:_MOST_NAMED])}{more}"


def _read_safetensors(path: Path) -> tuple[Weights, dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as opened:
            names = list(opened.keys())
            return {name: opened.get_tensor(name) for name in names}, opened.metadata() or {}
    except SafetensorError as error:
        raise UsageError(f"cannot read {path} as safetensors ({error}); was it cut off?") from error


def _read_pickle(path: Path) -> Weights:
    try:
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise UsageError(
            f"cannot read {path} as a file of weights alone; nothing else is loaded from "
            f"strangers' files. torch says: {str(error).splitlines()[0]}"
        ) from error
    for wrapper in ("state_dict", "model_state_dict", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not isinstance(loaded, Mapping) or not all(isinstance(w, Tensor) for w in loaded.values()):
        raise UsageError(f"{path} holds no weights by name")
    return dict(loaded)


def _network_of(weights: Weights, path: Path) -> str:
    """What a file without metadata is."""
    if "embedding.conv_1.0.weight" not in weights:
        first = ", ".join(sorted(weights)[:_MOST_NAMED]) or "nothing"
        raise UsageError(
            f"{path} is no checkpoint of vau-data, and its weights ({first} …) are not those of a "
            "published UR-DMU or Holmes-VAU scorer"
        )
    return "ur_dmu"


def _ur_dmu_sizes(weights: Weights, path: Path) -> dict[str, int]:
    """From the shapes; published networks have four heads."""
    try:
        hidden_dim, feature_dim, _ = weights["embedding.conv_1.0.weight"].shape
        to_qkv = weights["selfatt.layers.0.0.fn.to_qkv.weight"]
        num_slots = len(weights["Amemory.memory_block"])
    except (KeyError, ValueError) as error:
        raise UsageError(
            f"{path} is no whole checkpoint of ur_dmu: {error} is missing or of another shape"
        ) from error
    layers = {name.split(".")[2] for name in weights if name.startswith("selfatt.layers.")}
    return {
        "feature_dim": feature_dim,
        "hidden_dim": hidden_dim,
        "num_layers": len(layers),
        "num_heads": _NUM_HEADS,
        "head_dim": len(to_qkv) // (4 * _NUM_HEADS),
        "num_slots": num_slots,
    }


def _as_tensor(crop: NDArray[np.floating] | Tensor) -> Tensor:
    return crop if isinstance(crop, Tensor) else torch.from_numpy(np.array(crop))
