"""`vau-data score`: videos -> score tracks."""

from engine.cli import _options as opt

EXAMPLE = "vau-data score --limit 10"


def score(
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
    from engine.cli._datasets import open_dataset
    from engine.cli._stages import StageFlags, run_stages

    flags = StageFlags(
        *(limit, workers, retry_rejects, max_reject_rate, dry_run),
        is_json=as_json,
        is_quiet=quiet,
        ray=ray,
    )
    run_stages(open_dataset(dataset), ("score",), flags)
