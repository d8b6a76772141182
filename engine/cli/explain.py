"""`vau-data explain`: a video -> its score curve, its events and what a tuned model says of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli import _options as opt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.media.frames import Frame
    from train.mllm.explain import Explainer, Explanation

EXAMPLE = "vau-data explain street.mp4 --model checkpoints/holmes --out explained"


def explain(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video file.")],
    model: Annotated[
        Path,
        typer.Option(
            "--model",
            metavar="DIR",
            show_default=False,
            help="What `train mllm` or `train merge` made.",
        ),
    ],
    question: Annotated[
        list[str] | None,
        typer.Option(
            "--question",
            metavar="TEXT",
            show_default=False,
            help="Ask this instead of judgement, description and analysis; repeatable.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            show_default=False,
            help="Where VIDEO.html and VIDEO.json go. Default: this folder.",
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            show_default=False,
            help="A scorer; default: that of the dataset here, else how much moves.",
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="DIR",
            show_default=False,
            help="Where the adapter's base lies now.",
        ),
    ] = None,
    dataset: opt.DatasetDir = None,
    device: Annotated[
        str, typer.Option("--device", metavar="NAME", help="cpu, cuda, cuda:1 … or auto.")
    ] = "auto",
    as_json: opt.AsJson = False,
) -> None:
    """Tell where a video is abnormal, and why."""
    from engine.cli._output import print_json, remark
    from engine.cli.train_mllm import require_packages
    from engine.errors import MediaError, UsageError

    require_packages()
    if not video.is_file():
        raise UsageError(f"{video} is no file; name a video file")
    explainer = _explainer(model, base=base, checkpoint=checkpoint, dataset=dataset, device=device)
    try:
        explanation, frames = explainer.explain(video, question or (), told=remark)
    except MediaError as error:
        raise UsageError(f"{video} cannot be explained: {error.detail}") from error
    html_path, json_path = _write(explanation, frames, out or Path())
    if as_json:
        from dataclasses import asdict

        print_json(asdict(explanation) | {"html": str(html_path), "json": str(json_path)})
        return
    print("\n".join(_lines(explanation)))
    print(f"-> {html_path}, {json_path}")


def _explainer(
    model: Path, *, base: str | None, checkpoint: Path | None, dataset: Path | None, device: str
) -> "Explainer":
    import torch

    from engine.cli._watch import WatchFlags, live_config, live_model
    from train.mllm.explain import Explainer
    from train.mllm.generate import load_tuned

    flags = WatchFlags(dataset, checkpoint, lookahead=0, patience_seconds=0.0, is_json=False)
    scorer, config = live_model(flags), live_config(flags)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    precision = "float32" if device == "cpu" else "bfloat16"
    tuned = load_tuned(model, base=base, device=device, precision=precision)
    min_score = 0.0 if config.score.is_baseline else config.propose.min_score
    return Explainer(tuned, scorer, min_score)


def _write(
    explanation: "Explanation", frames: "Sequence[Frame]", out_dir_path: Path
) -> tuple[Path, Path]:
    import orjson

    from engine.store import write_whole_file
    from train.mllm.explain_page import explanation_html

    out_dir_path.mkdir(parents=True, exist_ok=True)
    html_path = out_dir_path / f"{Path(explanation.video).stem}.html"
    json_path = html_path.with_suffix(".json")
    write_whole_file(html_path, explanation_html(explanation, frames).encode())
    write_whole_file(json_path, orjson.dumps(explanation, option=orjson.OPT_INDENT_2))
    return html_path, json_path


def _lines(explanation: "Explanation") -> list[str]:
    lines = []
    for one in explanation.answers:
        lines += [one.question, f"  {one.answer}"]
    lines += [
        f"event: {one.start_seconds:.1f} to {one.end_seconds:.1f} s, score {one.score:.3f}"
        for one in explanation.events
    ]
    return lines or ["no answer"]
