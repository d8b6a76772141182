"""`vau-data show`: a record, its reviews, where it comes from and what hangs on it."""

from typing import Annotated

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data show Abuse001_x264_E0C1"


def show(
    record_id: Annotated[
        str, typer.Argument(metavar="ID", show_default=False, help="Of any kind of record.")
    ],
    dataset: opt.DatasetDir = None,
    as_json: opt.AsJson = False,
) -> None:
    """Show a record with its reviews, ancestry and children."""
    from engine.ancestry import portray
    from engine.cli._datasets import open_dataset
    from engine.cli._output import print_json
    from engine.cli._portrait import portrait_lines
    from engine.index import Index

    portrait = portray(Index(open_dataset(dataset)), record_id)
    if as_json:
        print_json(portrait)
    else:
        print("\n".join(portrait_lines(portrait)))
