"""`vau-data import clicks`: people's clicks, as GlanceVAD's csv."""

from functools import partial

from engine.cli import _options as opt

EXAMPLE = "vau-data import clicks clicks.csv --author glancevad"


def import_clicks(
    file: opt.AnnotationFile,
    author: opt.Author = "import",
    dataset: opt.DatasetDir = None,
    dry_run: opt.DryRun = False,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
) -> None:
    """Import clicks: a csv `video-id,glance` of frame ordinals, 0 for no click."""
    from engine.cli._imports import ImportFlags, run_import
    from engine.import_files import import_clicks

    flags = ImportFlags(dataset, file, dry_run, as_json, quiet)
    run_import(flags, partial(import_clicks, author=author))
