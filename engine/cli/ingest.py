"""`vau-data ingest`: video files -> videos, labelled and probed."""

from engine.cli import _options as opt

EXAMPLE = "vau-data ingest --workers 4"


def ingest(
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
    """Find the video files, probe and label each.

    Every file is decoded once; unusable ones are rejected with a hint. What is degraded or
    unusable, and how many videos a category has, is said at the end.
    """
    from engine.cli._datasets import open_dataset
    from engine.cli._stages import StageFlags, run_stages

    flags = StageFlags(
        *(limit, workers, retry_rejects, max_reject_rate, dry_run),
        is_json=as_json,
        is_quiet=quiet,
        ray=ray,
    )
    run_stages(open_dataset(dataset), ("ingest",), flags)
