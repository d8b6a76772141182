"""`vau-data run`: everything that is not settled, in order, then the export."""

from typing import Annotated

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data run --workers 4"


def run(
    dataset: opt.DatasetDir = None,
    gpus: opt.NumGpus = None,
    gpu_memory: opt.GpuMemory = None,
    dry_run: opt.DryRun = False,
    limit: opt.Limit = None,
    workers: opt.Workers = None,
    ray: opt.Ray = None,
    retry_rejects: opt.RetryRejects = False,
    max_reject_rate: opt.MaxRejectRate = None,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
    allow_baseline: opt.AllowBaseline = False,
    export: Annotated[bool, typer.Option(help="Export at the end, as [export] says.")] = True,
) -> None:
    """Run all that is not settled, in order, then export."""
    from engine.cli._datasets import open_dataset
    from engine.cli._runs import RunFlags, run_all
    from engine.cli._serving import gpu_flags
    from engine.cli._stages import StageFlags

    flags = StageFlags(
        limit,
        workers,
        retry_rejects,
        max_reject_rate,
        dry_run,
        is_json=as_json,
        is_quiet=quiet,
        gpus=gpu_flags(gpus, gpu_memory),
        ray=ray,
    )
    run_all(open_dataset(dataset), RunFlags(flags, export, allow_baseline))
