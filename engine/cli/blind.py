"""`vau-data blind`: people compare models' answers without knowing whose they are."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli import _options as opt

ADD_EXAMPLE = "vau-data blind add answers.jsonl"
REPORT_EXAMPLE = "vau-data blind report --output evaluation"


def add(file: opt.AnnotationFile, dataset: opt.DatasetDir = None) -> None:
    """Add items to compare, one JSON object a line.

    Each has `id`, `video_id`, `start_seconds`, `end_seconds`, `question`, `is_anomalous` (true,
    false or null) and `answers`, a list of `{"model": …, "text": …}`. No text may name a model.
    """
    from annotator_ui.blind import add_items
    from engine.cli._datasets import open_dataset
    from engine.cli._output import how_many

    print(f"added {how_many(add_items(open_dataset(dataset), file), 'item')}")


def report(
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the tables and the picture go.")
    ] = Path("blind_report"),
    dataset: opt.DatasetDir = None,
    as_json: opt.AsJson = False,
) -> None:
    """Write vote tables, and shares with 95 % intervals, as CSV and PNG."""
    from annotator_ui.blind import read_items
    from annotator_ui.blind_report import cast_votes, report, summary_lines, write_report
    from annotator_ui.journal import LOG_NAME, read_acts
    from engine.cli._datasets import open_dataset
    from engine.cli._output import print_json

    opened = open_dataset(dataset)
    items = read_items(opened)
    votes = cast_votes(read_acts(opened.dir_path / LOG_NAME), items)
    figures = report(items, votes)
    paths = write_report(output, items, votes, figures)
    if as_json:
        print_json({"figures": figures, "paths": [str(path) for path in paths]})
        return
    print("\n".join(summary_lines(figures)))
    print("\n".join(str(path) for path in paths))
