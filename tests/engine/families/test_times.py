"""The families whose answers are times: VAD-LLaMA's and grounding."""

import re
from typing import Any

import pytest

from engine.families import grounding, vad_llama
from engine.families.times import TimedEvent, TimesSubject, names_of, ordinal
from engine.prompting import draw, questions
from schemas import Turn
from tests.builders import VIDEO_ID


def an_event(start: float, end: float, called: str | None = "fight") -> TimedEvent:
    return TimedEvent((start, end), True, called)


def a_subject(*events: TimedEvent, **changes: Any) -> TimesSubject:
    known: dict[str, Any] = {
        "video_id": VIDEO_ID,
        "interval_seconds": (10.0, 60.0),
        "is_anomalous": True,
        "events": events,
    }
    return TimesSubject(**(known | changes))


NORMAL: dict[str, Any] = {"is_anomalous": False, "absent": "riot"}


def grounded(subject: TimesSubject) -> tuple[Turn, ...]:
    return grounding.turns(subject, draw)


def test_an_abnormal_video_is_asked_when_at_all_and_then_about_each_event_twice() -> None:
    made = grounded(a_subject(an_event(35.0, 40.0, "riot"), an_event(15.0, 20.04)))
    assert [turn.answer for turn in made] == [
        "Something abnormal happens from 5 s to 10 s and from 25 s to 30 s.",
        "It starts at 5 s and ends at 10 s.",
        "It starts at 10 % and ends at 20.1 % of the video.",
        "It starts at 25 s and ends at 30 s.",
        "It starts at 50 % and ends at 60 % of the video.",
    ]
    assert made[0].question in questions("grounding_any")
    assert "the fight" in made[1].question
    assert "the fight" in made[2].question
    assert "the riot" in made[3].question
    assert {turn.task for turn in made} == {"grounding"}


def test_a_normal_video_is_asked_the_same_and_answers_that_nothing_happens() -> None:
    made = grounded(a_subject(**NORMAL))
    assert [turn.answer for turn in made] == [
        "Nothing abnormal happens at any time in the video.",
        "There is no riot in the video.",
    ]
    pools = [
        questions("grounding_any"),
        [q.format(what="riot") for q in questions("grounding_seconds")],
    ]
    assert [turn.question in pool for turn, pool in zip(made, pools, strict=True)] == [True] * 2


@pytest.mark.parametrize("family", [grounding, vad_llama])
def test_what_is_not_known_is_not_asked(family: Any) -> None:
    assert family.turns(a_subject(an_event(15.0, 20.0), is_anomalous=None), draw) == ()
    assert family.turns(a_subject(), draw) == (), "abnormal, but nobody marked where"
    marked = a_subject(an_event(15.0, 20.0), **NORMAL)
    assert family.turns(marked, draw) == (), "called normal, but somebody marked it"
    undecided = TimedEvent((15.0, 20.0), None)
    assert family.turns(a_subject(undecided), draw) == ()


def test_an_event_that_stands_there_twice_is_asked_about_once() -> None:
    """Six videos of HIVAU-70k's test set have one: a "third explosion" was the second."""
    twice = a_subject(an_event(15.0, 20.0), an_event(15.0, 20.1), an_event(15.0, 20.0, "riot"))
    asked = [turn.question for turn in grounded(twice)]
    assert sum("the fight" in question for question in asked) == 2
    assert sum("the riot" in question for question in asked) == 2
    assert len(asked) == 5


@pytest.mark.parametrize("family", [grounding, vad_llama])
def test_no_time_lies_outside_the_video(family: Any) -> None:
    """The published sets have 80 of 762 clips and several events past the end."""
    made = family.turns(a_subject(an_event(5.0, 15.0), an_event(55.0, 99.0)), draw)
    told = [float(n) for turn in made for n in re.findall(r"[\d.]+(?=s| s| %)", turn.answer)]
    assert min(told) == 0
    assert max(told) == (100 if family is grounding else 50)
    assert family.turns(a_subject(an_event(61.0, 70.0)), draw) == ()


def test_vad_llama_answers_in_the_papers_sentences() -> None:
    (turn,) = vad_llama.turns(a_subject(an_event(18.55, 21.25), an_event(43.25, 46.75)), draw)
    assert turn.question == "Is there any anomaly in the video?"
    assert turn.answer == "Yes, there exist anomalies from 8.6s to 11.2s and from 33.2s to 36.8s."
    (turn,) = vad_llama.turns(a_subject(**NORMAL), draw)
    assert turn.answer == "No, there are no anomalies."


@pytest.mark.parametrize(
    ("kinds", "names"),
    [
        (["fight"], ["fight"]),
        ([None], ["abnormal event"]),
        (["fight", "riot"], ["fight", "riot"]),
        (["fight", "riot", "fight"], ["first fight", "riot", "second fight"]),
        (["fight", None], ["fight", "second abnormal event"]),
        ([None, None], ["first abnormal event", "second abnormal event"]),
    ],
)
def test_every_event_of_a_video_has_a_name_of_its_own(
    kinds: list[str | None], names: list[str]
) -> None:
    assert names_of(an_event(1.0, 2.0, kind) for kind in kinds) == names


def test_ordinals_go_on_past_the_words_for_them() -> None:
    assert [ordinal(n) for n in (0, 11, 12, 20, 21, 110)] == [
        *("first", "twelfth", "13th", "21st", "22nd", "111th")
    ]
