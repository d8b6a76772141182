"""`vau-data build-instructions`: captions and summaries -> questions and answers."""

from engine.cli import _options as opt

EXAMPLE = "vau-data build-instructions --family hivau --family grounding"


def build_instructions(
    family: opt.Families = None,
    dataset: opt.DatasetDir = None,
    model: opt.Model = None,
    endpoint: opt.Endpoints = None,
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
) -> None:
    """Make questions and answers of captions and summaries."""
    from engine.cli._datasets import open_dataset, remark_on_unlisted, with_families, with_model
    from engine.cli._serving import gpu_flags
    from engine.cli._stages import StageFlags, run_stages

    flags = StageFlags(
        limit,
        workers,
        retry_rejects,
        max_reject_rate,
        dry_run,
        is_json=as_json,
        is_quiet=quiet,
        gpus=gpu_flags(gpus, gpu_memory, endpoints=endpoint),
        ray=ray,
    )
    opened = with_model(open_dataset(dataset), "summarize", model=model, endpoints=endpoint)
    remark_on_unlisted(opened, family)
    run_stages(with_families(opened, family), ("instruct",), flags)
