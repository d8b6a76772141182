"""A recipe file -> how a video LLM is tuned; the papers' are `train/recipes/mllm/*.toml`."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.errors import UsageError

RECIPES_DIR_PATH = Path(__file__).resolve().parents[1] / "recipes" / "mllm"

Trained = Literal["lora", "projector", "projector+lora"]
Sampler = Literal["density", "uniform", "random"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LoraSection(_Section):
    """Low-rank changes of the LLM's layers; the vision tower is never touched."""

    rank: int = Field(default=64, gt=0)
    alpha: int = Field(default=128, gt=0)
    dropout: float = Field(default=0.05, ge=0, lt=1)


class OptimizerSection(_Section):
    """AdamW; each part has its rate."""

    lora_learning_rate: float = Field(default=4e-5, gt=0)
    projector_learning_rate: float = Field(default=2e-5, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    """Of matrices; biases and norms have none."""
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup_share: float = Field(default=0.03, ge=0, lt=1)
    """Of all steps, in which the rates rise from 0."""
    most_gradient: float = Field(default=1.0, gt=0)
    """Norm above which a step's gradient is scaled down."""


class FramesSection(_Section):
    """What a model is shown of a segment."""

    sampler: Sampler = "uniform"
    """Of events and videos. `density`: more where anomaly scores are high (Holmes-VAU's sampler);
    `uniform`: middles of equal parts; `random`: a random time in each."""
    clip_sampler: Sampler = "uniform"
    num: int = Field(default=12, gt=0)
    fewest_of_clips: int = Field(default=12, gt=0)
    """Of a clip, a random number from this to `num` while training."""
    tau: float = Field(default=0.1, ge=0)
    """`density`: added to each score."""
    picture_px: int = Field(default=448, gt=0)
    """Qwen: a frame has at most the pixels of a square of this side. Others have one fixed size."""

    @model_validator(mode="after")
    def _check_numbers(self) -> "FramesSection":
        if self.fewest_of_clips > self.num:
            raise ValueError("fewest_of_clips is more than num")
        return self


class MllmRecipe(_Section):
    """One way to tune."""

    name: str
    about: str
    """Whose settings these are, and what the source leaves open."""
    base: str | None = None
    """The model to start from, unless `--base` names another: a folder or a name on the hub."""
    train: Trained
    scorer: str | None = None
    """VAD-LLaMA: the recipe of a scorer that is trained first; its scores, and not people's texts,
    then make the answers."""
    num_epochs: int = Field(default=1, gt=0)
    num_steps: int | None = Field(default=None, gt=0)
    """Instead of whole epochs."""
    batch_size: int = Field(gt=0)
    """Samples per step, over all devices."""
    per_device: int = Field(default=1, gt=0)
    """Samples that a device takes at once; the rest of the batch is accumulated."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    needs_gpu: bool = True
    """Refused where there is none, unless `--device cpu` is said."""
    is_checkpointed: bool = True
    """Activations are computed again instead of kept: less memory, a third more work."""
    is_grouped: bool = True
    """Samples of like length share a batch, so that little of it is padding."""
    max_tokens: int = Field(default=4096, gt=0)
    """Longer samples are left out by name."""
    save_every: int = Field(default=50, gt=0)
    """Steps between two states to go on from."""
    lora: LoraSection = LoraSection()
    optimizer: OptimizerSection = OptimizerSection()
    frames: FramesSection = FramesSection()

    @model_validator(mode="after")
    def _check_batch(self) -> "MllmRecipe":
        if self.batch_size % self.per_device:
            raise ValueError(f"batch_size is no multiple of per_device ({self.per_device})")
        return self


def known_recipes() -> list[str]:
    """Names of the recipes that come with vau-data."""
    return sorted(path.stem for path in RECIPES_DIR_PATH.glob("*.toml"))


def load_recipe(name_or_path: str) -> MllmRecipe:
    """A recipe by its name, or from a file of one's own.

    Raises `UsageError` naming the recipes there are, or the key that is wrong.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = RECIPES_DIR_PATH / f"{name_or_path}.toml"
    if not path.is_file():
        raise UsageError(
            f"no recipe {name_or_path!r} for a video LLM; there are {', '.join(known_recipes())}, "
            "and a file of your own is named by its path, ending in .toml"
        )
    try:
        parsed = tomllib.loads(path.read_text(encoding="utf-8"))
        return MllmRecipe(**{"name": path.stem} | parsed)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "recipe"
        raise UsageError(f"{path}: `{place}`: {first['msg']}; mend it there") from error


def changed(recipe: MllmRecipe, **values: object) -> MllmRecipe:
    """The recipe with other values, checked anew."""
    return MllmRecipe(**recipe.model_dump() | values)
