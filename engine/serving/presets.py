"""`manifests/models.toml` -> presets: a name in, the settings of a model that was looked up out."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal, cast

from pydantic import JsonValue

ModelStage = Literal["caption", "summarize"]


@dataclass(frozen=True)
class Preset:
    """One model, ready to be named."""

    name: str
    stage: ModelStage
    license: str
    """Of the weights, as their page calls it."""
    is_gated: bool
    """Whether its license must be accepted on the page before anything can be downloaded."""
    about: str
    """What it is good for, in half a sentence."""
    settings: Mapping[str, JsonValue]
    """Keys of the stage's section of dataset.toml."""


@cache
def load_presets() -> Mapping[str, Preset]:
    """Every preset by its name."""
    text = (resources.files("manifests") / "models.toml").read_text(encoding="utf-8")
    return {name: _preset(name, entry) for name, entry in tomllib.loads(text).items()}


def presets_for(stage: ModelStage) -> Mapping[str, Preset]:
    """Those that make captions, or those that summarize."""
    return {name: preset for name, preset in load_presets().items() if preset.stage == stage}


def _preset(name: str, entry: dict[str, JsonValue]) -> Preset:
    return Preset(
        name=name,
        stage=cast("ModelStage", entry["stage"]),
        license=cast("str", entry["license"]),
        is_gated=bool(entry.get("is_gated", False)),
        about=cast("str", entry["about"]),
        settings=cast("dict[str, JsonValue]", entry["settings"]),
    )
