"""Everything that decides a run of tuning, looked at before anything is written."""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import torch

from engine.dataset import CONFIG_NAME, Dataset
from engine.errors import UsageError
from train.mllm.architecture import Architecture, architecture_of
from train.mllm.base import Base, adapted, asked_of, blank_model, find_base, num_weights
from train.mllm.card import CARD_NAME
from train.mllm.encode import Asked
from train.mllm.fit import Need, device_of, free_bytes_of, need_of, refuse_too_large
from train.mllm.footage import Shot, shots_of
from train.mllm.recipe import MllmRecipe
from train.mllm.release import ReadRelease, read_release

_SHARDING = ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED")


@dataclass(frozen=True)
class MllmOptions:
    """What may differ from run to run of one recipe."""

    release_dir_path: Path
    out_dir_path: Path
    base: str | None = None
    """Instead of the recipe's."""
    seed: int = 0
    device: str = "auto"
    workers: int = 2
    """Processes that decode; 0: this one."""
    is_quiet: bool = False


@dataclass(frozen=True)
class Lessons:
    """What is learned from, and what it was made of."""

    release: ReadRelease
    shots: tuple[Shot, ...]
    scores_sha256: str | None
    left_out: dict[str, str] = field(default_factory=dict)
    """Video -> why nothing is asked about it."""


@dataclass(frozen=True)
class MllmPlan:
    """What a run would do; nothing is written yet."""

    recipe: MllmRecipe
    options: MllmOptions
    base: Base
    architecture: Architecture
    asked: Asked
    lessons: Lessons
    device: torch.device
    num_weights: tuple[int, int]
    """All, and those that are trained."""
    need: Need
    num_devices: int
    run_id: str
    is_finished: bool
    """The folder holds this very run's adapter already."""

    @property
    def longest(self) -> int:
        """About how many tokens the longest sample has."""
        return longest_of(self.architecture, self.lessons.shots)


def dataset_of(release_dir_path: Path, dataset: Dataset | None) -> Dataset | None:
    """The one that was named, else the one that the release lies in, if it lies in one."""
    if dataset is not None:
        return dataset
    folder = release_dir_path.resolve().parent.parent
    return Dataset.open(folder) if (folder / CONFIG_NAME).is_file() else None


def lessons_of(release_dir_path: Path, dataset: Dataset | None, recipe: MllmRecipe) -> Lessons:
    """The rows of a release, with their footage."""
    release = read_release(release_dir_path)
    shots = shots_of(release, dataset_of(release_dir_path, dataset), recipe.frames)
    return Lessons(release, shots, _scores_sha256(shots))


def plan_tuning(lessons: Lessons, recipe: MllmRecipe, options: MllmOptions) -> MllmPlan:
    """Look at everything that decides a run.

    Raises `UsageError` for a base that is none of the families, a device that is not there or too
    small, and a folder that holds another run.
    """
    device, base, architecture = look_at_base(recipe, options)
    model = blank_model(base.dir_path)
    config = model.config
    counts = num_weights(adapted(model, architecture, train=recipe.train, lora=recipe.lora))
    num_devices = int(os.environ.get("WORLD_SIZE", "1"))  # said by `accelerate launch`
    _refuse_odd_batch(recipe, num_devices)
    num_tokens = min(recipe.max_tokens, longest_of(architecture, lessons.shots))
    num_shards = num_devices if any(map(os.environ.get, _SHARDING)) else 1
    need = need_of(config, counts, recipe=recipe, num_tokens=num_tokens, num_shards=num_shards)
    refuse_too_large(need, free_bytes=free_bytes_of(device), base=base.name)
    run_id = _run_id(lessons, recipe, base, options.seed)
    return MllmPlan(
        recipe=recipe,
        options=options,
        base=base,
        architecture=architecture,
        asked=asked_of(base.dir_path, architecture),
        lessons=lessons,
        device=device,
        num_weights=counts,
        need=need,
        num_devices=num_devices,
        run_id=run_id,
        is_finished=_is_finished(options.out_dir_path, run_id),
    )


def look_at_base(
    recipe: MllmRecipe, options: MllmOptions
) -> tuple[torch.device, Base, Architecture]:
    """What needs no lessons: is there a device, a base, and do we know its family?

    Raises `UsageError` as `plan_tuning` does.
    """
    device = device_of(options.device, needs_gpu=recipe.needs_gpu)
    name = options.base or recipe.base
    if name is None:
        raise UsageError(f"the recipe {recipe.name} names no base; name one with --base")
    base = find_base(name)
    return device, base, architecture_of(base.dir_path, picture_px=recipe.frames.picture_px)


def is_first_process() -> bool:
    """Of those that `accelerate launch` started: the one that writes what there is one of."""
    return os.environ.get("RANK", "0") == "0"


def longest_of(architecture: Architecture, shots: tuple[Shot, ...]) -> int:
    """Tokens of the longest sample, its text guessed at four letters a token."""
    return max(
        architecture.num_tokens(shot.most_frames)
        + sum(len(part) for one in shot.exchanges for part in one) // 4
        for shot in shots
    )


def _refuse_odd_batch(recipe: MllmRecipe, num_devices: int) -> None:
    if recipe.batch_size % (recipe.per_device * num_devices):
        raise UsageError(
            f"a batch of {recipe.batch_size} cannot be shared by {num_devices} devices that take "
            f"{recipe.per_device} samples at once; change per_device or batch_size in the recipe"
        )


def _run_id(lessons: Lessons, recipe: MllmRecipe, base: Base, seed: int) -> str:
    told = recipe.model_dump(mode="json")
    decisive: list[Any] = [lessons.release.sha256, lessons.scores_sha256, base.sha256, told, seed]
    decisive.append([list(map(tuple, shot.exchanges)) for shot in lessons.shots])
    return hashlib.sha256(orjson.dumps(decisive)).hexdigest()


def _scores_sha256(shots: tuple[Shot, ...]) -> str | None:
    digest, is_any = hashlib.sha256(), False
    for shot in shots:
        if shot.scores is not None:
            is_any = True
            digest.update(shot.id.encode())
            digest.update(shot.scores.edges_seconds.tobytes() + shot.scores.values.tobytes())
    return digest.hexdigest() if is_any else None


def _is_finished(dir_path: Path, run_id: str) -> bool:
    """Raises `UsageError` where the folder holds another run."""
    for name in (CARD_NAME, RUN_NAME):
        path = dir_path / name
        if not path.is_file():
            continue
        if orjson.loads(path.read_bytes()).get("run_id") != run_id:
            raise UsageError(
                f"{dir_path} holds a run with another release, base, recipe or seed; name another "
                "folder with --out, or remove it"
            )
        if name == CARD_NAME:
            return True
    return False


RUN_NAME = "run.json"
"""Says whose states lie in a folder, while it is trained in."""
