"""`vau-data validate`: every defect of the dataset, of a release, or of somebody's files."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data validate ucf_database_test.json --against UCF_Annotation.txt"


def validate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE...",
            exists=True,
            dir_okay=False,
            show_default=False,
            help="Annotation files of other people: HIVAU-70k, conversations, clicks, "
            "UCA, VAD-LLaMA, official lists, multiple choice. Default: the dataset.",
        ),
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            "--against",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            show_default=False,
            help="Hold the files to this one too: an official list of intervals (lost events, "
            "leaks between splits, lengths) or a click csv; may be given several times.",
        ),
    ] = None,
    release: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False, help="A release of the dataset."),
    ] = None,
    dataset: opt.DatasetDir = None,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
) -> None:
    """List every defect and what to do. One line each; exit code 1 if there is any."""
    from engine.cli._datasets import open_dataset
    from engine.cli._defects import (
        all_in_dataset,
        print_defects,
        print_file_reports,
        print_release,
        read_files,
    )
    from engine.errors import UsageError

    if (against and not files) or (files and release):
        raise UsageError("--against goes with FILE; a release is validated by --release alone")
    if files:
        num_defects = print_file_reports(read_files(files, against or []), is_json=as_json)
    elif release is not None:
        num_defects = print_release(open_dataset(dataset), release, is_json=as_json, is_quiet=quiet)
    else:
        defects = all_in_dataset(open_dataset(dataset), is_quiet=quiet)
        num_defects = print_defects(defects, is_json=as_json)
    if num_defects:
        raise typer.Exit(1)
