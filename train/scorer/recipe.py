"""A recipe file -> how a scorer is trained; `train/recipes/*.toml` are those of the papers."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.errors import UsageError
from train.scorer.supervision import ClickSettings, Supervision

RECIPES_DIR_PATH = Path(__file__).resolve().parents[1] / "recipes"

NetworkName = Literal["ur_dmu", "vador", "mlp"]
Draw = Literal["halves", "videos", "snippets"]
SUPERVISIONS: dict[NetworkName, tuple[Supervision, ...]] = {
    "ur_dmu": ("video", "clicks", "boundaries"),
    "vador": ("video",),
    "mlp": ("boundaries",),
}
"""What each network can learn from."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OptimizerSection(_Section):
    """How weights move."""

    name: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = Field(default=1e-4, gt=0)
    weight_decay: float = Field(default=5e-5, ge=0)
    schedule: Literal["constant", "cosine"] = "constant"
    """`cosine` falls to 0 over each phase."""
    warmup_steps: int = Field(default=0, ge=0)
    """Steps at the start of each phase in which the rate rises from 0."""


class Recipe(_Section):
    """One way to train."""

    name: str
    about: str
    """Whose settings these are, and what the source leaves open."""
    network: NetworkName
    supervision: Supervision
    sizes: dict[str, int | float | str | tuple[int, ...]] = {}
    """Of the network, where they differ from its defaults; the width follows from the features."""
    num_steps: int = Field(gt=0)
    num_steps_alone: int = Field(default=0, ge=0)
    """VADor: the first steps, in which its predictor learns without context."""
    draw: Draw = "halves"
    """What a batch is: as many normal as abnormal videos, the normal ones first; videos of any
    kind; or single snippets."""
    batch_size: int = Field(gt=0)
    """With `halves`, of each half."""
    num_segments: int = Field(default=200, gt=0)
    """Snippets of a video are averaged into so many."""
    precision: Literal["float32", "bfloat16"] = "float32"
    dropout_masks: Literal["exact", "fast"] = "exact"
    validate_every: int = Field(default=100, gt=0)
    """Steps between two looks at the validation videos."""
    select_by: Literal["roc_auc", "average_precision"] = "roc_auc"
    optimizer: OptimizerSection = OptimizerSection()
    clicks: ClickSettings = ClickSettings()

    @model_validator(mode="after")
    def _check_fit(self) -> "Recipe":
        allowed = SUPERVISIONS[self.network]
        if self.supervision not in allowed:
            told = ", ".join(allowed)
            raise ValueError(f"{self.network} learns from {told}, not from {self.supervision}")
        if self.network == "ur_dmu" and self.draw != "halves":
            raise ValueError(
                'ur_dmu compares normal with abnormal videos and needs draw = "halves"'
            )
        if self.draw == "snippets" and self.supervision != "boundaries":
            raise ValueError("single snippets have labels only where there are boundaries")
        if self.num_steps_alone >= self.num_steps:
            raise ValueError("num_steps counts num_steps_alone, and must be more")
        return self


def known_recipes() -> list[str]:
    """Names of the recipes that come with vau-data."""
    return sorted(path.stem for path in RECIPES_DIR_PATH.glob("*.toml"))


def load_recipe(name_or_path: str) -> Recipe:
    """A recipe by its name, or from a file of one's own.

    Raises `UsageError` naming the recipes there are, or the key that is wrong.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = RECIPES_DIR_PATH / f"{name_or_path}.toml"
    if not path.is_file():
        raise UsageError(
            f"no recipe {name_or_path!r}; there are {', '.join(known_recipes())}, and a file of "
            "your own is named by its path, ending in .toml"
        )
    try:
        parsed = tomllib.loads(path.read_text(encoding="utf-8"))
        return Recipe(**{"name": path.stem} | parsed)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "recipe"
        raise UsageError(f"{path}: `{place}`: {first['msg']}; mend it there") from error


def changed(recipe: Recipe, **values: object) -> Recipe:
    """The recipe with other values, checked anew."""
    return Recipe(**recipe.model_dump() | values)
