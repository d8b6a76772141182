"""`vau-data features`: videos -> one vector per 16 frames."""

from typing import Annotated

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data features --extractor weights/internvit --limit 10"


def features(
    extractor: Annotated[
        str | None,
        typer.Option(
            "--extractor",
            metavar="baseline|DIR",
            show_default=False,
            help="Instead of the one in dataset.toml, for this run only: the embedded one, or the "
            "folder of a vision tower.",
        ),
    ] = None,
    dataset: opt.DatasetDir = None,
    dry_run: opt.DryRun = False,
    limit: opt.Limit = None,
    workers: opt.Workers = None,
    ray: opt.Ray = None,
    retry_rejects: opt.RetryRejects = False,
    max_reject_rate: opt.MaxRejectRate = None,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
) -> None:
    """Make one vector per 16 frames: what scorers see."""
    from engine.cli._datasets import open_dataset
    from engine.cli._scorers import with_extractor
    from engine.cli._stages import StageFlags, run_stages

    flags = StageFlags(
        *(limit, workers, retry_rejects, max_reject_rate, dry_run),
        is_json=as_json,
        is_quiet=quiet,
        ray=ray,
    )
    opened = with_extractor(open_dataset(dataset), extractor, workers=workers)
    run_stages(opened, ("features",), flags)
