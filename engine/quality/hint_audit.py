"""Asks a model about a sample of items twice, told the label and not told; writes no caption.

`runs/hint_audit_<stage>.jsonl` keeps both answers, so that an audit goes on where it stopped and a
larger share asks only what is new. `hint_claims.py` compares them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from math import ceil
from typing import Any, ClassVar

from engine.census import take_census
from engine.dataset import Dataset
from engine.errors import ItemError
from engine.flow import Step
from engine.index import Index
from engine.joins.facts import Facts
from engine.ledger import Ledger
from engine.models.chat import Json, SummaryReply
from engine.progress import Progress
from engine.quality.hint_claims import (
    CategoryFindings,
    HintAnswer,
    Said,
    Verdict,
    find_by_category,
    names_of,
)
from engine.runner import Executor, RunOptions
from engine.stage import Item, Pending, Stage, canonical_json, digest, fingerprint_of
from engine.stages.caption import CaptionItem, CaptionStage
from engine.stages.summarize import SummarizeItem, SummarizeStage, free_text
from engine.store import JsonlWriter, dump_line, parse_record, read_lines
from schemas import Record


@dataclass(frozen=True)
class CaptionAudit:
    """Captions a clip twice. A stage, so that executors take it; its records are answers."""

    stage: CaptionStage
    name: ClassVar[str] = "caption"
    writes: ClassVar[type[Record]] = HintAnswer

    @property
    def concurrency(self) -> int:
        """The captioner's."""
        return self.stage.concurrency

    def check(self) -> None:
        """Ask the captioner's endpoint whether it can be used."""
        self.stage.check()

    def close(self) -> None:
        """Let the captioner's connections go."""
        self.stage.close()

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """How it captions either way, whichever way the run does."""
        return {"hinted": dict(replace(self.stage, hint="category").fingerprint_parts())}

    def load(self, items: Sequence[Item[Any]]) -> Iterator[Item[Any] | tuple[str, ItemError]]:
        """Decode the clips' frames."""
        return self.stage.load(items)

    def deadline_seconds(self, items: Sequence[Item[Any]]) -> float:
        """For decoding."""
        return self.stage.deadline_seconds(items)

    def process(self, item: Item[CaptionItem]) -> Iterable[Record]:
        """One HintAnswer."""
        hinted, plain = (replace(self.stage, hint=hint) for hint in ("category", "none"))
        yield HintAnswer(
            id=item.id,
            is_anomalous=bool(item.body.is_anomalous),
            categories=item.body.categories,
            with_hint=Said(text=hinted.ask(item).text, verdict=None),
            without_hint=Said(text=plain.ask(item).text, verdict=None),
        )


@dataclass(frozen=True)
class SummaryAudit:
    """Summarizes an event or a video twice; not told the label, the model judges."""

    stage: SummarizeStage
    name: ClassVar[str] = "summarize"
    writes: ClassVar[type[Record]] = HintAnswer

    @property
    def concurrency(self) -> int:
        """The summarizer's."""
        return self.stage.concurrency

    def check(self) -> None:
        """Ask the summarizer's endpoint whether it can be used."""
        self.stage.check()

    def close(self) -> None:
        """Let the summarizer's connections go."""
        self.stage.close()

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """How it summarizes; all prompts are part of that."""
        return self.stage.fingerprint_parts()

    def process(self, item: Item[SummarizeItem]) -> Iterable[Record]:
        """One HintAnswer."""
        unlabelled = replace(item.body, is_anomalous=None, categories=())
        yield HintAnswer(
            id=item.id,
            is_anomalous=bool(item.body.is_anomalous),
            categories=item.body.categories,
            with_hint=_said(self.stage.ask(item.body)),
            without_hint=_said(self.stage.ask(unlabelled)),
        )


def _said(reply: SummaryReply) -> Said:
    verdicts: dict[bool | None, Verdict] = {True: "abnormal", False: "normal", None: "cannot tell"}
    return Said(text=free_text(reply), verdict=verdicts[reply.is_anomalous])


@dataclass(frozen=True)
class StepAudit:
    """What an audit of one step asked, and what all answers so far say."""

    step: str
    model: str
    num_sampled: dict[str, int]
    """Category -> items in the sample."""
    num_asked: int
    """Answered in this run; each took two requests."""
    num_left: int
    """In the sample, but not asked because of `--limit` or `--dry-run`."""
    rejects: dict[str, int]
    """Reason -> items of which one answer could not be used; asked again next time."""
    num_unlabelled: int
    """Items that have no label to tell."""
    num_answers: int
    categories: tuple[CategoryFindings, ...]


@dataclass(frozen=True)
class _Candidate:
    """An item with a label, and what its answer depends on."""

    pending: Pending[Any]
    is_anomalous: bool
    categories: tuple[str, ...]
    key: str


def audit_hint(
    dataset: Dataset, step: Step, *, share: float, executor: Executor, options: RunOptions
) -> StepAudit:
    """Ask about `share` of each category's items, at least one; report on all answers there are.

    `options.limit` 0 asks nothing. Raises `ServiceError` when it had to stop; answers are kept.
    """
    stage = _audit_stage(step, dataset)
    outlook = _look(dataset, step, stage, share=share)
    open_ones = outlook.open_ones
    chosen = open_ones if options.limit is None else open_ones[: options.limit]
    new, rejects = _ask(dataset, stage, chosen, executor=executor, options=options)
    answers = outlook.answers | {answer.id: answer for answer in new}
    return StepAudit(
        step=step.label,
        model=_model_of(stage),
        num_sampled=_count(outlook.sampled),
        num_asked=len(new),
        num_left=len(open_ones) - len(chosen),
        rejects=dict(rejects),
        num_unlabelled=outlook.num_unlabelled,
        num_answers=len(answers),
        categories=find_by_category([answers[id_] for id_ in sorted(answers)]),
    )


def look_at_audit(dataset: Dataset, step: Step, *, share: float) -> int:
    """How many items an audit would ask about; asks nothing."""
    return len(_look(dataset, step, _audit_stage(step, dataset), share=share).open_ones)


@dataclass(frozen=True)
class _Outlook:
    """What there is to ask, and what was answered before."""

    sampled: list[_Candidate]
    open_ones: list[_Candidate]
    """Those of the sample that have no answer yet."""
    answers: dict[str, HintAnswer]
    num_unlabelled: int


def _look(
    dataset: Dataset, step: Step, stage: CaptionAudit | SummaryAudit, *, share: float
) -> _Outlook:
    candidates, num_unlabelled = _candidates(dataset, step, stage)
    sampled = list(_sample(candidates, share=share, seed=dataset.config.dataset.seed))
    answers = _known_answers(dataset, stage, {one.pending.id: one.key for one in candidates})
    open_ones = [one for one in sampled if one.pending.id not in answers]
    return _Outlook(sampled, open_ones, answers, num_unlabelled)


def _audit_stage(step: Step, dataset: Dataset) -> CaptionAudit | SummaryAudit:
    stage: Stage[Any] = step.build(dataset.config)
    if isinstance(stage, CaptionStage):
        return CaptionAudit(stage)
    assert isinstance(stage, SummarizeStage)
    return SummaryAudit(stage)


def _model_of(stage: CaptionAudit | SummaryAudit) -> str:
    model = stage.stage.captioner if isinstance(stage, CaptionAudit) else stage.stage.summarizer
    return model.name


def _candidates(
    dataset: Dataset, step: Step, stage: CaptionAudit | SummaryAudit
) -> tuple[list[_Candidate], int]:
    """Items that a model is asked about, settled or not; and how many more have no label."""
    _, pending = take_census(
        stage, partial(step.join, Facts(Index(dataset))), ledger=Ledger(), retry_rejects=False
    )
    fingerprint = fingerprint_of(stage)
    found: list[_Candidate] = []
    num_unlabelled = 0
    for one in pending:
        body = one.build()
        if isinstance(body, CaptionItem) and body.human_caption is not None:
            continue
        if body.is_anomalous is None:
            num_unlabelled += 1
            continue
        said = [one.input_sha256, fingerprint, body.is_anomalous, *body.categories]
        key = digest(canonical_json(said)).hex()[:16]
        found.append(_Candidate(one, body.is_anomalous, body.categories, key))
    return found, num_unlabelled


def _sample(candidates: Iterable[_Candidate], *, share: float, seed: int) -> Iterator[_Candidate]:
    """The same items for the same seed; a larger share takes them and more."""
    groups: dict[tuple[str, ...], list[_Candidate]] = {}
    for one in candidates:
        groups.setdefault(names_of(one.is_anomalous, one.categories), []).append(one)
    for group in groups.values():
        group.sort(key=lambda one: _lot(one.pending.id, seed))
        yield from group[: ceil(share * len(group))]


def _lot(item_id: str, seed: int) -> bytes:
    return blake2b(f"{seed}/{item_id}".encode(), digest_size=8).digest()


def _count(sampled: Iterable[_Candidate]) -> dict[str, int]:
    names = (name for one in sampled for name in names_of(one.is_anomalous, one.categories))
    return dict(sorted(Counter(names).items()))


def _known_answers(
    dataset: Dataset, stage: CaptionAudit | SummaryAudit, keys: Mapping[str, str]
) -> dict[str, HintAnswer]:
    """Answers from before whose item, label and settings are what they were."""
    path = dataset.hint_audit_path(stage.name)
    newest = (parse_record(HintAnswer, line, path=path) for line in read_lines(path))
    return {one.id: one for one in newest if keys.get(one.id) == one.key}


def _ask(
    dataset: Dataset,
    stage: CaptionAudit | SummaryAudit,
    chosen: Sequence[_Candidate],
    *,
    executor: Executor,
    options: RunOptions,
) -> tuple[list[HintAnswer], Counter[str]]:
    new: list[HintAnswer] = []
    rejects: Counter[str] = Counter()
    if not chosen:
        return new, rejects
    keys = {one.pending.id: one.key for one in chosen}
    try:
        stage.check()
        with (
            JsonlWriter(dataset.hint_audit_path(stage.name)) as writer,
            Progress(f"{stage.name} audit", len(chosen), is_quiet=options.is_quiet) as progress,
        ):
            for item_id, result in executor.run(stage, [one.pending for one in chosen]):
                if isinstance(result, ItemError):
                    rejects[result.reason] += 1
                else:
                    (answer,) = result
                    assert isinstance(answer, HintAnswer)
                    new.append(answer.model_copy(update={"key": keys[item_id]}))
                    writer.append([dump_line(new[-1])])
                progress.advance(is_reject=isinstance(result, ItemError))
    finally:
        stage.close()
    return new, rejects
