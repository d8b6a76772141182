"""Where a command's work runs: on this machine, or on the Ray cluster that `--ray` names."""

import os
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli._datasets import local_executor

if TYPE_CHECKING:
    from engine.dataset import Dataset
    from engine.executors.local import LocalExecutor
    from engine.executors.ray import RayExecutor

_CREDENTIAL_PREFIXES = ("AWS_", "FSSPEC_")


def executor_for(
    dataset: "Dataset", *, workers: int | None, ray: str | None, writes_files: bool = False
) -> "LocalExecutor | RayExecutor":
    """To be entered. `writes_files`: the work leaves files in the dataset, so all must see it."""
    if ray is None:
        return local_executor(dataset, workers=workers)
    from engine.executors.local import LocalExecutor
    from engine.executors.ray import RayExecutor
    from engine.executors.ray_crew import CrewSettings

    config = dataset.config
    make_local = partial(
        LocalExecutor,
        memory_bytes=int(config.media.memory_gib * 2**30),
        in_flight_bytes=int(config.run.in_flight_gib * 2**30),
    )
    settings = CrewSettings(
        make_local=make_local,
        workers_per_node=workers or config.run.workers,
        shared_paths=tuple(_shared_paths(dataset, writes_files=writes_files)),
        environment=_credentials(dataset),
    )
    return RayExecutor(ray, settings)


def refuse_gpus_with_ray(*, num_gpus: int | None, ray: str | None) -> None:
    """Raises `UsageError`: servers of this machine listen to this machine alone."""
    from engine.errors import UsageError

    if num_gpus is not None and ray is not None:
        raise UsageError(
            "--gpus starts servers that only this machine can reach, and --ray sends the requests "
            "from others; start vLLM on the cluster (engine/executors/README.md says how) and name "
            "it with --endpoint"
        )


def refuse_tower_with_ray(dataset: "Dataset", names: Collection[str], *, ray: str | None) -> None:
    """Raises `UsageError` before any work: a tower's weights are loaded once, on this machine."""
    from engine.config import BASELINE
    from engine.errors import UsageError

    extractor = dataset.config.features.extractor
    if ray is not None and "features" in names and extractor != BASELINE:
        raise UsageError(
            f"--ray makes features with the embedded extractor alone, and [features] extractor is "
            f"{extractor}, a vision tower, which runs on this machine; make them first with "
            "`vau-data features`, without --ray"
        )


def _shared_paths(dataset: "Dataset", *, writes_files: bool) -> Iterator[Path]:
    if isinstance(dataset.videos_folder, Path):
        yield dataset.videos_folder
    if writes_files:
        yield dataset.dir_path


def _credentials(dataset: "Dataset") -> dict[str, str]:
    """What the environment here has that a node may lack: keys of stores and of endpoints."""
    keys = {dataset.config.caption.api_key_env, dataset.config.summarize.api_key_env}
    return {
        name: value
        for name, value in os.environ.items()
        if name in keys or name.startswith(_CREDENTIAL_PREFIXES)
    }
