"""`vau-data init`: a folder of videos -> a dataset folder."""

from pathlib import Path
from typing import Annotated, Literal

import typer

EXAMPLE = "vau-data init my_dataset --videos ~/footage --labels labels.csv"


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", show_default=False, help="The folder to make.")
    ],
    videos: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            show_default=False,
            help="The folder of the video files, or a URL such as s3://bucket/prefix.",
        ),
    ],
    source: Annotated[
        Literal["folder", "ucf-crime", "xd-violence"],
        typer.Option(help="Whose rules name the files and their labels."),
    ] = "folder",
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            show_default=False,
            help="Columns video,label[,split]; wins over folder and file names.",
        ),
    ] = None,
    lists: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            show_default=False,
            help="The official list files, where they do not lie beside the videos.",
        ),
    ] = None,
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(show_default=False, help="Of videos for which nothing else says one."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(show_default=False, help="Default: the folder's own name.")
    ] = None,
) -> None:
    """Make a dataset folder with a commented dataset.toml."""
    from shlex import quote

    from engine.cli._intake import category_lines, warn
    from engine.cli._output import counted
    from engine.media.remote import videos_folder
    from engine.setup import Footage, init_dataset

    folder = videos_folder(videos, base_dir=Path.cwd(), cache_gib=0)
    footage = Footage(folder, source, labels, lists, split)
    made = init_dataset(directory, footage, name=name)
    print(f"{made.dir_path / 'dataset.toml'}: {made.num_videos} videos ({counted(made.labels)})")
    origins = ", ".join(f"{origin} {count}" for origin, count in made.origins.items())
    print(f"labels come from: {origins}")
    print("\n".join(category_lines(made.categories)))
    warn(made.warnings)
    print(f"next: cd {quote(str(made.dir_path))} && vau-data run")
