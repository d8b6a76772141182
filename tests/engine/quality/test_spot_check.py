"""Answers are served and judged; only the uniform sample is counted, and mending does not help."""

from itertools import islice
from pathlib import Path

import pytest

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.index import Index
from engine.quality.audit import run_audits
from engine.quality.bounds import Aim
from engine.quality.check_files import read_verdicts, write_items
from engine.quality.spot_check import CheckItem, SpotChecks, begin_round, error_bound, newest_round
from schemas import Instruction
from schemas.review import Discard, EditText
from tests.builders import (
    HERE,
    QUIET,
    VIDEO_ID,
    a_caption,
    a_clip,
    a_dataset,
    a_review,
    a_video,
    add_review,
    an_event,
    bring_in,
    run_named,
)

AIM = Aim(at_most=0.4, confidence=0.8)
NUM_CLIPS = 30


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Thirty clips, each with one question; the last says too little."""
    dataset = a_dataset(tmp_path)
    clip_ids = [f"{VIDEO_ID}_E0C{number}" for number in range(NUM_CLIPS)]
    clips = [
        a_clip(id_, start_seconds=2 + 0.2 * number, end_seconds=2.2 + 0.2 * number)
        for number, id_ in enumerate(clip_ids)
    ]
    captions = [
        a_caption(id_, text=f"A man in coat number {number} walks.")
        for number, id_ in enumerate(clip_ids)
    ]
    captions[-1] = a_caption(clip_ids[-1], text="Man.")
    bring_in(dataset, a_video(), an_event(), *clips, *captions)
    run_named(dataset, "instruct")
    return dataset


def checks_of(dataset: Dataset, aim: Aim = AIM, *, is_new: bool = False) -> SpotChecks:
    return SpotChecks(dataset, begin_round(dataset, aim, is_new=is_new))


def in_order(checks: SpotChecks, num: int) -> list[CheckItem]:
    """The next of the uniform order."""
    return list(islice(checks.upcoming(), num))


def judge(checks: SpotChecks, items: list[CheckItem], verdict: str = "right") -> None:
    reason = "invented" if verdict == "wrong" else None
    checks.enter([(item, verdict, reason) for item in items], author="tester")


def test_right_answers_bound_the_share_of_wrong_ones(dataset: Dataset) -> None:
    checks = checks_of(dataset)
    assert error_bound(dataset) is None
    assert checks.progress().next_look == 5
    judge(checks, in_order(checks, 5))
    bound = error_bound(dataset)
    assert bound is not None
    assert (bound.is_met, bound.num_checked, bound.num_wrong) == (True, 5, 0)
    assert bound.at_most == pytest.approx(1 - 0.1 ** (1 / 5))
    assert checks.progress().is_met


@pytest.mark.parametrize("verdict", ["wrong", "unsure"])
def test_unsure_counts_as_wrong(verdict: str, dataset: Dataset) -> None:
    checks = checks_of(dataset)
    first, *rest = in_order(checks, 5)
    judge(checks, [first], verdict)
    judge(checks, rest)
    bound = error_bound(dataset)
    assert bound is not None
    assert (bound.is_met, bound.num_wrong) == (False, 1)


def test_order_is_the_round_s_own_and_the_same_after_a_restart(dataset: Dataset) -> None:
    ids = [item.id for item in in_order(checks_of(dataset), 30)]
    assert ids == [item.id for item in in_order(checks_of(dataset), 30)]
    assert len(set(ids)) == NUM_CLIPS
    assert ids != sorted(ids)
    anew = [item.id for item in in_order(checks_of(dataset, is_new=True), 30)]
    assert sorted(anew) == sorted(ids) != anew


def test_suspects_are_served_in_between_but_count_only_in_their_turn(dataset: Dataset) -> None:
    run_audits(dataset, executor=HERE, options=QUIET)
    suspect = f"hivau:{VIDEO_ID}_E0C{NUM_CLIPS - 1}:0"
    checks = checks_of(dataset)
    first, second, third = in_order(checks, 3)
    assert second.id == suspect
    assert [one.rule for one in second.findings] == ["length-out-of-range"]
    judge(checks, [second], "wrong")
    assert checks.progress().num_judged == 1
    assert checks.progress().num_in_sample == 0
    judge(checks, [first, third])
    assert (checks.progress().num_in_sample, checks.progress().num_wrong_in_sample) == (2, 0)
    judge(checks, in_order(checks, NUM_CLIPS))
    done = checks.progress()
    assert (done.num_in_sample, done.num_wrong_in_sample) == (NUM_CLIPS, 1)
    assert done.bound is not None
    assert done.bound.confidence == 1.0


def test_verdict_on_a_changed_answer_counts_only_where_it_was_wrong(dataset: Dataset) -> None:
    checks = checks_of(dataset)
    right, wrong = in_order(checks, 2)
    judge(checks, [right])
    judge(checks, [wrong], "wrong")
    mended = EditText(field="text", text="A woman in a green coat walks.")
    for item in (right, wrong):
        add_review(dataset, a_review("caption", item.instruction.segment_id, mended))
    run_named(dataset, "instruct")
    again = checks_of(dataset)
    assert again.progress().num_in_sample == 0
    assert in_order(again, 1)[0].id == right.id
    judge(again, in_order(again, 1))
    assert (again.progress().num_in_sample, again.progress().num_wrong_in_sample) == (2, 1)


def test_discarding_what_was_wrong_does_not_better_the_sample(dataset: Dataset) -> None:
    checks = checks_of(dataset)
    (wrong,) = in_order(checks, 1)
    judge(checks, [wrong], "wrong")
    gone = Discard(reason="wrong")
    add_review(dataset, a_review("caption", wrong.instruction.segment_id, gone))
    run_named(dataset, "instruct")
    assert wrong.instruction.id not in Index(dataset).lines(Instruction)
    after = checks_of(dataset).progress()
    assert (after.num_in_sample, after.num_wrong_in_sample) == (1, 1)
    assert checks_of(dataset, is_new=True).progress().num_judged == 0


def test_a_round_keeps_its_aim(dataset: Dataset) -> None:
    checks_of(dataset)
    with pytest.raises(UsageError, match=r"round 1 was begun for at most 40\.0%.*--new-round"):
        checks_of(dataset, Aim(0.3, 0.8))
    checks_of(dataset, Aim(0.3, 0.8), is_new=True)
    last = newest_round(dataset)
    assert last is not None
    assert (last.id, last.at_most) == ("2", 0.3)


@pytest.mark.parametrize(
    ("verdict", "reason", "why"),
    [
        ("fine", None, "expected one of right, wrong, unsure"),
        ("wrong", None, "needs a reason"),
        ("wrong", "ugly", "needs a reason"),
        ("right", "label", "only a wrong answer has a reason"),
    ],
)
def test_verdict_that_makes_no_sense_is_refused(
    verdict: str, reason: str | None, why: str, dataset: Dataset
) -> None:
    checks = checks_of(dataset)
    with pytest.raises(UsageError, match=why):
        checks.enter([(in_order(checks, 1)[0], verdict, reason)], author="tester")
    assert checks.progress().num_judged == 0


def test_answers_go_out_as_csv_and_come_back_judged(dataset: Dataset, tmp_path: Path) -> None:
    checks, path = checks_of(dataset), tmp_path / "next.csv"
    write_items(path, checks, num=5)
    with pytest.raises(UsageError, match="exists"):
        write_items(path, checks, num=5)
    text = path.read_text()
    assert text.count("\n") == 6
    path.write_text(text.replace(",,\n", ",Right,\n").replace(",Right,\n", ",wrong,time\n", 1))
    checks.enter(read_verdicts(path, checks), author="tester")
    progress = checks.progress()
    assert (progress.num_in_sample, progress.num_wrong_in_sample) == (5, 1)


def test_rows_left_empty_are_passed_over(dataset: Dataset, tmp_path: Path) -> None:
    checks, path = checks_of(dataset), tmp_path / "next.csv"
    write_items(path, checks, num=3)
    assert read_verdicts(path, checks) == []


def test_rows_that_do_not_fit_are_all_named_and_nothing_is_taken(
    dataset: Dataset, tmp_path: Path
) -> None:
    checks, path = checks_of(dataset), tmp_path / "next.csv"
    (item,) = in_order(checks, 1)
    path.write_text(
        "item,answer_sha256,verdict,reason\n"
        f"hivau:gone:0,{item.answer_sha256},right,\n"
        f"{item.id},{'0' * 64},right,\n"
        f"{item.id},{item.answer_sha256},wrong,\n"
    )
    with pytest.raises(UsageError, match="3 bad entries") as told:
        read_verdicts(path, checks)
    for part in ("no such answer", "was changed since", "needs a reason"):
        assert part in str(told.value)
    path.write_text("item,verdict\n")
    with pytest.raises(UsageError, match="no column answer_sha256, reason"):
        read_verdicts(path, checks)
