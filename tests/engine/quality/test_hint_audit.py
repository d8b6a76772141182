"""A sample is asked twice, none of it becomes a caption, and an audit goes on where it stopped."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.dataset import Dataset
from engine.errors import ReplyError, ServiceError
from engine.executors.local import LocalExecutor
from engine.flow import Step
from engine.models.chat import CaptionRequest, SummaryReply, SummaryRequest
from engine.quality.hint_audit import StepAudit, audit_hint
from engine.runner import RunOptions
from engine.stages.caption import CaptionStage
from engine.stages.summarize import SummarizeStage
from schemas.review import Relabel
from tests.builders import (
    HERE,
    QUIET,
    a_caption,
    a_clip,
    a_dataset,
    a_human_caption,
    a_review,
    a_video,
    add_review,
    add_video,
    an_event,
    bring_in,
    copy_of,
    reconfigured,
    run_named,
    step_named,
)
from tests.fakes import ScriptedCaptioner, ScriptedSummarizer

NUM_CLIPS = 6
NORMAL = {"is_anomalous": False, "categories": ()}
UNLABELLED = {"is_anomalous": None, "categories": ()}


class Asked:
    """A captioner that sees a knife when told of abuse; counts what it is asked."""

    def __init__(self) -> None:
        self.prompts: list[tuple[str, str]] = []

    def __call__(self, request: CaptionRequest) -> str:
        self.prompts.append((request.id, request.prompt))
        return "A man holds a knife." if "(Abuse)" in request.prompt else "A man walks."


class Fails(Asked):
    """The same, until it fails for good."""

    def __init__(self, error: Exception, *, after: int) -> None:
        super().__init__()
        self.error, self.after = error, after

    def __call__(self, request: CaptionRequest) -> str:
        if len(self.prompts) >= self.after:
            raise self.error
        return super().__call__(request)


def caption_step(asked: Any) -> Step:
    def build(config: Any) -> CaptionStage:
        captioner = ScriptedCaptioner(reply=asked, concurrency=2, num_frames=1)
        return CaptionStage(captioner, config.caption.prompt, "pyav", 60.0, 1.0)

    return replace(step_named("caption"), build=build)


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory, executor: LocalExecutor) -> Dataset:
    """Abuse001: abnormal; Calm002: normal; street: unlabelled; six clips each."""
    dataset = a_dataset(tmp_path_factory.mktemp("audit"))
    for name in ("Abuse001", "Calm002", "street"):
        add_video(dataset, f"{name}.mp4", num_frames=100)
    run_named(dataset, "ingest", executor=executor)
    labels: dict[str, dict[str, Any]] = {"Abuse001": {}, "Calm002": NORMAL, "street": UNLABELLED}
    for name, label in labels.items():
        event = an_event(f"{name}_E0", start_seconds=0.0, end_seconds=4.0, **label)
        clips = [
            a_clip(f"{name}_E0C{n}", start_seconds=n * 0.5, end_seconds=n * 0.5 + 0.4)
            for n in range(NUM_CLIPS)
        ]
        bring_in(dataset, event, *clips)
    return dataset


@pytest.fixture
def dataset(footage: Dataset, tmp_path: Path) -> Dataset:
    return copy_of(footage, tmp_path / "ds")


def audit(
    dataset: Dataset,
    executor: LocalExecutor,
    asked: Any,
    *,
    share: float = 1.0,
    limit: int | None = None,
) -> StepAudit:
    options = RunOptions(limit=limit, is_quiet=True)
    step = caption_step(asked)
    return audit_hint(dataset, step, share=share, executor=executor, options=options)


def test_each_labelled_clip_is_asked_with_its_label_and_without(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    asked = Asked()
    found = audit(dataset, executor, asked)
    assert found.num_sampled == {"Abuse": NUM_CLIPS, "normal": NUM_CLIPS}
    assert (found.num_asked, found.num_unlabelled) == (2 * NUM_CLIPS, NUM_CLIPS)
    by_clip = Counter(item_id for item_id, _ in asked.prompts)
    assert set(by_clip.values()) == {2}
    assert not any(item_id.startswith("street") for item_id in by_clip)
    told = [prompt for item_id, prompt in asked.prompts if item_id == "Calm002_E0C0"]
    assert [prompt.startswith("There is no abnormal events") for prompt in told] == [True, False]


def test_the_report_names_what_only_the_label_produced(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    abuse, normal = audit(dataset, executor, Asked()).categories
    assert [claim.word for claim in abuse.claims] == ["holds", "knife"]
    assert abuse.claims[1].num_with == NUM_CLIPS
    assert abuse.only_with_share == pytest.approx(2 / 3)
    assert (normal.category, normal.only_with_share) == ("normal", 0.0)


def test_an_audit_writes_no_caption_and_settles_nothing(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    before = {path for path in dataset.dir_path.rglob("*") if path.is_file()}
    audit(dataset, executor, Asked())
    new = {path for path in dataset.dir_path.rglob("*") if path.is_file()} - before
    assert {path.name for path in new if path.suffix == ".jsonl"} == {"hint_audit_caption.jsonl"}


def test_a_share_of_each_category_is_asked_and_at_least_one(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    assert audit(dataset, executor, Asked(), share=0.5).num_sampled == {"Abuse": 3, "normal": 3}
    assert audit(dataset, executor, Asked(), share=0.01).num_sampled == {"Abuse": 1, "normal": 1}
    assert audit(dataset, executor, Asked(), share=0.0).num_sampled == {}


def test_a_larger_share_asks_only_what_is_new_and_reports_on_all(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    first, second = Asked(), Asked()
    audit(dataset, executor, first, share=0.5)
    found = audit(dataset, executor, second, share=1.0)
    assert (found.num_asked, found.num_answers) == (6, 12)
    assert {id_ for id_, _ in first.prompts}.isdisjoint(id_ for id_, _ in second.prompts)


def test_the_seed_chooses_the_sample(dataset: Dataset, executor: LocalExecutor) -> None:
    def sampled(dataset: Dataset) -> set[str]:
        asked = Asked()
        audit(dataset, executor, asked, share=0.5)
        return {id_ for id_, _ in asked.prompts}

    first = sampled(dataset)
    others = set()
    for seed in range(1, 6):
        dataset.hint_audit_path("caption").unlink()
        others.add(frozenset(sampled(reconfigured(dataset, f"[dataset]\nseed = {seed}\n"))))
    assert others != {frozenset(first)}


def test_an_audit_that_was_broken_off_goes_on(dataset: Dataset, executor: LocalExecutor) -> None:
    with pytest.raises(ServiceError):
        audit(dataset, executor, Fails(ServiceError("the endpoint is gone"), after=6))
    found = audit(dataset, executor, Asked())
    assert 0 < found.num_asked < 2 * NUM_CLIPS
    assert found.num_answers == 2 * NUM_CLIPS


def test_a_limit_leaves_the_rest_and_none_asks_nothing(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    asked = Asked()
    found = audit(dataset, executor, asked, limit=0)
    assert (found.num_asked, found.num_left, asked.prompts) == (0, 12, [])
    found = audit(dataset, executor, asked, limit=4)
    assert (found.num_asked, found.num_left, found.num_answers) == (4, 8, 4)


def test_another_label_makes_the_answers_about_its_clips_old(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    audit(dataset, executor, Asked())
    relabel = Relabel(is_anomalous=True, categories=("Arson",))
    add_review(dataset, a_review("event", "Abuse001_E0", relabel))
    asked = Asked()
    found = audit(dataset, executor, asked)
    assert {id_.partition("_")[0] for id_, _ in asked.prompts} == {"Abuse001"}
    assert [row.category for row in found.categories] == ["Arson", "normal"]


def test_what_a_person_captioned_is_not_asked_about(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    dataset = a_dataset(tmp_path)
    human = a_human_caption("Abuse001_H0", start_seconds=0.0, end_seconds=1.0)
    clip = a_clip("Abuse001_E0C0", human_caption_id=human.id, start_seconds=0.0, end_seconds=1.0)
    bring_in(dataset, a_video("Abuse001"), an_event("Abuse001_E0"), human, clip)
    asked = Asked()
    assert audit(dataset, executor, asked).num_sampled == {}
    assert asked.prompts == []


def test_an_answer_that_cannot_be_used_is_counted_and_asked_again(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    found = audit(dataset, executor, Fails(ReplyError("reply_empty", "no text"), after=0))
    assert (found.num_asked, found.rejects) == (0, {"reply_empty": 12})
    assert audit(dataset, executor, Asked()).num_asked == 12


def judge(request: SummaryRequest) -> SummaryReply:
    """Believes the label; left alone, it sees nothing."""
    told = "There is an explosion." if request.is_anomalous else "All is calm."
    return SummaryReply(
        id=request.id,
        is_anomalous=bool(request.is_anomalous),
        judgement=told,
        description="A man stands in smoke." if request.is_anomalous else "A man stands.",
        analysis=None,
        usage=None,
    )


def test_a_summarizer_left_alone_judges_for_itself(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    event = an_event("Abuse001_E0", categories=("Explosion",))
    clip = a_clip("Abuse001_E0C0")
    bring_in(dataset, a_video("Abuse001"), event, clip, a_caption("Abuse001_E0C0"))
    step = replace(
        step_named("summarize event:"),
        build=lambda _config: SummarizeStage(ScriptedSummarizer(judge), granularity="event"),
    )
    found = audit_hint(dataset, step, share=1.0, executor=HERE, options=QUIET)
    (row,) = found.categories
    assert (row.judged_as_labelled_with, row.judged_as_labelled_without) == (1.0, 0.0)
    assert (row.names_label_with, row.names_label_without) == (1.0, 0.0)
    assert [claim.word for claim in row.claims] == ["smoke"]
    assert not dataset.ledger_path("summarize").exists()
