"""Opening the dataset that a command is about, perhaps with another model for this run."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engine.cli._output import remark

if TYPE_CHECKING:
    from engine.config import ModelSection
    from engine.dataset import Dataset
    from engine.executors.local import LocalExecutor


def open_dataset(dir_path: Path | None) -> "Dataset":
    """The dataset that was named, else the one that holds the current folder."""
    from engine.dataset import Dataset

    return Dataset.find(Path.cwd()) if dir_path is None else Dataset.open(dir_path)


def local_executor(dataset: "Dataset", *, workers: int | None) -> "LocalExecutor":
    """This machine, as the flag or else the dataset's settings say."""
    import os

    from engine.executors.local import LocalExecutor

    return LocalExecutor(
        workers=workers or dataset.config.run.workers or os.cpu_count() or 1,
        memory_bytes=int(dataset.config.media.memory_gib * 2**30),
        in_flight_bytes=int(dataset.config.run.in_flight_gib * 2**30),
    )


def with_model(
    dataset: "Dataset",
    section_name: Literal["caption", "summarize"],
    *,
    model: str | None,
    endpoints: list[str] | None,
) -> "Dataset":
    """The dataset as if dataset.toml named this model."""
    from engine.errors import UsageError

    section: ModelSection = getattr(dataset.config, section_name)
    changed = section if model is None else section.with_model(model)
    if endpoints:
        changed = changed.model_copy(update={"endpoints": tuple(endpoints)})
        if changed.model == "baseline":
            raise UsageError(
                "the baseline needs no endpoint; name the model that it serves with --model"
            )
    if changed.model != section.model:
        line = f'preset = "{changed.preset}"' if changed.preset else f'model = "{changed.model}"'
        remark(
            f"note: model {changed.model!r} is for this run only; set {line} in [{section_name}] "
            "of dataset.toml, or the next run without --model makes everything again"
        )
    return with_section(dataset, changed)


def with_families(dataset: "Dataset", names: list[str] | None) -> "Dataset":
    """The dataset as if `[instruct] families` named these. Raises for one that there is not."""
    from typing import get_args

    import typer

    from engine.formats import Family

    if not names:
        return dataset
    for unknown in set(names) - set(get_args(Family)):
        said = f"{unknown!r} is none of {', '.join(get_args(Family))}"
        raise typer.BadParameter(said, param_hint="--family")
    config = dataset.config
    instruct = config.instruct.model_copy(update={"families": tuple(dict.fromkeys(names))})
    return replace(dataset, config=config.model_copy(update={"instruct": instruct}))


def remark_on_unlisted(dataset: "Dataset", names: list[str] | None) -> None:
    """Say which families dataset.toml does not name, and what follows from that."""
    if unlisted := [name for name in names or () if name not in dataset.config.instruct.families]:
        remark(
            f"note: [instruct] families of dataset.toml does not name {', '.join(unlisted)}; add "
            "it, or `run` will not keep it up to date and `export` takes it only with --family"
        )


def with_section(dataset: "Dataset", section: "ModelSection") -> "Dataset":
    """The dataset as if dataset.toml had this section."""
    config = dataset.config.model_copy(update={section.stage: section})
    return replace(dataset, config=config)
