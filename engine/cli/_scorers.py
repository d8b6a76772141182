"""What `features` and `score` were told on the command line, as if dataset.toml said so."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli._output import remark

if TYPE_CHECKING:
    from engine.config import Config
    from engine.dataset import Dataset
    from engine.flow import Step
    from engine.models.scorer import Scorer, ScorerFile
    from engine.stage import Stage


def with_extractor(dataset: "Dataset", extractor: str | None, *, workers: int | None) -> "Dataset":
    """The dataset as if dataset.toml named this extractor."""
    from engine.config import BASELINE

    section = dataset.config.features
    chosen = extractor if extractor in (None, BASELINE) else str(Path(extractor).resolve())
    if chosen is not None and chosen != section.extractor:
        remark(
            f"note: extractor {extractor!r} is for this run only; set extractor = "
            f'"{chosen}" in [features] of dataset.toml, or the next run without --extractor makes '
            "everything again"
        )
        dataset = _with(dataset, features=section.model_copy(update={"extractor": chosen}))
    if workers is None:
        return dataset
    return _with(dataset, run=dataset.config.run.model_copy(update={"workers": workers}))


def _with(dataset: "Dataset", **sections: Any) -> "Dataset":
    return replace(dataset, config=dataset.config.model_copy(update=sections))


def with_checkpoint(
    dataset: "Dataset", checkpoint: Path | None, *, writes: bool = True
) -> "Dataset":
    """The dataset as if dataset.toml named this scorer. `writes`: what it says is kept."""
    section = dataset.config.score
    chosen = None if checkpoint is None else str(checkpoint.resolve())
    if chosen is None or chosen == section.model:
        return dataset
    if writes:
        remark(
            f'note: {checkpoint} is for this run only; set model = "{chosen}" in [score] of '
            "dataset.toml, or the next run without --checkpoint scores by motion again"
        )
    return _with(dataset, score=section.model_copy(update={"model": chosen}))


def score_steps(dataset: "Dataset") -> tuple[str, ...]:
    """What `score` runs. Raises `UsageError` before any work where a scorer cannot be used."""
    if dataset.config.score.is_baseline:
        return ("score",)
    refuse_other_extractor(dataset)
    return ("features", "score")


def refuse_other_extractor(dataset: "Dataset") -> None:
    """Before hours of work: features that would be made must be what the scorer was trained on."""
    from engine.errors import UsageError
    from engine.flow import build_extractor
    from engine.index import Index
    from schemas import FeatureTrack, Video

    scorer = scorer_file(dataset.config).scorer
    index = Index(dataset)
    have = index.imported_ids(FeatureTrack)
    ours = [video for video in index.all(Video) if video.media and video.id not in have]
    made_by = build_extractor(dataset.config.features).name
    if ours and scorer.extractor not in ("", made_by):
        raise UsageError(
            f"{dataset.config.score.model} was trained on features of {scorer.extractor!r}, but "
            f"{made_by!r} would be made for {len(ours)} videos, such as {ours[0].id}; name that "
            "extractor in [features] of dataset.toml, or import the features with `vau-data "
            "import features`"
        )


def scorer_file(config: "Config") -> "ScorerFile":
    """The checkpoint that `[score] model` names, ready to be read."""
    from engine.models.scorer import ScorerFile

    return ScorerFile(Path(config.score.model), load_scorer)


def load_scorer(path: Path) -> "Scorer":
    """Read a checkpoint. Raises `UsageError` where that needs PyTorch, which is not here."""
    from engine.errors import UsageError

    try:
        from train.scorer.checkpoint import load_checkpoint
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "safetensors"):
            raise
        raise UsageError(
            f"scoring with {path.name} needs PyTorch, and {error.name} is not installed; run "
            "`make install-train`"
        ) from error
    return load_checkpoint(path)


def with_scorer_loader(step: "Step") -> "Step":
    """The engine does not know how scorers are trained, so it cannot load them either."""
    if step.name != "score":
        return step

    def build(config: "Config") -> "Stage[Any]":
        from engine.stages.score import ScorerStage

        stage = step.build(config)
        return replace(stage, file=scorer_file(config)) if isinstance(stage, ScorerStage) else stage

    return replace(step, build=build)
