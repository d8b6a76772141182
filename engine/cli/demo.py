"""`vau-data demo`: a small rendered corpus, taken through everything."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data demo my_demo"


def demo(
    directory: Annotated[
        Path,
        typer.Argument(metavar="DIR", show_default=False, help="A folder to make it in."),
    ],
    workers: opt.Workers = None,
    quiet: opt.Quiet = False,
) -> None:
    """Make a dataset of seven rendered videos. Needs no GPU and no download."""
    from engine.cli._demo import make_demo
    from engine.cli._stages import StageFlags

    make_demo(directory, StageFlags(workers=workers, is_quiet=quiet))
