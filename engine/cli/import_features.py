"""`vau-data import features`: other people's features, such as I3D's."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data import features i3d_ucf --extractor i3d-rgb"


def import_features(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, show_default=False)
    ],
    extractor: Annotated[
        str,
        typer.Option(
            "--extractor", metavar="NAME", help="What made them; networks keep to one extractor."
        ),
    ] = "i3d",
    dataset: opt.DatasetDir = None,
    dry_run: opt.DryRun = False,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
) -> None:
    """Import features, from a folder of .npy files.

    One file `VIDEO.npy` of (T, D), (T, crops, D) or (crops, T, D) for each video, or one for each
    crop: `VIDEO__0.npy`, `VIDEO__1.npy` … They are copied into the dataset, and are not made anew.
    """
    from engine.cli._imports import ImportFlags, run_import
    from engine.import_features import import_features

    flags = ImportFlags(dataset, folder, dry_run, as_json, quiet)
    run_import(flags, partial(import_features, extractor=extractor))
