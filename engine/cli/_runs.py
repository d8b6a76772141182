"""The whole flow, then the export that dataset.toml describes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.cli._cluster import refuse_tower_with_ray
from engine.cli._exports import do_export, export_lines, export_row
from engine.cli._serving import plan_serving
from engine.cli._stages import StageFlags, do_steps, reporting, show_plans

if TYPE_CHECKING:
    from engine.dataset import Dataset


@dataclass(frozen=True)
class RunFlags:
    """How a person asked for a run of everything."""

    stages: StageFlags
    is_exporting: bool = True
    allow_baseline: bool = False


def run_all(dataset: "Dataset", flags: RunFlags) -> None:
    """Bring every stage up to date, then export."""
    from engine.flow import wanted_steps
    from engine.release import ExportOptions

    steps = wanted_steps(dataset.config)
    names = [step.name for step in steps]
    refuse_tower_with_ray(dataset, names, ray=flags.stages.ray)
    serving = plan_serving(dataset, names, flags.stages.gpus, is_dry_run=flags.stages.is_dry_run)
    if flags.stages.is_dry_run:
        show_plans(dataset, steps, flags.stages, serving)
        return
    with reporting(dataset, flags.stages) as reports:
        for label, report, changes in do_steps(dataset, steps, flags.stages, serving):
            reports.add(label, report, changes)
            if label == "ingest" and (report.num_done or report.num_rejected or report.num_retired):
                reports.add_intake(dataset)
            if label == "instruct mcq" and report.num_done:
                reports.add_letters(dataset)
        if not flags.is_exporting:
            return
        section = dataset.config.export
        options = ExportOptions(section.formats, section.name, allow_baseline=flags.allow_baseline)
        exported = do_export(dataset, options, workers=None, is_quiet=flags.stages.is_quiet)
        reports.rows["export"] = export_row(exported)
        if not flags.stages.is_json:
            print("\n".join(export_lines(exported)))
