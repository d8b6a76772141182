"""`vau-data export clicks`: people's clicks -> GlanceVAD's csv."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data export clicks clicks.csv --ignored separate"
IGNORED = "drop|positive|separate"


def export_clicks(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)],
    ignored: Annotated[
        str,
        typer.Option(
            metavar=IGNORED,
            help="Clicks that a person set apart: left out, written like the others, or in a "
            "file of their own beside FILE.",
        ),
    ] = "drop",
    dataset: opt.DatasetDir = None,
    as_json: opt.AsJson = False,
) -> None:
    """Write clicks as a csv of frame numbers.

    Its columns are `video-id,glance`, as `vau-data import clicks` reads them. Clicks about which
    somebody is unsure are left out.
    """
    from dataclasses import asdict
    from typing import cast, get_args

    from engine.cli._datasets import open_dataset
    from engine.cli._output import how_many, print_json
    from engine.click_export import Ignored, export_clicks

    if ignored not in get_args(Ignored):
        raise typer.BadParameter(f"{ignored!r} is none of {IGNORED}", param_hint="--ignored")
    done = export_clicks(open_dataset(dataset), file, ignored=cast("Ignored", ignored))
    if as_json:
        print_json({**asdict(done), "paths": [str(path) for path in done.paths]})
        return
    files = " and ".join(str(path) for path in done.paths)
    clicks, videos = how_many(done.num_clicks, "click"), how_many(done.num_videos, "video")
    print(f"wrote {clicks} of {videos} to {files}")
    if done.num_ignored:
        print(f"  {how_many(done.num_ignored, 'ignored click')}: {ignored}")
    if done.num_unsure:
        print(f"  left out: {how_many(done.num_unsure, 'click')} about which somebody is unsure")
