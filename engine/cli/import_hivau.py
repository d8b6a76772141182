"""`vau-data import hivau`: HIVAU-70k's raw annotations, with or without the video files."""

from functools import partial
from typing import Annotated, Literal

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data import hivau ucf_database_test.json"


def import_hivau(
    file: opt.AnnotationFile,
    source: Annotated[
        Literal["ucf-crime", "xd-violence"] | None,
        typer.Option(show_default=False, help="Default: as the file's name says (ucf_…, xd_…)."),
    ] = None,
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(show_default=False, help="Default: as the file's name says."),
    ] = None,
    dataset: opt.DatasetDir = None,
    dry_run: opt.DryRun = False,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
) -> None:
    """Import a raw HIVAU-70k file.

    Its events, clips, captions and summaries, with or without the video files.
    """
    from engine.cli._imports import ImportFlags, run_import
    from engine.import_files import import_hivau

    flags = ImportFlags(dataset, file, dry_run, as_json, quiet)
    run_import(flags, partial(import_hivau, source=source, split=split))
