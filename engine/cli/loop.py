"""`vau-data loop`: train, score, propose, and what that changed."""

from typing import Annotated

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data loop --recipe laptop"


def loop(
    recipe: Annotated[
        str,
        typer.Option(
            "--recipe",
            metavar="NAME",
            show_default=False,
            help="As for `vau-data train scorer`; a name, or a .toml file.",
        ),
    ],
    dataset: opt.DatasetDir = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="All chance follows from it.")] = 0,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, metavar="N", show_default=False, help="Not the recipe's."),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="NAME", help="cpu, cuda, cuda:1 … or auto.")
    ] = "auto",
    workers: opt.Workers = None,
    max_reject_rate: opt.MaxRejectRate = None,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
) -> None:
    """Train, score and propose; say what changed."""
    from engine.cli._datasets import open_dataset
    from engine.cli._loop import LoopFlags, run_loop
    from engine.cli._stages import StageFlags
    from engine.cli.train import require_torch

    require_torch()
    from train.scorer.recipe import changed, load_recipe

    chosen = load_recipe(recipe)
    if steps is not None:
        chosen = changed(chosen, num_steps=steps)
    stages = StageFlags(
        workers=workers, max_reject_rate=max_reject_rate, is_json=as_json, is_quiet=quiet
    )
    run_loop(open_dataset(dataset), LoopFlags(chosen, seed, device, stages))
