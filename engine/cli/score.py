"""`vau-data score`: videos -> score tracks."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data score --checkpoint scorers/first/best.safetensors"


def score(
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            show_default=False,
            help="Score with this trained scorer instead of by motion, for this run only; features "
            "that it needs are made first.",
        ),
    ] = None,
    watch: Annotated[
        str | None,
        typer.Option(
            "--watch",
            metavar="VIDEO|URL",
            show_default=False,
            help="Score this file or stream (rtsp://…) as it arrives, and print the scores; "
            "nothing is written, and no dataset is needed.",
        ),
    ] = None,
    lookahead: Annotated[
        int,
        typer.Option("--lookahead", min=0, metavar="N", help="--watch: snippets to wait for."),
    ] = 2,
    patience: Annotated[
        float,
        typer.Option(
            "--patience",
            min=0.1,
            metavar="SECONDS",
            help="--watch: after so long without news a file has ended, and a stream is lost.",
        ),
    ] = 30.0,
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
    """Score how anomalous each moment of a video looks."""
    if watch is not None:
        from engine.cli._watch import WatchFlags, watch_source

        watch_source(watch, WatchFlags(dataset, checkpoint, lookahead, patience, as_json))
        return
    from engine.cli._datasets import open_dataset
    from engine.cli._scorers import score_steps, with_checkpoint
    from engine.cli._stages import StageFlags, run_stages

    flags = StageFlags(
        *(limit, workers, retry_rejects, max_reject_rate, dry_run),
        is_json=as_json,
        is_quiet=quiet,
        ray=ray,
    )
    opened = with_checkpoint(open_dataset(dataset), checkpoint)
    run_stages(opened, score_steps(opened), flags)
