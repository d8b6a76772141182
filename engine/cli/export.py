"""`vau-data export`: the live dataset -> releases/<name>/."""

from typing import Annotated, cast, get_args

import typer

from engine.cli import _options as opt
from engine.formats import Format

EXAMPLE = "vau-data export --format hivau-single --format llava --name v1 --media"
FORMATS = "|".join(get_args(Format))


def export(
    context: typer.Context,
    format_: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar=FORMATS,
            show_default=False,
            help="May be given several times. Default: [export] formats.",
        ),
    ] = None,
    family: opt.Families = None,
    name: Annotated[
        str | None,
        typer.Option(show_default=False, help="Of the release. Default: [export] name."),
    ] = None,
    media: Annotated[
        bool, typer.Option("--media", help="Cut the file of each segment, too.")
    ] = False,
    times: Annotated[
        bool,
        typer.Option(
            "--times",
            help="Rows name the source video and a stretch of it instead of a cut file.",
        ),
    ] = False,
    recipe: Annotated[
        bool,
        typer.Option(
            "--recipe",
            help="Also write recipe.jsonl: hashes, times and texts without footage, from which "
            "`vau-data rebuild` makes the release where the footage is.",
        ),
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="NAME",
            show_default=False,
            help="The release that CHANGES.md compares with. Default: the one before it by name.",
        ),
    ] = None,
    frames: Annotated[
        int,
        typer.Option(
            "--frames", min=1, metavar="N", help="Pictures of a segment, with --format trl --media."
        ),
    ] = 8,
    allow_baseline: opt.AllowBaseline = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a release of this name.")
    ] = False,
    compat: Annotated[
        bool,
        typer.Option("--compat", help="Write `anwser` in test rows, as HIVAU-70k's own file does."),
    ] = False,
    dataset: opt.DatasetDir = None,
    workers: opt.Workers = None,
    ray: opt.Ray = None,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
) -> None:
    """Write a release for trainers, with a dataset card."""
    if context.invoked_subcommand is not None:
        return
    from engine.cli._datasets import open_dataset, with_families
    from engine.cli._exports import do_export, export_lines, export_row, unsettled_items
    from engine.cli._output import print_json
    from engine.release import ExportOptions

    for unknown in set(format_ or ()) - set(get_args(Format)):
        raise typer.BadParameter(f"{unknown!r} is none of {FORMATS}", param_hint="--format")
    opened = with_families(open_dataset(dataset), family)
    section = opened.config.export
    formats = cast("tuple[Format, ...]", tuple(dict.fromkeys(format_ or section.formats)))
    options = ExportOptions(
        formats,
        name or section.name,
        allow_baseline,
        overwrite,
        compat,
        with_media=media,
        with_times=times,
        with_recipe=recipe,
        num_frames=frames,
        since=since,
        unsettled=unsettled_items(opened),
    )
    report = do_export(opened, options, workers=workers, ray=ray, is_quiet=quiet)
    if as_json:
        print_json(export_row(report))
    else:
        print("\n".join(export_lines(report)))
