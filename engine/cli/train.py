"""`vau-data train scorer`: features and what people marked -> a network that scores anomalies."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli import _options as opt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from train.scorer.recipe import Recipe
    from train.scorer.run import TrainPlan, TrainReport

SCORER_EXAMPLE = "vau-data train scorer --recipe laptop"


class SelectOn(StrEnum):
    """Which videos choose the best checkpoint."""

    VALIDATION = "validation"
    TEST = "test"


def scorer(
    recipe: Annotated[
        str,
        typer.Option(
            "--recipe",
            metavar="NAME",
            show_default=False,
            help="laptop, ur-dmu, glancevad-ucf, glancevad-xd, holmes-vad, holmes-vau, vador-ltc, "
            "vador-lstc, va-gpt-mlp, or a .toml file.",
        ),
    ],
    dataset: opt.DatasetDir = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="All chance follows from it.")] = 0,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, metavar="N", show_default=False, help="Not the recipe's."),
    ] = None,
    select_on: Annotated[
        SelectOn,
        typer.Option(
            "--select-on",
            help="Videos that choose the best checkpoint. `test` is what the papers do; figures "
            "on the test set then flatter.",
        ),
    ] = SelectOn.VALIDATION,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            show_default=False,
            help="Default: checkpoints/RECIPE-sSEED in the dataset.",
        ),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="NAME", help="cpu, cuda, cuda:1 … or auto.")
    ] = "auto",
    dry_run: opt.DryRun = False,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
) -> None:
    """Train an anomaly scorer, or go on with a run."""
    from engine.cli._datasets import open_dataset
    from engine.cli._output import print_json, remark

    require_torch()
    from train.scorer.recipe import changed, load_recipe
    from train.scorer.run import TrainOptions, plan_training, train_scorer

    opened = open_dataset(dataset)
    chosen: Recipe = load_recipe(recipe)
    if steps is not None:
        chosen = changed(chosen, num_steps=steps)
    options = TrainOptions(out, seed, select_on.value, device, is_quiet=quiet)
    if select_on is SelectOn.TEST:
        remark("warning: the test set chooses the checkpoint; figures on it will flatter")
    if dry_run:
        plan = plan_training(opened, chosen, options)
        print_json(_plan_row(plan)) if as_json else print("\n".join(_plan_lines(plan)))
        return
    report = train_scorer(opened, chosen, options)
    print_json(_report_row(report)) if as_json else print("\n".join(_report_lines(report)))


def require_torch() -> None:
    """Raises `UsageError` where PyTorch is not installed."""
    from importlib.util import find_spec

    from engine.errors import UsageError

    missing = [name for name in ("torch", "safetensors", "tensorboard") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"training needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} "
            "not installed; run `make install-train`"
        )


def _plan_row(plan: "TrainPlan") -> dict[str, object]:
    from train.scorer.corpus import groups_of

    corpus = plan.corpus
    return {
        "recipe": plan.recipe.model_dump(mode="json"),
        "path": str(plan.dir_path),
        "is_finished": plan.is_finished,
        "extractor": corpus.extractor,
        "width": corpus.width,
        "num_train_videos": len(corpus.train),
        "num_abnormal_train_videos": sum(video.is_abnormal for video in corpus.train),
        "num_clicked_train_videos": sum(bool(video.click_places) for video in corpus.train),
        "num_train_samples": sum(video.track.num_crops for video in corpus.train),
        "num_choosing_videos": len(plan.by.videos) if plan.by else 0,
        "chosen_on": plan.options.select_on if plan.by else "last",
        "measure": plan.by.name if plan.by else None,
        "left_out": groups_of(corpus.left_out),
    }


def _plan_lines(plan: "TrainPlan") -> "Iterator[str]":
    from train.scorer.corpus import groups_of

    row, recipe = _plan_row(plan), plan.recipe
    learned = f"{recipe.network} from {recipe.supervision}, {recipe.num_steps} steps"
    yield f"recipe {recipe.name}: {learned}"
    yield (
        f"learn from {row['num_train_videos']} videos ({row['num_abnormal_train_videos']} "
        f"abnormal, {row['num_clicked_train_videos']} clicked; {row['num_train_samples']} "
        f"samples) with features of {row['extractor']}, {row['width']} wide"
    )
    if plan.by:
        some = f"{row['num_choosing_videos']} {row['chosen_on']} videos"
        yield f"choose by {row['measure']} on {some}"
    else:
        yield "keep the last weights: too few videos to hold any out"
    for why, ids in sorted(groups_of(plan.corpus.left_out).items()):
        more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
        yield f"leave out {', '.join(ids[:3])}{more}: {why}"
    yield f"write to {plan.dir_path}{' (finished already)' if plan.is_finished else ''}"


def _report_row(report: "TrainReport") -> dict[str, object]:
    return {
        "path": str(report.path),
        "first_step": report.first_step,
        "seconds": report.seconds,
        "card": report.card,
    }


def _report_lines(report: "TrainReport") -> "Iterator[str]":
    card, selection = report.card, report.card.selection
    if report.first_step == card.num_steps and not report.seconds:
        yield f"{report.path} holds this run already"
    elif report.first_step:
        yield f"went on from step {report.first_step}"
    yield (
        f"{card.network} from {card.recipe['supervision']}: {card.num_steps} steps over "
        f"{card.num_train_videos} videos in {report.seconds:.0f} s"
    )
    if selection.value is not None:
        yield (
            f"best {selection.measure} on {selection.num_videos} {selection.chosen_on} videos: "
            f"{selection.value:.4f}, at step {selection.step}"
        )
    for why, count in card.num_left_out.items():
        yield f"left out {count}: {why}"
    yield f"score with it: vau-data score --checkpoint {report.path}"
