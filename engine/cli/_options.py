"""The options that several commands share, each said once."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from engine.formats import Family

DatasetDir = Annotated[
    Path | None,
    typer.Option(
        "--dataset",
        metavar="DIR",
        show_default=False,
        help="The dataset folder. Default: the one that holds the current folder.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done and why; write nothing.")
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit", min=0, metavar="N", show_default=False, help="Do at most N items per stage."
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        metavar="N",
        show_default=False,
        help="Decoding processes; with --ray, of each node. Default: [run] workers, else one per "
        "core.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress; only the result.")]
RetryRejects = Annotated[
    bool, typer.Option("--retry-rejects", help="Try items again that were rejected before.")
]
MaxRejectRate = Annotated[
    float | None,
    typer.Option(
        "--max-reject-rate",
        min=0,
        max=1,
        metavar="SHARE",
        show_default=False,
        help="End with exit code 4 when a larger share of items is rejected. "
        "Default: [run] max_reject_rate.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        show_default=False,
        help="Instead of the model in dataset.toml, for this run only; `baseline`, a preset of "
        "manifests/models.toml, or the name under which the endpoint serves it.",
    ),
]
Endpoints = Annotated[
    list[str] | None,
    typer.Option(
        "--endpoint",
        metavar="URL",
        show_default=False,
        help="Instead of the endpoints in dataset.toml, such as http://localhost:8000/v1; "
        "may be given several times.",
    ),
]
NumGpus = Annotated[
    int | None,
    typer.Option(
        "--gpus",
        min=1,
        metavar="N",
        show_default=False,
        help="Start vLLM on N GPUs of this machine for the model, and stop it at the end; "
        "--dry-run shows how.",
    ),
]
GpuMemory = Annotated[
    float | None,
    typer.Option(
        "--gpu-memory",
        min=1,
        metavar="GIB",
        show_default=False,
        help="Memory of each of these GPUs. Default: read from this machine.",
    ),
]
AuditHint = Annotated[
    float | None,
    typer.Option(
        "--audit-hint",
        min=0,
        max=1,
        metavar="SHARE",
        show_default=False,
        help="Write nothing but an audit: ask about this share of each category's items with the "
        "label told and without, and report what is claimed only because it is told.",
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        show_default=False,
        help="Read videos and call models on a Ray cluster instead of here: auto, HOST:PORT or "
        "ray://HOST:PORT.",
    ),
]
AllowBaseline = Annotated[
    bool,
    typer.Option(
        "--allow-baseline", help="Export also where baseline texts mix with a real model's."
    ),
]
FAMILIES = "|".join(get_args(Family))
Families = Annotated[
    list[str] | None,
    typer.Option(
        "--family",
        metavar=FAMILIES,
        show_default=False,
        help="A kind of instructions; may be given several times. Default: [instruct] families.",
    ),
]
AnnotationFile = Annotated[
    Path,
    typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, show_default=False),
]
Author = Annotated[
    str, typer.Option("--author", metavar="NAME", help="Whose work the file is; kept in records.")
]
