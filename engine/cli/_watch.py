"""Prints the scores of a file or stream as they come."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli._output import remark
from engine.cli._scorers import scorer_file, with_checkpoint

if TYPE_CHECKING:
    from engine.config import Config
    from engine.watch import LiveModel, LiveScore


@dataclass(frozen=True)
class WatchFlags:
    """How a person asked to watch."""

    dataset_dir: Path | None
    checkpoint: Path | None
    lookahead: int
    patience_seconds: float
    is_json: bool


def watch_source(name: str, flags: WatchFlags) -> None:
    """One line per snippet until the source ends. What is said of it goes to standard error."""
    from engine.media.live import LiveSettings, LiveSource
    from engine.watch import WatchSettings, delay_of, watch

    model = live_model(flags)
    settings = WatchSettings(lookahead_snippets=flags.lookahead)
    source = LiveSource(name, LiveSettings(model.max_side_px, flags.patience_seconds))
    remark(f"watching {source.shown_name} with {model.name}; Ctrl-C ends it")
    num_scores = 0
    for score in watch(source.frames(), model, settings):
        if not num_scores:
            remark(delay_of(score, settings))
        print(_json_line(score) if flags.is_json else _line(score), flush=True)
        num_scores += 1
    remark(f"{source.shown_name} has ended after {num_scores} snippets")


def live_model(flags: WatchFlags) -> "LiveModel":
    """Motion where no scorer is named. Raises `UsageError` where features would not fit."""
    from engine.errors import UsageError
    from engine.flow import build_extractor
    from engine.stages.score import scorer_name
    from engine.watch import LiveMotion, LiveScorer, with_small_batches

    config = live_config(flags)
    if config.score.is_baseline:
        return LiveMotion()
    file = scorer_file(config)
    extractor = with_small_batches(build_extractor(config.features))
    if file.scorer.extractor not in ("", extractor.name) or file.scorer.width != extractor.width:
        raise UsageError(
            f"{file.path} takes {file.scorer.width} numbers of {file.scorer.extractor!r}, but "
            f"{extractor.name!r} gives {extractor.width}; watch from a dataset whose dataset.toml "
            "names that extractor in [features]"
        )
    return LiveScorer(scorer_name(file), file.scorer, extractor)


def live_config(flags: WatchFlags) -> "Config":
    """Of the dataset that was named or holds this folder, if any; a file needs none."""
    from engine.config import Config
    from engine.dataset import Dataset
    from engine.errors import UsageError

    if flags.dataset_dir is not None:
        dataset = Dataset.open(flags.dataset_dir)
    else:
        try:
            dataset = Dataset.find(Path.cwd())
        except UsageError:
            dataset = Dataset(Path.cwd(), Config())
    return with_checkpoint(dataset, flags.checkpoint, writes=False).config


def _line(score: "LiveScore") -> str:
    bar = "█" * round(40 * score.score)
    return f"{score.start_seconds:10.2f} s  {score.score:.3f}  {bar}".rstrip()


def _json_line(score: "LiveScore") -> str:
    import orjson

    return orjson.dumps(score).decode()
