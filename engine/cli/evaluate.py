"""`vau-data evaluate`: scores against annotations, a model's answers against references."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engine.cli import _options as opt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from train.metrics.multiple_choice import McqReport
    from train.metrics.reasoning import ReasoningReport
    from train.metrics.report import DetectionReport, EvaluatedVideo

DETECTION_EXAMPLE = (
    "vau-data evaluate detection --annotations Temporal_Anomaly_Annotation.txt --scores my_dataset"
)

MCQ_EXAMPLE = "vau-data evaluate mcq --questions my_dataset/releases/v1 --answers answers.jsonl"

REASONING_EXAMPLE = (
    "vau-data evaluate reasoning --references my_dataset/releases/v1 --answers answers.jsonl"
)


def detection(
    annotations: Annotated[
        Path,
        typer.Option(
            "--annotations",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            show_default=False,
            help="Official annotations of UCF-Crime or XD-Violence.",
        ),
    ],
    scores: Annotated[
        Path,
        typer.Option(
            "--scores",
            metavar="PATH",
            exists=True,
            show_default=False,
            help="A dataset, a scores.jsonl, a folder of VIDEO.npy, an .npz or a .json; one score "
            "per 16 frames.",
        ),
    ],
    frames: Annotated[
        Path | None,
        typer.Option(
            "--frames",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            show_default=False,
            help="JSON: how many frames each video has. Default: as the annotations or the "
            "dataset say.",
        ),
    ] = None,
    threshold: Annotated[
        float, typer.Option("--threshold", min=0, max=1, help="Scores above it raise an alarm.")
    ] = 0.5,
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave out annotated videos without scores.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            show_default=False,
            help="Write report.md, report.json, curves and a picture of every video there.",
        ),
    ] = None,
    as_json: opt.AsJson = False,
) -> None:
    """Measure how well anomaly scores find what people marked."""
    from engine.cli._output import print_json, remark
    from train.metrics.labels import annotations_for, read_annotations, read_frame_counts
    from train.metrics.report import as_markdown, line_up, report_on
    from train.metrics.tracks import read_scores

    scored = read_scores(scores)
    annotated = annotations_for(
        read_annotations(annotations), list(scored.scores), path=annotations, is_partial=partial
    )
    counts = read_frame_counts(frames) if frames else {}
    videos = line_up(annotated, scored, frame_counts=counts, path=annotations)
    report = report_on(videos, threshold=threshold)
    if as_json:
        print_json(report)
    else:
        print(as_markdown(report), end="")
    if out is not None:
        _write(out, report, videos)
        remark(f"written to {out}")


def _write(dir_path: Path, report: "DetectionReport", videos: "Sequence[EvaluatedVideo]") -> None:
    import orjson

    from train.metrics.charts import precision_recall_picture, roc_picture, track_picture
    from train.metrics.detection import ScoredSnippets
    from train.metrics.report import as_markdown

    tracks_dir_path = dir_path / "tracks"
    tracks_dir_path.mkdir(parents=True, exist_ok=True)
    (dir_path / "report.md").write_text(as_markdown(report), encoding="utf-8")
    (dir_path / "report.json").write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    every = report.all_videos
    if every.roc_auc is not None:
        joined = ScoredSnippets.joined([video.snippets for video in videos])
        roc = roc_picture(joined, f"ROC, area {every.roc_auc:.4f}")
        (dir_path / "roc.png").write_bytes(roc)
        title = f"Precision and recall, average precision {every.average_precision:.4f}"
        (dir_path / "precision_recall.png").write_bytes(precision_recall_picture(joined, title))
    for video in videos:
        name = f"{video.annotated.id.replace('/', '%2F')}.png"
        (tracks_dir_path / name).write_bytes(track_picture(video))


def mcq(
    questions: Annotated[
        Path,
        typer.Option(
            "--questions",
            metavar="PATH",
            exists=True,
            show_default=False,
            help="A csv of multiple choice, or the folder of a release that has the format csv.",
        ),
    ],
    answers: Annotated[
        Path,
        typer.Option(
            "--answers",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            show_default=False,
            help='A model\'s answers, a line {"id": "…", "answer": "…"} for each question; the id '
            "is the csv's Question Id, else VIDEO NAME:N for a video's Nth question.",
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            metavar="NAME",
            show_default=False,
            help="Of a release: this split alone. Default: all of them.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", show_default=False, help="Write mcq.md and mcq.json there."
        ),
    ] = None,
    as_json: opt.AsJson = False,
) -> None:
    """Score a model's answers to multiple choice."""
    from engine.cli._output import print_json, remark
    from train.metrics.multiple_choice import as_markdown, read_answers, read_questions, report_on

    asked = read_questions(questions, split=split)
    report = report_on(asked, read_answers(answers, asked))
    if as_json:
        print_json(report)
    else:
        print(as_markdown(report), end="")
    if out is not None:
        _write_mcq(out, report)
        remark(f"written to {out}")


def _write_mcq(dir_path: Path, report: "McqReport") -> None:
    import orjson

    from train.metrics.multiple_choice import as_markdown

    dir_path.mkdir(parents=True, exist_ok=True)
    (dir_path / "mcq.md").write_text(as_markdown(report), encoding="utf-8")
    (dir_path / "mcq.json").write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))


def reasoning(
    references: Annotated[
        Path,
        typer.Option(
            "--references",
            metavar="PATH",
            exists=True,
            show_default=False,
            help="A JSONL file of instruction rows, such as HIVAU-70k's published test rows, or "
            "the folder of a release that has the format internvl or hivau-single.",
        ),
    ],
    answers: Annotated[
        Path,
        typer.Option(
            "--answers",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            show_default=False,
            help='A model\'s answers, a line {"id": …, "answer": "…"} for each row; the id is the '
            "row's.",
        ),
    ],
    split: Annotated[
        str, typer.Option("--split", metavar="NAME", help="Of a release: the split.")
    ] = "test",
    duplicates: Annotated[
        Literal["once", "keep"],
        typer.Option(
            "--duplicates",
            help="Rows that ask for the same of the same segment: count the first, or, as "
            "published evaluations do, keep all.",
        ),
    ] = "once",
    has_java: Annotated[
        bool,
        typer.Option(
            "--java/--no-java",
            help="Use the COCO toolkit's programs where they are: METEOR, and its own tokenizer.",
        ),
    ] = True,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="TEXT",
            show_default=False,
            help="Of the model, in tables. Default: the name of the file of answers.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "--out",
            metavar="DIR",
            show_default=False,
            help="Write reasoning.md, reasoning.tex and reasoning.json there.",
        ),
    ] = None,
    as_json: opt.AsJson = False,
) -> None:
    """Compare a model's words, times and choices with references."""
    from engine.cli._output import print_json, remark
    from train.metrics.reasoning import read_answered, report_on
    from train.metrics.reasoning_tables import as_markdown
    from train.metrics.references import read_benchmark
    from train.metrics.toolkit import Missing, find_toolkit

    benchmark = read_benchmark(references, split=split, duplicates=duplicates)
    answered = read_answered(benchmark, answers)
    toolkit = find_toolkit() if has_java else Missing("by --no-java")
    report = report_on(answered, toolkit)
    shown = name or answers.stem
    if as_json:
        print_json(report)
    else:
        print(as_markdown(report, name=shown), end="")
    if out is not None:
        _write_reasoning(out, report, shown)
        remark(f"written to {out}")


def _write_reasoning(dir_path: Path, report: "ReasoningReport", name: str) -> None:
    import orjson

    from train.metrics.reasoning_tables import as_latex, as_markdown

    dir_path.mkdir(parents=True, exist_ok=True)
    (dir_path / "reasoning.md").write_text(as_markdown(report, name=name), encoding="utf-8")
    (dir_path / "reasoning.tex").write_text(as_latex(report, name=name), encoding="utf-8")
    (dir_path / "reasoning.json").write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
