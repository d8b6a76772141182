from typing import Any

from engine.families.hivau import HIVAU
from engine.prompting import questions
from engine.stage import Item
from engine.stages.instruct import InstructStage
from schemas import Instruction
from tests.builders import a_summary
from tests.engine.stages.examples import CLIP_ID, EVENT_ID, an_instruct_item


def instructions(*, seed: int = 0, **changes: Any) -> list[Instruction]:
    made = InstructStage(HIVAU, seed).process(
        Item(f"hivau:{EVENT_ID}", an_instruct_item(**changes))
    )
    return [one for one in made if isinstance(one, Instruction)]


def test_an_abnormal_event_is_asked_for_judgement_description_and_analysis() -> None:
    [made] = instructions()
    assert [turn.task for turn in made.turns] == ["judgement", "description", "analysis"]
    assert [turn.question in questions(turn.task) for turn in made.turns] == [True] * 3
    assert (made.start_seconds, made.end_seconds) == (2.0, 8.0)


def test_a_normal_event_is_asked_nothing_that_presumes_an_anomaly() -> None:
    summary = a_summary(is_anomalous=False, analysis=None)
    [made] = instructions(is_anomalous=False, text=summary)
    assert [turn.task for turn in made.turns] == ["judgement", "description"]
    assert all(turn.question in questions(f"normal_{turn.task}") for turn in made.turns)


def test_a_clip_is_asked_for_its_caption() -> None:
    [made] = instructions(
        segment_id=CLIP_ID, granularity="clip", is_anomalous=None, text="A man runs."
    )
    assert [(turn.task, turn.answer) for turn in made.turns] == [("caption", "A man runs.")]


def test_the_seed_draws_other_questions_and_the_same_seed_the_same() -> None:
    drawn = {
        seed: [turn.question for turn in instructions(seed=seed)[0].turns] for seed in range(5)
    }
    assert len({tuple(asked) for asked in drawn.values()}) > 1
    assert [turn.question for turn in instructions(seed=3)[0].turns] == drawn[3]


def test_an_unlabelled_segment_is_as_abnormal_as_it_was_judged() -> None:
    [made] = instructions(is_anomalous=None, text=a_summary(is_anomalous=True))
    assert made.is_anomalous is True
    assert [turn.task for turn in made.turns] == ["judgement", "description", "analysis"]
