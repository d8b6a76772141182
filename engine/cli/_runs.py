"""The whole flow, then the export that dataset.toml describes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.cli._exports import do_export, export_lines, export_row
from engine.cli._output import print_json
from engine.cli._stages import StageFlags, as_row, do_steps, report_line, show_plans

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
    from engine.flow import FLOW
    from engine.release import ExportOptions

    is_json = flags.stages.is_json
    if flags.stages.is_dry_run:
        show_plans(dataset, FLOW, flags.stages)
        return
    rows = []
    for label, report in do_steps(dataset, FLOW, flags.stages):
        rows.append(as_row(label, report))
        if not is_json:
            print(report_line(label, report), flush=True)
    result: dict[str, object] = {"stages": rows}
    if flags.is_exporting:
        section = dataset.config.export
        options = ExportOptions(section.formats, section.name, allow_baseline=flags.allow_baseline)
        exported = do_export(dataset, options, workers=None, is_quiet=flags.stages.is_quiet)
        result["export"] = export_row(exported)
        if not is_json:
            print("\n".join(export_lines(exported)))
    if is_json:
        print_json(result)
