"""`vau-data summarize`: captions -> summaries of events, these -> summaries of videos."""

from engine.cli import _options as opt

EXAMPLE = "vau-data summarize --model llama-3-70b-instruct --gpus 4"


def summarize(
    dataset: opt.DatasetDir = None,
    model: opt.Model = None,
    endpoint: opt.Endpoints = None,
    gpus: opt.NumGpus = None,
    gpu_memory: opt.GpuMemory = None,
    audit_hint: opt.AuditHint = None,
    dry_run: opt.DryRun = False,
    limit: opt.Limit = None,
    workers: opt.Workers = None,
    ray: opt.Ray = None,
    retry_rejects: opt.RetryRejects = False,
    max_reject_rate: opt.MaxRejectRate = None,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
) -> None:
    """Judge, describe and explain events, then videos."""
    from engine.cli._datasets import open_dataset, with_model
    from engine.cli._hint_audit import run_hint_audit
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
    if audit_hint is not None:
        run_hint_audit(opened, "summarize", audit_hint, flags)
        return
    run_stages(opened, ("summarize",), flags)
