"""`vau-data train mllm` and `train merge`: a release -> an adapter -> a whole model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli import _options as opt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.dataset import Dataset
    from train.mllm.plan import Lessons, MllmOptions, MllmPlan
    from train.mllm.recipe import MllmRecipe
    from train.mllm.run import MllmReport

MLLM_EXAMPLE = "vau-data train mllm --recipe holmes-vau --release v1 --out checkpoints/holmes"
MERGE_EXAMPLE = "vau-data train merge --adapter checkpoints/holmes --out holmes-merged"
_PACKAGES = ("torch", "transformers", "peft", "accelerate", "safetensors", "tensorboard")


def mllm(
    recipe: Annotated[
        str,
        typer.Option(
            "--recipe",
            metavar="NAME",
            show_default=False,
            help="holmes-vau, holmes-vad, vad-llama, qwen-vl, or a .toml file.",
        ),
    ],
    release: Annotated[
        str,
        typer.Option(
            "--release",
            metavar="NAME",
            show_default=False,
            help="A release of the dataset, or the folder of one.",
        ),
    ],
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="NAME",
            show_default=False,
            help="The model to start from: a folder, or a name on the hub. Default: the recipe's.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            show_default=False,
            help="Default: checkpoints/mllm-RECIPE-sSEED in the dataset.",
        ),
    ] = None,
    dataset: opt.DatasetDir = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="All chance follows from it.")] = 0,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, metavar="N", show_default=False, help="Not the recipe's."),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="NAME", help="cpu, cuda or auto.")
    ] = "auto",
    workers: Annotated[
        int, typer.Option("--workers", min=0, metavar="N", help="Decoding processes per device.")
    ] = 2,
    max_reject_rate: opt.MaxRejectRate = None,
    dry_run: opt.DryRun = False,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
) -> None:
    """Tune a video LLM on a release, or go on with a run."""
    from engine.cli._output import print_json

    require_packages()
    from train.mllm.plan import MllmOptions, look_at_base, plan_tuning
    from train.mllm.recipe import changed, load_recipe

    chosen = load_recipe(recipe)
    if steps is not None:
        chosen = changed(chosen, num_steps=steps)
    folder, opened = _release_of(release, dataset)
    target = out or _default_out(chosen, opened, seed)
    options = MllmOptions(folder, target, base, seed, device, workers, is_quiet=quiet)
    look_at_base(chosen, options)
    lessons = _lessons(chosen, options, opened, dry_run=dry_run)
    if lessons is None:
        print(f"first train the scorer {chosen.scorer}; what it says of the videos is then learned")
        return
    plan = plan_tuning(lessons, chosen, options)
    if dry_run:
        print_json(_plan_row(plan)) if as_json else print("\n".join(_plan_lines(plan)))
        return
    from train.mllm.plan import is_first_process
    from train.mllm.run import refuse_too_many_skipped, tune

    report = tune(plan)
    if not is_first_process():
        return
    print_json(_report_row(report)) if as_json else print("\n".join(_report_lines(report)))
    if max_reject_rate is None:
        max_reject_rate = opened.config.run.max_reject_rate if opened is not None else 0.05
    refuse_too_many_skipped(plan, max_reject_rate=max_reject_rate)


def merge(
    adapter: Annotated[
        Path,
        typer.Option(
            "--adapter", metavar="DIR", show_default=False, help="What `train mllm` wrote."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="DIR", show_default=False, help="A new folder for the whole model."
        ),
    ],
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="NAME",
            show_default=False,
            help="Where the adapter's base lies now. Default: where it lay.",
        ),
    ] = None,
) -> None:
    """Put a tuned adapter into its base: one model for any server."""
    require_packages()
    from train.mllm.merge import merge as merge_adapter

    print(f"merged into {merge_adapter(adapter, out, base=base)}")


def require_packages() -> None:
    """Raises `UsageError` where a package of the training extra is not installed."""
    from importlib.util import find_spec

    from engine.errors import UsageError

    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"tuning a video LLM needs {', '.join(missing)}, not installed; run "
            "`make install-train`"
        )


def _release_of(name: str, dataset_dir: Path | None) -> tuple[Path, "Dataset | None"]:
    """Where the release lies, and the dataset that was named or that it belongs to."""
    from engine.cli._datasets import open_dataset
    from train.mllm.plan import dataset_of
    from train.mllm.release import RELEASE_FILE

    if (Path(name) / RELEASE_FILE).is_file():
        opened = None if dataset_dir is None else open_dataset(dataset_dir)
        return Path(name), dataset_of(Path(name), opened)
    opened = open_dataset(dataset_dir)
    return opened.releases_dir_path / name, opened


def _default_out(recipe: "MllmRecipe", dataset: "Dataset | None", seed: int) -> Path:
    from engine.errors import UsageError

    if dataset is None:
        raise UsageError("the release is in no dataset; say with --out where the adapter goes")
    return dataset.dir_path / "checkpoints" / f"mllm-{recipe.name}-s{seed}"


def _lessons(
    recipe: "MllmRecipe", options: "MllmOptions", dataset: "Dataset | None", *, dry_run: bool
) -> "Lessons | None":
    """None: the scorer that makes them is not trained, and nothing is to be done now."""
    from train.mllm.plan import lessons_of

    if recipe.scorer is None:
        return lessons_of(options.release_dir_path, dataset, recipe)
    from engine.errors import UsageError
    from train.mllm.plan import is_first_process
    from train.mllm.pseudo import SCORER_DIR_NAME, pseudo_lessons, train_phases, wait_for_scorer
    from train.scorer.checkpoint import MODEL_NAME
    from train.scorer.recipe import load_recipe
    from train.scorer.run import TrainOptions

    if dataset is None:
        raise UsageError(
            f"the recipe {recipe.name} trains a scorer first, on a dataset's features; name the "
            "dataset with --dataset"
        )
    path = options.out_dir_path / SCORER_DIR_NAME
    if dry_run and not (path / MODEL_NAME).is_file():
        return None
    if not is_first_process():
        wait_for_scorer(path)
    elif not dry_run:
        how = TrainOptions(seed=options.seed, device=options.device, is_quiet=options.is_quiet)
        scorer = load_recipe(recipe.scorer)
        train_phases(dataset, scorer, out_dir_path=options.out_dir_path, options=how)
    return pseudo_lessons(options.release_dir_path, dataset, path, recipe.frames)


def _plan_row(plan: "MllmPlan") -> dict[str, object]:
    return {
        "recipe": plan.recipe.model_dump(mode="json"),
        "path": str(plan.options.out_dir_path),
        "is_finished": plan.is_finished,
        "base": plan.base.name,
        "family": plan.architecture.family,
        "release": plan.lessons.release.name,
        "release_sha256": plan.lessons.release.sha256,
        "num_samples": len(plan.lessons.shots),
        "left_out": plan.lessons.left_out,
        "num_weights": plan.num_weights[0],
        "num_trained_weights": plan.num_weights[1],
        "longest_tokens": plan.longest,
        "needed_bytes": plan.need.total,
        "device": str(plan.device),
    }


def _plan_lines(plan: "MllmPlan") -> "Iterator[str]":
    row, recipe = _plan_row(plan), plan.recipe
    amount = f"{recipe.num_steps} steps" if recipe.num_steps else f"{recipe.num_epochs} epochs"
    yield f"recipe {recipe.name}: {recipe.train}, batches of {recipe.batch_size}, {amount}"
    yield (
        f"learn {row['num_samples']} conversations of the release {row['release']} "
        f"({plan.lessons.release.file.path}), about {row['longest_tokens']} tokens at most"
    )
    yield (
        f"from {row['base']} ({row['family']}): {plan.num_weights[1]:,} of "
        f"{plan.num_weights[0]:,} weights are trained, {plan.need.total / 2**30:.2f} GiB on "
        f"{row['device']}"
    )
    for video_id, why in sorted(plan.lessons.left_out.items()):
        yield f"leave out {video_id}: {why}"
    yield f"write to {row['path']}{' (finished already)' if plan.is_finished else ''}"


def _report_row(report: "MllmReport") -> dict[str, object]:
    return {
        "path": str(report.path),
        "first_step": report.first_step,
        "seconds": report.seconds,
        "card": report.card,
    }


def _report_lines(report: "MllmReport") -> "Iterator[str]":
    card = report.card
    if report.first_step == card.num_steps and not report.seconds:
        yield f"{report.path} holds this run already"
    elif report.first_step:
        yield f"went on from step {report.first_step}"
    yield (
        f"{card.family} by {card.recipe['train']}: {card.num_steps} steps over "
        f"{card.num_samples - len(card.skipped)} conversations in {report.seconds:.0f} s"
    )
    if card.final_loss is not None:
        yield f"loss of the last steps: {card.final_loss:.4f}"
    for name, why in sorted(card.skipped.items()):
        yield f"skipped {name}: {why}"
    yield f"one model of it: vau-data train merge --adapter {report.path} --out DIR"
