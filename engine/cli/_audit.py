"""What `vau-data audit` says."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from engine.cli._output import counted, how_many, print_json, remark

if TYPE_CHECKING:
    from engine.dataset import Dataset
    from engine.quality.audit import AuditReport, RuleReport
    from engine.quality.twins import TwinReport
    from engine.runner import StageReport
    from engine.statistics import Cell


def with_judge(dataset: "Dataset", *, model: str | None, endpoints: list[str] | None) -> "Dataset":
    """The dataset as if [audit] of dataset.toml named this judge."""
    section = dataset.config.audit
    if model is not None:
        section = section.with_model(model)
    if endpoints:
        section = section.model_copy(update={"endpoints": tuple(endpoints)})
    config = dataset.config.model_copy(update={"audit": section})
    return replace(dataset, config=config)


def plan_audits(dataset: "Dataset", *, is_json: bool) -> None:
    """How many items each audit would look at, and why."""
    from engine.quality.audit import AUDITS
    from engine.status import plan_step

    plans = [plan_step(dataset, step) for step in AUDITS]
    if is_json:
        print_json({plan.label: plan.reasons for plan in plans})
        return
    for plan in plans:
        for item_id, why in plan.reasons.items():
            print(f"{item_id}: {why}")
    remark(f"{how_many(sum(len(plan.reasons) for plan in plans), 'item')} to look at")


def print_findings(dataset: "Dataset", rule: str, *, is_json: bool) -> None:
    """One line each. Raises `UsageError` for a rule that there is not."""
    from engine.errors import UsageError
    from engine.index import Index
    from engine.quality.rules import RULES
    from schemas import Finding

    if rule not in RULES:
        raise UsageError(f"no rule {rule!r}; there are: {', '.join(RULES)}")
    found = [one for one in Index(dataset).all(Finding) if one.rule == rule]
    if is_json:
        print_json(found)
        return
    for one in found:
        print(f"{one.target} {one.target_id}: {one.detail}")
    remark(f"{how_many(len(found), 'finding')}: {RULES[rule]}")


def print_report(
    report: "AuditReport",
    twins: "TwinReport",
    done: Mapping[str, "StageReport"],
    *,
    is_json: bool,
) -> None:
    """A row for each rule; nothing is dropped, whatever it says."""
    from engine.statistics import table_text

    if is_json:
        audits = {name: asdict(one) for name, one in done.items()}
        print_json({**asdict(report), "twins": asdict(twins), "audits": audits})
        return
    if not report.rules:
        print("no findings")
    else:
        print(table_text([_row(one) for one in (*report.rules, report.together)]))
        print("`vau-data audit --rule RULE` lists findings; nothing was changed or left out")
    print("".join(f"{line}\n" for line in _twin_lines(twins)), end="")
    for name, one in done.items():
        if one.rejects:
            remark(f"{name}: {one.num_rejected} rejected ({counted(one.rejects)})")
        if one.num_left:
            remark(f"{name}: {how_many(one.num_left, 'item')} left because of --limit")


def _twin_lines(twins: "TwinReport") -> Iterator[str]:
    """Nothing where no twin was captioned."""
    if not twins.num_twins:
        return
    yield (
        f"twins: {twins.num_twins_with_claims} of {twins.num_twins} captions of what comes before "
        f"an abnormal event tell of an anomaly ({counted(twins.claims) or 'none'}); those of the "
        f"events themselves do in {twins.num_events_with_claims} of {twins.num_events}"
    )
    for twin_id, text in twins.examples:
        yield f"  {twin_id}: {text!r:.160}"


def _row(one: "RuleReport") -> "dict[str, Cell]":
    return {
        "rule": one.rule,
        "findings": one.num_findings,
        "segments": one.num_segments,
        "of all": _percent(one.share_of_segments),
        "clicked frames it would remove": _percent(one.share_of_clicks),
        "suspects that": one.meaning,
    }


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.1%}"
