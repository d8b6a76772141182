"""`vau-data validate`: every defect of the dataset, or of somebody's HIVAU file."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data validate ucf_database_test.json"


def validate(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            show_default=False,
            help="A raw HIVAU-70k file, or instruction rows. Default: the dataset.",
        ),
    ] = None,
    dataset: opt.DatasetDir = None,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
) -> None:
    """List every defect. One line each, with the record's id; exit code 1 if there is any."""
    from engine.cli._datasets import open_dataset
    from engine.cli._findings import all_in_dataset, print_findings
    from engine.validation import findings_in_file

    if file is not None:
        findings = list(findings_in_file(file))
    else:
        findings = all_in_dataset(open_dataset(dataset), is_quiet=quiet)
    print_findings(findings, is_json=as_json)
    if findings:
        raise typer.Exit(1)
