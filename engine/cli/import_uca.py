"""`vau-data import uca`: UCA's human captions."""

from engine.cli import _options as opt

EXAMPLE = "vau-data import uca UCFCrime_Val.json"


def import_uca(
    file: opt.AnnotationFile,
    dataset: opt.DatasetDir = None,
    dry_run: opt.DryRun = False,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
) -> None:
    """Import UCA's human captions; clips then follow their intervals."""
    from engine.cli._imports import ImportFlags, run_import
    from engine.import_files import import_uca

    run_import(ImportFlags(dataset, file, dry_run, as_json, quiet), import_uca)
