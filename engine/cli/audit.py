"""`vau-data audit`: what the texts are suspected of, and what each rule would cost as a filter."""

from typing import Annotated

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data audit --rule leaks-hint"


def audit(
    rule: Annotated[
        str | None,
        typer.Option(metavar="RULE", show_default=False, help="List the findings of this rule."),
    ] = None,
    twins: Annotated[
        bool,
        typer.Option(
            "--twins",
            help="Also caption, for each abnormal event, as long a stretch before it: what is told "
            "there of an anomaly is made up.",
        ),
    ] = False,
    limit: opt.Limit = None,
    retry_rejects: opt.RetryRejects = False,
    model: opt.Model = None,
    endpoint: opt.Endpoints = None,
    dataset: opt.DatasetDir = None,
    dry_run: opt.DryRun = False,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
) -> None:
    """Look for faults in texts and questions; drop nothing.

    A model judges what summaries claim where [audit] or --model names one, else a word list does.
    """
    from engine.cli._audit import plan_audits, print_findings, print_report, with_judge
    from engine.cli._datasets import local_executor, open_dataset
    from engine.quality.audit import report_on_findings, run_audits
    from engine.quality.twins import make_twins, report_on_twins
    from engine.runner import RunOptions

    opened = with_judge(open_dataset(dataset), model=model, endpoints=endpoint)
    if dry_run:
        plan_audits(opened, is_json=as_json)
        return
    options = RunOptions(limit=limit, retry_rejects=retry_rejects, is_quiet=quiet)
    with local_executor(opened, workers=None if twins else 1) as executor:
        done = run_audits(opened, executor=executor, options=options)
        if twins:
            done["twins"] = make_twins(opened, executor=executor, options=options)
    if rule is not None:
        print_findings(opened, rule, is_json=as_json)
    else:
        reports = (report_on_findings(opened), report_on_twins(opened))
        print_report(*reports, done, is_json=as_json)
