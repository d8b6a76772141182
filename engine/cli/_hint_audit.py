"""`--audit-hint`: what a model claims only because it is told the label."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from engine.cli._cluster import executor_for, refuse_gpus_with_ray
from engine.cli._output import counted, how_many, print_json
from engine.cli._serving import at_servers, plan_serving
from engine.cli._stages import StageFlags

if TYPE_CHECKING:
    from engine.dataset import Dataset
    from engine.quality.hint_audit import StepAudit
    from engine.quality.hint_claims import CategoryFindings
    from engine.statistics import Cell


def run_hint_audit(
    dataset: "Dataset", name: Literal["caption", "summarize"], share: float, flags: StageFlags
) -> None:
    """Ask about a share of the items twice, and report; a dry run reports on what is there."""
    from engine.flow import FLOW
    from engine.quality.hint_audit import audit_hint, look_at_audit
    from engine.runner import RunOptions

    steps = [step for step in FLOW if step.name == name]
    options = RunOptions(limit=0 if flags.is_dry_run else flags.limit, is_quiet=flags.is_quiet)
    refuse_gpus_with_ray(num_gpus=flags.gpus.num_gpus, ray=flags.ray)
    plan = plan_serving(dataset, (name,), flags.gpus, is_dry_run=flags.is_dry_run).get(name)
    has_work = options.limit != 0 and any(look_at_audit(dataset, one, share=share) for one in steps)
    audits = []
    with (
        executor_for(dataset, workers=flags.workers, ray=flags.ray) as executor,
        at_servers(dataset, steps, plan, options, has_work=has_work) as served,
    ):
        for step in steps:
            found = audit_hint(served, step, share=share, executor=executor, options=options)
            audits.append(found)
            if not flags.is_json:
                print("\n".join(_lines(found)), flush=True)
    if flags.is_json:
        print_json({"audits": [asdict(audit) for audit in audits]})


def _lines(audit: "StepAudit") -> Iterator[str]:
    from engine.statistics import table_text

    parts = [f"{counted(audit.num_sampled) or 'no items'} in the sample"]
    parts.append(f"{audit.num_asked} asked with the label and without")
    if audit.rejects:
        parts.append(f"{sum(audit.rejects.values())} rejected ({counted(audit.rejects)})")
    if audit.num_left:
        parts.append(f"{audit.num_left} left to ask")
    if audit.num_unlabelled:
        parts.append(f"{audit.num_unlabelled} without a label to tell")
    yield f"{audit.step}, {audit.model}: {', '.join(parts)}"
    if not audit.categories:
        yield "no answers yet"
        return
    yield f"{how_many(audit.num_answers, 'item')} answered; claims are content words:"
    yield table_text([_row(found) for found in audit.categories])
    for found in audit.categories:
        yield from _claim_lines(found)
    yield ""


def _row(found: "CategoryFindings") -> "dict[str, Cell]":
    row: dict[str, Cell] = {
        "category": found.category,
        "items": found.num_items,
        "claims only with it": _percent(found.only_with_share),
        "only without": _percent(found.only_without_share),
        "names the label with it": _percent(found.names_label_with),
        "without": _percent(found.names_label_without),
    }
    if found.judged_as_labelled_without is not None:
        row["judged as labelled with it"] = _percent(found.judged_as_labelled_with)
        row["judged so without"] = _percent(found.judged_as_labelled_without)
    return row


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.0%}"


def _claim_lines(found: "CategoryFindings") -> Iterator[str]:
    for claim in found.claims:
        yield (
            f"  {found.category}: {claim.word!r} only with the label in {claim.num_with}, only "
            f"without in {claim.num_without}; {claim.item_id}: {claim.sentence!r:.160}"
        )
