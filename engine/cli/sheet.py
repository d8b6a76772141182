"""`vau-data sheet`: pages that show at a glance what was made of a video."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data sheet Abuse001_x264 --output sheets"


def sheet(
    video_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="VIDEO_ID", show_default=False, help="The videos to draw."),
    ] = None,
    all_abnormal: Annotated[
        bool,
        typer.Option(
            "--all-abnormal", help="All that are abnormal by label or, without one, by summary."
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", show_default=False, help="Default: `sheets` in the dataset folder."
        ),
    ] = None,
    dataset: opt.DatasetDir = None,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
) -> None:
    """Draw contact sheets: a PNG page per video.

    Scores, clicks and events on a time line, then each event's clips with pictures and captions,
    and the summaries. Exit code 1 if a video's file cannot be decoded.
    """
    from engine.cli._datasets import open_dataset
    from engine.cli._output import print_json, remark
    from engine.cli._sheets import draw_with_progress
    from engine.index import Index
    from engine.sheets.album import pick_videos

    index = Index(open_dataset(dataset))
    picked = pick_videos(index, video_ids or [], all_abnormal=all_abnormal)
    album = draw_with_progress(index, picked, output, is_quiet=quiet)
    if as_json:
        paths = {video_id: str(path) for video_id, path in album.paths.items()}
        print_json({"sheets": paths, "failed": album.failed})
    for path in album.paths.values() if not as_json else ():
        print(path)
    for video_id, why in album.failed.items():
        remark(f"{video_id}: no sheet: {why}")
    if album.failed:
        raise typer.Exit(1)
