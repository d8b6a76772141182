"""`vau-data audit`: what the texts of a dataset are suspected of, kept as findings.

The audits run as stages do, beside the flow: a run of the flow does not wait for them, and
nothing downstream depends on a finding. What they looked at and what changed since is known from
their ledger, so that an audit looks again at nothing that stayed as it was.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from engine.categories import load_domain
from engine.config import Config
from engine.dataset import Dataset
from engine.flow import Step, run_step
from engine.index import Index
from engine.joins import audits
from engine.joins.facts import Facts
from engine.ledger import AUDIT_LEDGER
from engine.models.build import judge_settings
from engine.quality.audit_stages import DuplicateAudit, SupportAudit, TextAudit
from engine.quality.category_words import DomainWords
from engine.quality.judge import Judge
from engine.quality.rules import RULES
from engine.quality.text_rules import WordLimits
from engine.runner import Executor, RunOptions, StageReport
from schemas import Click, Clip, Event, Finding, Video


def audit_texts(config: Config) -> TextAudit:
    """Videos -> findings in their texts and questions."""
    section = config.audit
    limits = WordLimits(section.caption_words, section.summary_words)
    return TextAudit(limits, words_of(config))


def audit_support(config: Config) -> SupportAudit:
    """Summaries and what they were made from -> claims without support."""
    settings = judge_settings(config.audit)
    judge = None if settings is None else Judge(settings)
    return SupportAudit(judge, words_of(config))


def audit_corpus(config: Config) -> DuplicateAudit:
    """All texts -> those that say the same as an earlier one."""
    section = config.audit
    return DuplicateAudit(section.duplicate_similarity, section.duplicate_min_words)


def words_of(config: Config) -> DomainWords:
    """What the category file says that texts can name and claim."""
    return DomainWords.of(load_domain(config.categories.file))


AUDITS = (
    Step(AUDIT_LEDGER, audit_texts, audits.to_audit_texts, scope=audits.TEXTS_SCOPE),
    Step(AUDIT_LEDGER, audit_support, audits.to_audit_support, scope=audits.SUPPORT_SCOPE),
    Step(AUDIT_LEDGER, audit_corpus, audits.to_audit_corpus, scope=audits.CORPUS_SCOPE),
)


def run_audits(
    dataset: Dataset, *, executor: Executor, options: RunOptions
) -> dict[str, StageReport]:
    """Bring every audit up to date; what is settled is not looked at again."""
    return {
        step.label: run_step(dataset, step, executor=executor, options=options) for step in AUDITS
    }


def findings_of(dataset: Dataset, segment_id: str) -> tuple[Finding, ...]:
    """What a clip's, an event's or a video's own texts are suspected of now."""
    return findings_by_segment(Index(dataset)).get(segment_id, ())


def findings_by_segment(index: Index) -> dict[str, tuple[Finding, ...]]:
    """Segment id -> its findings, in order of their ids."""
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in index.all(Finding):
        found[finding.segment_id].append(finding)
    return {
        segment_id: tuple(sorted(findings, key=lambda one: one.id))
        for segment_id, findings in found.items()
    }


def count_findings(index: Index) -> dict[str, int]:
    """Rule -> live findings; read from their ids alone."""
    return dict(sorted(Counter(id_.partition(":")[0] for id_ in index.lines(Finding)).items()))


@dataclass(frozen=True)
class RuleReport:
    """One rule, and what it would cost to use it as a filter."""

    rule: str
    meaning: str
    num_findings: int
    num_segments: int
    share_of_segments: float | None
    """Of the clips, events and videos that have a text; None: none has."""
    share_of_clicks: float | None
    """Of the frames that people clicked, those inside a segment it would remove; None: no click."""


@dataclass(frozen=True)
class AuditReport:
    """All findings that stand."""

    num_segments: int
    num_clicks: int
    rules: tuple[RuleReport, ...]
    together: RuleReport
    """All rules at once."""


def report_on_findings(dataset: Dataset) -> AuditReport:
    """Count findings and what each rule would remove, were it used as a filter. It removes nothing.

    Removing a segment is counted with all it spans: of a flagged video summary, the whole video.
    """
    index = Index(dataset)
    by_rule: dict[str, list[Finding]] = defaultdict(list)
    for finding in index.all(Finding):
        by_rule[finding.rule].append(finding)
    facts, frames = Facts(index), _Clicks.of(index)
    num_segments = sum(map(len, facts.segment_ids.values()))

    def reported(rule: str, meaning: str, findings: Collection[Finding]) -> RuleReport:
        flagged = {one.segment_id: one.video_id for one in findings}
        return RuleReport(
            rule=rule,
            meaning=meaning,
            num_findings=len(findings),
            num_segments=len(flagged),
            share_of_segments=len(flagged) / num_segments if num_segments else None,
            share_of_clicks=frames.share_inside(index, flagged),
        )

    every = [one for findings in by_rule.values() for one in findings]
    return AuditReport(
        num_segments=num_segments,
        num_clicks=frames.num,
        rules=tuple(reported(rule, RULES[rule], found) for rule, found in sorted(by_rule.items())),
        together=reported("any of them", "all rules together", every),
    )


@dataclass(frozen=True)
class _Clicks:
    """When people clicked, video by video."""

    times_of: Mapping[str, tuple[float, ...]]

    @classmethod
    def of(cls, index: Index) -> "_Clicks":
        times: dict[str, list[float]] = defaultdict(list)
        for video_id, click_ids in Facts(index).clicks_of.items():
            for click in index.many(Click, click_ids).values():
                if click.source == "human":
                    times[video_id].append(click.time_seconds)
        return cls({video_id: tuple(found) for video_id, found in times.items()})

    @property
    def num(self) -> int:
        return sum(map(len, self.times_of.values()))

    def share_inside(self, index: Index, video_of: Mapping[str, str]) -> float | None:
        """Of all clicks, those inside any of these segments (segment id -> video id)."""
        if not self.num:
            return None
        spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for segment_id, video_id in video_of.items():
            spans[video_id] += _span_of(index, segment_id)
        return sum(self._num_inside(id_, found) for id_, found in spans.items()) / self.num

    def _num_inside(self, video_id: str, spans: Iterable[tuple[float, float]]) -> int:
        within = list(spans)
        times = self.times_of.get(video_id, ())
        return sum(any(start <= time < end for start, end in within) for time in times)


def _span_of(index: Index, segment_id: str) -> list[tuple[float, float]]:
    """Empty where the segment is gone since."""
    for record_type in (Clip, Event, Video):
        if segment_id in index.lines(record_type):
            fields = index.fields(record_type, segment_id)
            return [(fields["start_seconds"], fields["end_seconds"])]
    return []
