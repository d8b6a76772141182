from typing import Any

from engine.families.vad_instruct import turns
from engine.prompting import draw, questions
from schemas import Turn
from tests.builders import a_summary
from tests.engine.stages.examples import CLIP_ID, an_instruct_item


def asked(**changes: Any) -> tuple[Turn, ...]:
    return turns(an_instruct_item(**changes), draw)


def test_an_event_is_judged_and_explained_in_one_answer() -> None:
    (turn,) = asked()
    assert turn.question in questions("vad_instruct")
    assert (turn.task, turn.answer) == ("judgement", a_summary().text)


def test_a_normal_event_is_asked_the_same_neutral_question() -> None:
    normal = a_summary(is_anomalous=False, analysis=None)
    (turn,) = asked(is_anomalous=False, text=normal)
    assert turn.question == asked()[0].question
    assert turn.answer == normal.text


def test_an_event_of_which_nobody_could_tell_is_not_asked() -> None:
    assert asked(is_anomalous=None, text=a_summary(is_anomalous=None)) == ()
    assert len(asked(is_anomalous=None, text=a_summary(is_anomalous=True))) == 1


def test_a_clip_has_no_judgement_to_give() -> None:
    assert asked(segment_id=CLIP_ID, granularity="clip", is_anomalous=None, text="A man.") == ()
