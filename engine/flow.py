"""The whole engine, top to bottom: from videos to instructions. Read this first.

Each step is one arrow: a join says which items there are and from which records, a stage turns
one item into records. To add one: write `engine/stages/<name>.py` and its join, and add it here.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from engine.census import Census, load_ledger, take_census
from engine.config import BASELINE, Config, FeaturesSection
from engine.dataset import Dataset
from engine.errors import UsageError
from engine.families.family import RuleFamily
from engine.families.grounding import GROUNDING
from engine.families.hivau import HIVAU
from engine.families.mcq import MCQ
from engine.families.question_types import QUESTION_TYPES
from engine.families.reasoning import REASONING
from engine.families.va_gpt import VA_GPT
from engine.families.vad_instruct import VAD_INSTRUCT
from engine.families.vad_llama import VAD_LLAMA
from engine.families.written import AnyWrittenFamily
from engine.formats import Family
from engine.identity import with_canaries
from engine.index import Index
from engine.joins import families, files, footage, texts
from engine.joins.facts import Facts
from engine.joins.mcq import to_mcq
from engine.models.baseline_features import BaselineFeatures
from engine.models.build import build_captioner, build_summarizer, build_writer
from engine.models.features import FeatureExtractor
from engine.models.scorer import ScorerFile
from engine.models.vision_tower import TowerSettings, VisionTower
from engine.proposals import ClickGrowth, NormalSegments, ScorePeaks
from engine.runner import Executor, RunOptions, StageReport, report_at_rest, run_stage
from engine.stage import Pending, Stage, fingerprint_of
from engine.stages.caption import CaptionStage
from engine.stages.clip import ClipStage
from engine.stages.features import FeaturesStage, TowerStage
from engine.stages.ingest import IngestStage
from engine.stages.instruct import InstructStage
from engine.stages.instruct_written import WrittenInstructStage
from engine.stages.propose import ProposeStage
from engine.stages.score import ScorerStage, ScoreStage
from engine.stages.summarize import SummarizeStage
from engine.stamps import read_stamp, state_of, write_stamp


@dataclass(frozen=True)
class Step:
    """One arrow of the flow."""

    name: str
    """Of the stage, its ledger, its config section and its command."""
    build: Callable[[Config], Stage[Any]]
    join: Callable[[Facts, Census], Iterable[Pending[Any]]]
    scope: str = ""
    """Prefix of this step's items, where two steps share a stage."""
    is_stamped: bool = True
    """Whether all that its join reads are files of the dataset folder."""
    family: Family | None = None
    """Whose instructions it makes; None: it makes none."""

    @property
    def label(self) -> str:
        """`caption`, `summarize events`, `instruct hivau` …: tells those of one stage apart."""
        if self.family is not None:
            return f"{self.name} {self.family}"
        return f"{self.name} {self.scope.rstrip(':')}s".removesuffix(" s")


def ingest(config: Config) -> Stage[Any]:
    """Video files -> videos."""
    media = config.media
    return IngestStage(media.deadline_seconds, media.deadline_per_video_second)


def features(config: Config) -> Stage[Any]:
    """Videos -> feature tracks, and files beside them."""
    extractor = build_extractor(config.features)
    if isinstance(extractor, VisionTower):
        return TowerStage(extractor, num_threads=config.run.workers or os.cpu_count() or 1)
    media = config.media
    return FeaturesStage(extractor, media.deadline_seconds, media.deadline_per_video_second)


def build_extractor(section: FeaturesSection) -> FeatureExtractor:
    """The extractor that `[features]` names."""
    if section.extractor == BASELINE:
        return BaselineFeatures()
    settings = section.model_dump(exclude={"extractor"})
    return VisionTower(TowerSettings(Path(section.extractor), **settings))


def score(config: Config) -> Stage[Any]:
    """Videos, or their feature tracks -> score tracks."""
    if not config.score.is_baseline:
        return ScorerStage(ScorerFile(Path(config.score.model)))
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
        min_score=section.min_score,
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
        hint=config.caption.hint,
    )


def summarize_events(config: Config) -> Stage[Any]:
    """Captions -> summaries of events."""
    return SummarizeStage(build_summarizer(config.summarize), granularity="event")


def summarize_videos(config: Config) -> Stage[Any]:
    """Summaries of events -> summaries of videos."""
    return SummarizeStage(build_summarizer(config.summarize), granularity="video")


def instruct(family: RuleFamily[Any], config: Config) -> Stage[Any]:
    """Captions, summaries, times -> instructions of a family."""
    return InstructStage(family, seed=config.dataset.seed)


def write(family: AnyWrittenFamily, config: Config) -> Stage[Any]:
    """Captions, summaries -> instructions of a family that a model writes.

    Raises `UsageError` where there is no model: templates would make up what nobody said.
    """
    writer = build_writer(config.summarize, max_tokens=config.instruct.max_tokens)
    if writer is None:
        raise UsageError(
            f"instructions of family {family.name} are written by the model of [summarize], and "
            "that is the baseline, which fills templates; set model or preset there, or take the "
            "family out of [instruct] families"
        )
    return WrittenInstructStage(family, writer, seed=config.dataset.seed)


def _family_step(
    family: RuleFamily[Any] | AnyWrittenFamily,
    join: Callable[[Facts, Census], Iterable[Pending[Any]]],
) -> Step:
    build = partial(instruct, family) if isinstance(family, RuleFamily) else partial(write, family)
    scope = families.scope_of(family.name)
    return Step("instruct", build, join, scope=scope, family=family.name)


FLOW = (
    Step("ingest", ingest, files.to_ingest, is_stamped=False),
    Step("score", score, footage.to_score),
    Step("propose", propose, footage.to_propose),
    Step("clip", clip, footage.to_clip),
    Step("caption", caption, footage.to_caption),
    Step("summarize", summarize_events, texts.to_summarize_events, scope=texts.EVENT_SCOPE),
    Step("summarize", summarize_videos, texts.to_summarize_videos, scope=texts.VIDEO_SCOPE),
    _family_step(HIVAU, families.to_hivau),
)

FAMILIES = (
    FLOW[-1],
    _family_step(VAD_INSTRUCT, families.to_vad_instruct),
    _family_step(VAD_LLAMA, families.to_vad_llama),
    _family_step(GROUNDING, families.to_grounding),
    _family_step(VA_GPT, families.to_va_gpt),
    _family_step(REASONING, families.to_reasoning),
    _family_step(QUESTION_TYPES, families.to_question_types),
    _family_step(MCQ, to_mcq),
)
"""All that `[instruct] families` can name."""

FEATURES = Step("features", features, footage.to_features, is_stamped=False)
"""Not stamped: its files can be deleted, and are made again."""
STEPS = (FLOW[0], FEATURES, *FLOW[1:-1], *FAMILIES)
"""All that can be asked for by name."""


def wanted_steps(config: Config) -> tuple[Step, ...]:
    """What a run of everything takes: the families named, features where a scorer reads them."""
    unneeded = {"features"} if config.score.is_baseline else set()
    return tuple(step for step in named_steps(config) if step.name not in unneeded)


def named_steps(config: Config) -> tuple[Step, ...]:
    """All steps but those of families that `[instruct] families` does not name."""
    wanted = {None, *config.instruct.families}
    return tuple(step for step in STEPS if step.family in wanted)


def run_step(
    dataset: Dataset, step: Step, *, executor: Executor, options: RunOptions
) -> StageReport:
    """Bring one step up to date; at once where nothing was touched since it was."""
    stage = step.build(dataset.config)
    fingerprint = fingerprint_of(stage)
    stamp = (
        None if options.retry_rejects else read_stamp(dataset, step.label, fingerprint=fingerprint)
    )
    if stamp is not None:
        return report_at_rest(stage, num_settled=stamp.num_settled, num_rejected=stamp.num_rejected)
    index = Index(dataset)
    join = partial(step.join, Facts(index))
    executor = with_canaries(dataset, stage, executor)
    report = run_stage(dataset, stage, join, executor=executor, options=options, scope=step.scope)
    if step.is_stamped and not (report.num_left or report.waiting):
        own = (dataset.ledger_path(stage.name), dataset.record_path(stage.writes))
        files = index.files_read | {path: state_of(path) for path in own}
        counts = (report.num_items, report.num_rejected + report.num_rejected_before)
        write_stamp(dataset, step.label, fingerprint=fingerprint, files=files, counts=counts)
    return report


def look_at(
    dataset: Dataset, step: Step, *, retry_rejects: bool = False
) -> tuple[Census, list[Pending[Any]]]:
    """What a run of this step would do, without doing it."""
    stage = step.build(dataset.config)
    ledger = load_ledger(dataset, stage)
    join = partial(step.join, Facts(Index(dataset)))
    return take_census(stage, join, ledger=ledger, retry_rejects=retry_rejects)
