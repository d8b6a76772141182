"""`vau-data rebuild`: a release again, from its recipe and the owner's copy of the footage."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data rebuild recipe.jsonl --videos /data/ucf_crime --out ucf_vau"


def rebuild(
    recipe: Annotated[
        Path,
        typer.Argument(metavar="RECIPE", exists=True, dir_okay=False, show_default=False),
    ],
    videos: Annotated[
        Path, typer.Option("--videos", metavar="DIR", help="The footage, in any folders below.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The release; a new folder.")],
    workers: opt.Workers = None,
    as_json: opt.AsJson = False,
) -> None:
    """Make a published recipe a release again, verified.

    Where anything differs, each difference is a line, nothing is written, and the exit code is 1.
    """
    import os

    from engine.cli._output import how_many, print_json
    from engine.executors.local import LocalExecutor
    from engine.rebuild import RebuildTask, rebuild

    with LocalExecutor(workers=workers or os.cpu_count() or 1) as executor:
        report = rebuild(RebuildTask(recipe, videos, out), executor=executor)
    if as_json:
        print_json(report)
    else:
        for mismatch in report.mismatches:
            print(mismatch)
        compared = f"{how_many(report.num_videos, 'video')}, {report.num_frames} frames"
        end = f"{len(report.mismatches)} differences" if report.mismatches else f"equal -> {out}"
        print(f"rebuild: {compared}: {end}")
    if report.mismatches:
        raise typer.Exit(1)
