"""Runs the steps of the flow that a command names, and says what was done."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from engine.cli._cluster import executor_for, refuse_gpus_with_ray, refuse_tower_with_ray
from engine.cli._output import counted, print_json
from engine.cli._scorers import with_scorer_loader
from engine.cli._serving import (
    NO_PLANS,
    GpuFlags,
    at_servers,
    plan_serving,
    serving_lines,
    serving_rows,
)

if TYPE_CHECKING:
    from engine.dataset import Dataset
    from engine.errors import TooManyRejectsError
    from engine.flow import Step
    from engine.runner import StageReport
    from engine.serving.plan import ServePlan
    from engine.status import Plan
    from engine.text_changes import TextChanges

_MOST_ITEMS_SHOWN = 20


@dataclass(frozen=True)
class StageFlags:
    """How a person asked for a run."""

    limit: int | None = None
    workers: int | None = None
    retry_rejects: bool = False
    max_reject_rate: float | None = None
    is_dry_run: bool = False
    is_json: bool = False
    is_quiet: bool = False
    gpus: GpuFlags = field(default_factory=GpuFlags)
    ray: str | None = None
    """Address of a cluster; None: this machine."""

    def __post_init__(self) -> None:
        refuse_gpus_with_ray(num_gpus=self.gpus.num_gpus, ray=self.ray)


def run_stages(dataset: "Dataset", names: Sequence[str], flags: StageFlags) -> None:
    """Bring the named stages up to date, or only say what that would take."""
    from engine.flow import named_steps

    refuse_tower_with_ray(dataset, names, ray=flags.ray)
    steps = [step for step in named_steps(dataset.config) if step.name in names]
    serving = plan_serving(dataset, names, flags.gpus, is_dry_run=flags.is_dry_run)
    if flags.is_dry_run:
        show_plans(dataset, steps, flags, serving)
        return
    with reporting(dataset, flags) as reports:
        for label, report, changes in do_steps(dataset, steps, flags, serving):
            reports.add(label, report, changes)
            if label == "ingest":
                reports.add_intake(dataset)
            if label == "instruct mcq" and report.num_done:
                reports.add_letters(dataset)


@dataclass
class Reports:
    """What steps did, said as they end; too many rejects become an error after all is said."""

    max_reject_rate: float
    is_json: bool
    rows: dict[str, Any] = field(default_factory=lambda: {"stages": []})
    _errors: list["TooManyRejectsError"] = field(default_factory=list)

    def add(self, label: str, report: "StageReport", changes: "TextChanges") -> None:
        """Say what a step did, and old against new of the texts that it changed.

        Raises `TooManyRejectsError` where going on would be a waste.
        """
        from engine.errors import TooManyRejectsError
        from engine.runner import check_reject_rate

        self.rows["stages"].append(as_row(label, report) | {"text_changes": asdict(changes)})
        if not self.is_json:
            print("\n".join([report_line(label, report), *change_lines(changes)]), flush=True)
        try:
            check_reject_rate(report, self.max_reject_rate)
        except TooManyRejectsError as error:
            if label not in _GOES_ON_WITHOUT:
                raise
            self._errors.append(error)

    def add_intake(self, dataset: "Dataset") -> None:
        """Say which files are flawed, how many videos a category has, and what to mend."""
        from engine.cli._intake import intake_lines, warn
        from engine.index import Index
        from engine.intake import look_at_intake

        intake = look_at_intake(Index(dataset))
        self.rows["intake"] = asdict(intake)
        if not self.is_json:
            print("\n".join(intake_lines(intake)), flush=True)
        warn(intake.warnings)

    def add_letters(self, dataset: "Dataset") -> None:
        """Say how evenly the right letters of multiple choice are spread."""
        from engine.families.mcq import right_letters
        from engine.index import Index
        from engine.mcq import told_letters

        found = right_letters(Index(dataset))
        self.rows["right_letters"] = found
        if not self.is_json:
            print(f"  {told_letters(found)}", flush=True)

    def raise_errors(self) -> None:
        """Raises the first `TooManyRejectsError` that did not stop the run."""
        for error in self._errors:
            raise error


_GOES_ON_WITHOUT = ("ingest", "score")
"""Files that cannot be read will not mend themselves; the rest is worth going on with."""


@contextmanager
def reporting(dataset: "Dataset", flags: StageFlags) -> Iterator[Reports]:
    """Reports whose JSON is printed whatever ends the run, so that no count is lost."""
    rate = flags.max_reject_rate
    reports = Reports(dataset.config.run.max_reject_rate if rate is None else rate, flags.is_json)
    try:
        yield reports
        reports.raise_errors()
    finally:
        if flags.is_json:
            print_json(reports.rows)


def do_steps(
    dataset: "Dataset",
    steps: Sequence["Step"],
    flags: StageFlags,
    serving: Mapping[str, "ServePlan"] = NO_PLANS,
) -> Iterator[tuple[str, "StageReport", "TextChanges"]]:
    """Run steps in order; each report under its step's label as soon as it is there.

    Servers of a stage run while its steps do, and only if there is something to do for them.
    """
    from engine.flow import run_step
    from engine.runner import RunOptions
    from engine.text_changes import TextWatch

    steps = [with_scorer_loader(step) for step in steps]
    for step in steps:
        if step.family is not None:
            step.build(dataset.config)  # refuses a family that lacks a model, before any work
    options = RunOptions(
        limit=flags.limit, retry_rejects=flags.retry_rejects, is_quiet=flags.is_quiet
    )
    writes_files = any(step.name == "features" for step in steps)
    with executor_for(
        dataset, workers=flags.workers, ray=flags.ray, writes_files=writes_files
    ) as executor:
        for name, group in groupby(steps, key=lambda step: step.name):
            same_stage = list(group)
            with at_servers(dataset, same_stage, serving.get(name), options) as served:
                for step in same_stage:
                    watch = TextWatch.begin(served, step.name)
                    report = run_step(served, step, executor=executor, options=options)
                    yield step.label, report, watch.changes()


def as_row(label: str, report: "StageReport") -> dict[str, Any]:
    """A report as plain values."""
    return {"stage": label} | {k: v for k, v in asdict(report).items() if k != "stage_name"}


def report_line(label: str, report: "StageReport") -> str:
    """One line: what was done, what was not, and why."""
    parts = []
    if report.num_done or report.num_rejected:
        parts += [f"{report.num_done} done", f"{report.num_records} records"]
    else:
        parts.append("nothing to do")
    if report.rejects:
        parts.append(f"{report.num_rejected} rejected ({counted(report.rejects)})")
    if report.num_settled_before:
        parts.append(f"{report.num_settled_before} already settled")
    if report.num_retired:
        parts.append(f"{report.num_retired} retired")
    parts += [f"{count} waiting for {what}" for what, count in report.waiting.items()]
    if report.num_left:
        parts.append(f"{report.num_left} left by --limit")
    return f"{label}: {', '.join(parts)}; {report.seconds:.1f} s"


def change_lines(changes: "TextChanges") -> Iterator[str]:
    """Old against new, a line for each part of a text that says something else."""
    from engine.text_changes import MOST_COMPARED, word_diff

    if not changes.is_complete:
        yield (
            f"  more than {MOST_COMPARED:,} texts were made: not compared here; CHANGES.md of the "
            "next release is"
        )
    for change in changes.changes[:_MOST_ITEMS_SHOWN]:
        kept = ", but a person's words stand" if change.is_pinned else ""
        told = word_diff(change.before or "", change.after or "")
        yield f"  {change.target} {change.target_id}, {change.field}{kept}: {told}"
    if (num_more := len(changes.changes) - _MOST_ITEMS_SHOWN) > 0:
        yield f"  … and {num_more} more; --json has all"


def show_plans(
    dataset: "Dataset",
    steps: Sequence["Step"],
    flags: StageFlags,
    serving: Mapping[str, "ServePlan"] = NO_PLANS,
) -> None:
    """What a run would do, item by item, without doing it."""
    from engine.status import plan_step

    plans = [
        plan_step(dataset, step, retry_rejects=flags.retry_rejects, limit=flags.limit)
        for step in steps
    ]
    if flags.is_json:
        rows: dict[str, Any] = {"plans": [_plan_row(plan) for plan in plans]}
        print_json(rows | ({"serving": serving_rows(serving)} if serving else {}))
        return
    for plan in plans:
        for line in plan_lines(plan):
            print(line)
    for line in serving_lines(dataset, serving):
        print(line)


def plan_lines(plan: "Plan") -> Iterator[str]:
    """A line for the step, then one for each of its first items."""
    census = plan.census
    num_done_before = census.num_settled + census.num_rejected
    parts = [f"would do {len(plan.reasons)}" if plan.reasons else "nothing to do"]
    parts.append(f"{num_done_before} already settled")
    if plan.num_to_retire:
        parts.append(f"would retire {plan.num_to_retire}")
    parts += [f"{count} waiting for {what}" for what, count in census.waiting.items()]
    if plan.num_left:
        parts.append(f"{plan.num_left} left by --limit")
    yield f"{plan.label}: {', '.join(parts)}"
    shown = list(plan.reasons.items())[:_MOST_ITEMS_SHOWN]
    yield from (f"  {item_id}: {why}" for item_id, why in shown)
    if len(plan.reasons) > len(shown):
        yield f"  … and {len(plan.reasons) - len(shown)} more"


def _plan_row(plan: "Plan") -> dict[str, Any]:
    return {
        "stage": plan.label,
        "to_do": plan.reasons,
        "num_settled": plan.census.num_settled,
        "num_rejected": plan.census.num_rejected,
        "num_to_retire": plan.num_to_retire,
        "num_left": plan.num_left,
        "waiting": plan.census.waiting,
    }
