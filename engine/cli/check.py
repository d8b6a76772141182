"""`vau-data check`: people judge answers until the share of wrong ones is bounded."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data check --at-most 5% --confidence 95%"


def check(
    at_most: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE",
            show_default=False,
            help="Go on until a larger share of wrong answers is ruled out. Default: [check] "
            "at_most, 5%.",
        ),
    ] = None,
    confidence: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE",
            show_default=False,
            help="How surely. Default: [check] confidence, 95%.",
        ),
    ] = None,
    new_round: Annotated[
        bool, typer.Option("--new-round", help="Begin anew, as after mending what a check found.")
    ] = False,
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="Write the next answers as csv instead, to be judged elsewhere.",
        ),
    ] = None,
    num: Annotated[
        int, typer.Option("--num", min=1, metavar="N", help="How many --write writes.")
    ] = 100,
    read: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            show_default=False,
            help="Take the verdicts from such a csv, its columns verdict and reason filled.",
        ),
    ] = None,
    author: Annotated[
        str, typer.Option(metavar="NAME", help="Who judges; kept in records.")
    ] = "checker",
    dataset: opt.DatasetDir = None,
    as_json: opt.AsJson = False,
) -> None:
    """Have people judge answers until errors are bounded.

    Serves answers drawn at random and, in between, suspect ones.

    Only those drawn at random count towards the bound: suspects say nothing of the rest.
    """
    from engine.cli._check import aim_of, ask_on_terminal, print_progress
    from engine.cli._datasets import open_dataset
    from engine.cli._output import print_json
    from engine.quality.check_files import read_verdicts, write_items
    from engine.quality.spot_check import SpotChecks, begin_round, newest_round

    opened = open_dataset(dataset)
    is_mere_look = as_json and not (read or write or new_round)
    if is_mere_look and newest_round(opened) is None:
        print_json({"round": None})
        return
    aim = aim_of(opened.config.check, at_most=at_most, confidence=confidence)
    checks = SpotChecks(opened, begin_round(opened, aim, is_new=new_round))
    if read is not None:
        checks.enter(read_verdicts(read, checks), author=author)
    if write is not None:
        write_items(write, checks, num=num)
    if not (as_json or read or write):
        ask_on_terminal(checks, author=author)
    print_progress(checks.progress(), is_json=as_json)
