"""`vau-data import events`: people's events, or an official interval list."""

from functools import partial

from engine.cli import _options as opt

EXAMPLE = "vau-data import events Temporal_Anomaly_Annotation.txt"


def import_events(
    file: opt.AnnotationFile,
    author: opt.Author = "import",
    dataset: opt.DatasetDir = None,
    dry_run: opt.DryRun = False,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
) -> None:
    """Import people's events, or an official list of events.

    JSON in seconds, `{video: [[start, end], …]}`, where `[]` says that there are none; or the .txt
    lists of UCF-Crime and XD-Violence. What was proposed for these videos gives way at once.
    """
    from engine.cli._imports import ImportFlags, run_import
    from engine.import_files import import_events

    flags = ImportFlags(dataset, file, dry_run, as_json, quiet)
    run_import(flags, partial(import_events, author=author))
