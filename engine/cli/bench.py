"""`vau-data bench serve`: how much of a server's speed our client reaches."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data bench serve --endpoint http://localhost:8000/v1 --model tiny"

Videos = Annotated[
    Path | None,
    typer.Option(
        "--videos",
        metavar="DIR",
        exists=True,
        file_okay=False,
        show_default=False,
        help="Footage to work on. Default: the dataset's; outside one, seven rendered videos.",
    ),
]
Simulate = Annotated[
    bool,
    typer.Option(
        "--simulate",
        help="Measure the simulated server too. Default: where no --endpoint is given.",
    ),
]
Seconds = Annotated[
    float, typer.Option("--seconds", min=1, metavar="S", help="Of each measurement.")
]
Rounds = Annotated[
    int, typer.Option("--rounds", min=1, metavar="N", help="How often the two sides take turns.")
]


def serve(
    dataset: opt.DatasetDir = None,
    endpoint: opt.Endpoints = None,
    model: opt.Model = None,
    simulate: Simulate = False,
    videos: Videos = None,
    workers: opt.Workers = None,
    seconds: Seconds = 15.0,
    rounds: Rounds = 2,
    as_json: opt.AsJson = False,
) -> None:
    """Compare captioning with raw requests to the same server."""
    from engine.cli._bench import BenchFlags, bench_serve

    flags = BenchFlags(endpoint or [], model, simulate, videos, workers, seconds, rounds, as_json)
    bench_serve(dataset, flags)
