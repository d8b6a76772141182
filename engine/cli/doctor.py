"""`vau-data doctor`: is all there that vau-data needs?"""

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data doctor"


def doctor(dataset: opt.DatasetDir = None, as_json: opt.AsJson = False) -> None:
    """Check what vau-data needs, and say how to mend it.

    Packages, codecs, disk, the dataset and whether it can be written, models; exit code 1 if
    something is missing.
    """
    from functools import partial
    from pathlib import Path

    from engine.cli._datasets import open_dataset
    from engine.cli._output import print_json
    from engine.doctor import examine

    checks = examine(partial(open_dataset, dataset), start_dir_path=Path.cwd())
    if as_json:
        print_json(checks)
    for check in checks if not as_json else ():
        print(f"{check.level:<8} {check.name}: {check.found}")
        if check.mend:
            print(f"{'':<8} -> {check.mend}")
    if any(check.level == "missing" for check in checks):
        raise typer.Exit(1)
