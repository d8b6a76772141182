"""A network's name and sizes -> the network, and back; what all of them have in common."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from torch import nn

from engine.errors import UsageError
from train.scorer.mlp import Mlp, MlpSettings
from train.scorer.recipe import NetworkName
from train.scorer.ur_dmu import UrDmu, UrDmuSettings
from train.scorer.vador import Vador, VadorSettings

Network = UrDmu | Vador | Mlp
Sizes = Mapping[str, Any]
Settings = TypeVar("Settings", UrDmuSettings, VadorSettings, MlpSettings)


def build_network(name: str, sizes: Sizes, *, where: str) -> Network:
    """The network with fresh weights. Raises `UsageError` naming `where` for what there is not."""
    if name == "ur_dmu":
        return UrDmu(_settings(UrDmuSettings, sizes, where))
    if name == "vador":
        return Vador(_settings(VadorSettings, sizes, where))
    if name == "mlp":
        return Mlp(_settings(MlpSettings, sizes, where))
    raise UsageError(f"{where}: no network {name!r}; there are {', '.join(get_args(NetworkName))}")


def name_of(network: nn.Module) -> NetworkName:
    """What recipes and checkpoints call it."""
    if isinstance(network, UrDmu):
        return "ur_dmu"
    return "vador" if isinstance(network, Vador) else "mlp"


def sizes_of(network: Network) -> dict[str, Any]:
    """All settings, so that `build_network` makes the same."""
    return dataclasses.asdict(network.settings)


def _settings(settings_type: type[Settings], sizes: Sizes, where: str) -> Settings:
    known = [field.name for field in dataclasses.fields(settings_type)]
    unknown = sorted(set(sizes) - set(known))
    if unknown:
        raise UsageError(f"{where}: no size {unknown[0]!r}; there are {', '.join(known)}")
    plain: dict[str, Any] = {
        key: tuple(size) if isinstance(size, list) else size for key, size in sizes.items()
    }
    return settings_type(**plain)
