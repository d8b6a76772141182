"""The whole engine, top to bottom: from videos to instructions. Read this first.

Each step is one arrow: a join says which items there are and from which records, a stage turns
one item into records. To add one: write `engine/stages/<name>.py` and its join, and add it here.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from engine.config import Config
from engine.dataset import Dataset
from engine.index import Index
from engine.joins import files, footage, texts
from engine.joins.facts import Facts
from engine.models.build import build_captioner, build_summarizer
from engine.proposals import ClickGrowth, NormalSegments, ScorePeaks
from engine.runner import (
    Census,
    Executor,
    RunOptions,
    StageReport,
    load_ledger,
    run_stage,
    take_census,
)
from engine.stage import Pending, Stage
from engine.stages.caption import CaptionStage
from engine.stages.clip import ClipStage
from engine.stages.ingest import IngestStage
from engine.stages.instruct import InstructStage
from engine.stages.propose import ProposeStage
from engine.stages.score import ScoreStage
from engine.stages.summarize import SummarizeStage


@dataclass(frozen=True)
class Step:
    """One arrow of the flow."""

    name: str
    """Of the stage, its ledger, its config section and its command."""
    build: Callable[[Config], Stage[Any]]
    join: Callable[[Facts, Census], Iterable[Pending[Any]]]
    scope: str = ""
    """Prefix of this step's items, where two steps share a stage."""

    def join_of(self, dataset: Dataset) -> Callable[[Census], Iterable[Pending[Any]]]:
        """The join over the dataset as it is now."""
        return partial(self.join, Facts(Index(dataset)))


def ingest(config: Config) -> Stage[Any]:
    """Video files -> videos."""
    media = config.media
    return IngestStage(media.deadline_seconds, media.deadline_per_video_second)


def score(config: Config) -> Stage[Any]:
    """Videos -> score tracks."""
    media = config.media
    return ScoreStage(media.deadline_seconds, media.deadline_per_video_second)


def propose(config: Config) -> Stage[Any]:
    """Clicks, score tracks -> events."""
    section = config.propose
    return ProposeStage(
        growth=replace(ClickGrowth(), alpha=section.alpha),
        peaks=replace(ScorePeaks(), max_events=section.max_events_per_video),
        normal=replace(NormalSegments(), max_segments=section.max_normal_segments),
        use_baseline_scores=section.use_baseline_scores,
        seed=config.dataset.seed,
    )


def clip(config: Config) -> Stage[Any]:
    """Events -> clips."""
    return ClipStage(**config.clip.model_dump(), seed=config.dataset.seed)


def caption(config: Config) -> Stage[Any]:
    """Clips -> captions."""
    return CaptionStage(
        captioner=build_captioner(config.caption),
        prompt=config.caption.prompt,
        decoder=config.media.decoder,
        base_deadline_seconds=config.media.deadline_seconds,
        deadline_per_video_second=config.media.deadline_per_video_second,
    )


def summarize(config: Config) -> Stage[Any]:
    """Captions -> summaries of events; these -> summaries of videos."""
    return SummarizeStage(summarizer=build_summarizer(config.summarize))


def instruct(config: Config) -> Stage[Any]:
    """Captions, summaries -> instructions."""
    return InstructStage(seed=config.dataset.seed)


FLOW = (
    Step("ingest", ingest, files.to_ingest),
    Step("score", score, footage.to_score),
    Step("propose", propose, footage.to_propose),
    Step("clip", clip, footage.to_clip),
    Step("caption", caption, footage.to_caption),
    Step("summarize", summarize, texts.to_summarize_events, scope=texts.EVENT_SCOPE),
    Step("summarize", summarize, texts.to_summarize_videos, scope=texts.VIDEO_SCOPE),
    Step("instruct", instruct, texts.to_instruct),
)


def run_step(
    dataset: Dataset, step: Step, *, executor: Executor, options: RunOptions
) -> StageReport:
    """Bring one step up to date."""
    return run_stage(
        dataset,
        step.build(dataset.config),
        step.join_of(dataset),
        executor=executor,
        options=options,
        scope=step.scope,
    )


def look_at(
    dataset: Dataset, step: Step, *, retry_rejects: bool = False
) -> tuple[Census, list[Pending[Any]]]:
    """What a run of this step would do, without doing it."""
    stage = step.build(dataset.config)
    ledger = load_ledger(dataset, stage)
    return take_census(stage, step.join_of(dataset), ledger=ledger, retry_rejects=retry_rejects)
