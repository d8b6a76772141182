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
    """Import clicks, from a csv of frame numbers.

    Its columns are `video-id,glance`: frame ordinals, 0 for no click. A video is called by its id,
    its path below the videos' folder, its file name or its stem.
    """
    from engine.cli._imports import ImportFlags, run_import
    from engine.import_files import import_clicks

    flags = ImportFlags(dataset, file, dry_run, as_json, quiet)
    run_import(flags, partial(import_clicks, author=author))
