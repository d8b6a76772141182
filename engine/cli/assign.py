"""`vau-data assign`: who does which video."""

from typing import Annotated

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data assign --overlap 0.1 --dry-run"


def assign(
    annotators: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", show_default=False, help="Default: all annotators."),
    ] = None,
    round_: Annotated[
        int, typer.Option("--round", min=1, max=2, help="2: review, never of one's own videos.")
    ] = 1,
    overlap: Annotated[
        float,
        typer.Option(min=0, max=1, metavar="SHARE", help="Of the videos: done by two, blind."),
    ] = 0.0,
    dataset: opt.DatasetDir = None,
    dry_run: opt.DryRun = False,
    as_json: opt.AsJson = False,
) -> None:
    """Divide the videos among annotators.

    Balanced by duration. Videos that are assigned in this round stay with whom they have; a
    server that runs shows the new lists at once. Of a review round, only videos that somebody
    marked are divided.
    """
    from annotator_ui.assign import plan_assignments, write_assignments
    from engine.cli._datasets import open_dataset
    from engine.cli._output import how_many, print_json

    opened = open_dataset(dataset)
    division = plan_assignments(opened, annotators or [], round=round_, overlap=overlap)
    if not dry_run:
        write_assignments(opened, division.assignments)
    if as_json:
        print_json(division)
        return
    verb = "would assign" if dry_run else "assigned"
    videos = how_many(len(division.assignments), "video")
    print(f"{verb} {videos} of round {round_}, {division.num_double} of them to two")
    for name, seconds in sorted(division.seconds.items()):
        print(f"  {name}: {seconds / 3600:.2f} h in all")
