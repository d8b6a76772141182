import pytest

from engine.families.hivau import turns_for_clip, turns_for_summary
from schemas import Summary
from tests.engine.sources.builders import HUMAN


def pool_and_key(pool: str, key: str) -> str:
    return f"{pool} / {key}"


def a_summary(
    *, analysis: str | None = "A blow.", judged: bool | None = None, description: str = "A fight."
) -> Summary:
    return Summary(
        id="a_E0",
        video_id="a",
        granularity="event",
        is_anomalous=judged,
        text="All of it.",
        judgement="Yes.",
        description=description,
        analysis=analysis,
        provenance=HUMAN,
    )


def test_clip_is_asked_for_its_caption() -> None:
    (turn,) = turns_for_clip("a_E0C1", "A man runs.", pool_and_key)
    assert (turn.task, turn.answer) == ("caption", "A man runs.")
    assert turn.question == "caption / a_E0C1:caption"


def test_abnormal_segment_is_asked_all_three_from_the_papers_pools() -> None:
    turns = turns_for_summary(a_summary(), True, pool_and_key)
    assert [(turn.question, turn.answer) for turn in turns] == [
        ("judgement / a_E0:judgement", "Yes."),
        ("description / a_E0:description", "A fight."),
        ("analysis / a_E0:analysis", "A blow."),
    ]


def test_normal_segment_is_asked_neutrally_and_never_why_it_is_anomalous() -> None:
    turns = turns_for_summary(a_summary(judged=True), False, pool_and_key)
    assert [turn.question.partition(" ")[0] for turn in turns] == [
        "normal_judgement",
        "normal_description",
    ]


@pytest.mark.parametrize(("judged", "tasks"), [(True, 3), (False, 2)])
def test_unlabelled_segment_is_analysed_only_where_it_was_judged_abnormal(
    judged: bool, tasks: int
) -> None:
    turns = turns_for_summary(a_summary(judged=judged), None, pool_and_key)
    assert len(turns) == tasks
    assert turns[1].question.startswith("normal_description")


def test_a_judgement_that_could_not_tell_is_no_answer_to_train_on() -> None:
    turns = turns_for_summary(a_summary(judged=None), None, pool_and_key)
    assert [turn.task for turn in turns] == ["description"]


def test_parts_that_are_empty_are_not_asked_for() -> None:
    turns = turns_for_summary(a_summary(analysis=None, description=" "), True, pool_and_key)
    assert [turn.task for turn in turns] == ["judgement"]
