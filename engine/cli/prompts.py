"""`vau-data prompts`: what is said to models; the files, and one item's exact request."""

from typing import Annotated

import typer

from engine.cli import _options as opt

LIST_EXAMPLE = "vau-data prompts list"
SHOW_EXAMPLE = "vau-data prompts show --item Abuse001_x264_E0"


def list_prompts(as_json: opt.AsJson = False) -> None:
    """List the prompts with what fills them, and the question pools."""
    from engine.cli._output import print_json
    from engine.cli._prompt_text import prompt_rows, question_rows

    prompts, pools = prompt_rows(), question_rows()
    if as_json:
        print_json({"prompts": prompts, "questions": pools})
        return
    for name, fields in prompts.items():
        print(f"{name}  ({', '.join(fields) or 'nothing to fill in'})")
    for pool, count in pools.items():
        print(f"questions/{pool}  ({count} questions)")


def show_prompt(
    item: Annotated[
        str,
        typer.Option(metavar="ID", show_default=False, help="A clip, an event or a video."),
    ],
    dataset: opt.DatasetDir = None,
    as_json: opt.AsJson = False,
) -> None:
    """Show the exact request about an item; send nothing."""
    from engine.cli._datasets import open_dataset
    from engine.cli._output import print_json
    from engine.cli._prompt_text import preview_lines
    from engine.preview import preview

    previews = preview(open_dataset(dataset), item)
    if as_json:
        print_json(previews)
        return
    for one in previews:
        print("\n".join(preview_lines(one)))
