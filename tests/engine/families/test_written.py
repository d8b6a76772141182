"""Families that a model writes: what is asked, which replies are taken, what becomes of them."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.families import question_types, reasoning, va_gpt
from engine.families.va_gpt import places_in
from engine.families.written import AnyWrittenFamily, DescribedSubject
from engine.models.forms import BadForm
from engine.prompting import draw, prompt_body, questions
from schemas import Turn
from tests.engine.families.examples import (
    CHAIN_REPLY,
    CLIP_REPLY,
    FALLS,
    KINDS_REPLY,
    QUIET_CHAIN_REPLY,
    QUIET_CLIP_REPLY,
    QUIET_KINDS_REPLY,
    a_clip,
    a_quiet_clip,
    a_quiet_event,
    an_event,
    as_said,
    asked,
)

VA_GPT, REASONING, KINDS = va_gpt.VA_GPT, reasoning.REASONING, question_types.QUESTION_TYPES
GOLDEN = Path(__file__).with_name("golden")
EXAMPLES: dict[str, tuple[AnyWrittenFamily, DescribedSubject, dict[str, Any]]] = {
    "va_gpt.abnormal": (VA_GPT, a_clip(), CLIP_REPLY),
    "va_gpt.normal": (VA_GPT, a_quiet_clip(), QUIET_CLIP_REPLY),
    "reasoning.abnormal": (REASONING, an_event(), CHAIN_REPLY),
    "reasoning.normal": (REASONING, a_quiet_event(), QUIET_CHAIN_REPLY),
    "question_types.abnormal": (KINDS, an_event(), KINDS_REPLY),
    "question_types.normal": (KINDS, a_quiet_event(), QUIET_KINDS_REPLY),
}
each_example = pytest.mark.parametrize("name", EXAMPLES)


@each_example
def test_what_is_asked_is_as_it_was_looked_at(name: str) -> None:
    """After a change of a prompt, look at what it says, and write it to the file."""
    family, subject, _ = EXAMPLES[name]
    assert family.prompt(subject) + "\n" == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


@each_example
def test_every_prompt_whose_words_are_sent_is_in_the_fingerprint(name: str) -> None:
    family, subject, _ = EXAMPLES[name]
    assert name in family.prompts
    hashed: Any = family.fingerprint_parts()["prompts_sha256"]
    assert list(hashed) == list(family.prompts)
    assert subject.captions[0] in family.prompt(subject)


def read(family: AnyWrittenFamily, subject: DescribedSubject, text: str) -> Any:
    return family.form(subject).read(text)


def made(family: AnyWrittenFamily, subject: DescribedSubject, reply: dict[str, Any]) -> list[Turn]:
    parts = read(family, subject, as_said(reply))
    assert not isinstance(parts, BadForm), parts.problem
    return list(family.turns(subject, parts, draw))


@each_example
def test_a_good_reply_becomes_turns(name: str) -> None:
    assert made(*EXAMPLES[name])


@each_example
def test_a_schema_holds_what_a_decoder_needs(name: str) -> None:
    """Every object closed and all its keys required, as strict decoding asks."""
    family, subject, reply = EXAMPLES[name]
    schema: Any = family.form(subject).schema
    assert list(schema["properties"]) == schema["required"] == list(reply)
    for part in (schema, *schema.get("$defs", {}).values()):
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])


@each_example
def test_a_schema_leaves_room_for_whole_sentences(name: str) -> None:
    """Decoders anchor patterns: `\\S`, for texts that must not be empty, allowed one letter."""
    family, subject, _ = EXAMPLES[name]
    assert "pattern" not in orjson.dumps(family.form(subject).schema).decode()


def problem(family: AnyWrittenFamily, subject: DescribedSubject, reply: Any, **changes: Any) -> str:
    found = read(family, subject, as_said(reply, **changes))
    assert isinstance(found, BadForm)
    return found.problem


def test_the_last_question_about_every_clip_is_va_gpts() -> None:
    turns = made(VA_GPT, a_clip(), CLIP_REPLY)
    assert [turn.task for turn in turns] == ["question", "question", "spatial", "judgement"]
    assert turns[-1].question == prompt_body("va_gpt.last") == "Are there any anomalies?"
    assert turns[2].question in questions("va_gpt_spatial")
    quiet = made(VA_GPT, a_quiet_clip(), QUIET_CLIP_REPLY)
    assert [turn.task for turn in quiet] == ["question", "question", "judgement"]


@pytest.mark.parametrize(
    ("subject", "changes", "why"),
    [
        (a_clip(), {"question_2": "what does the man  wear?"}, "is asked twice"),
        (a_clip(), {"question_1": "Are there any anomalies?"}, "is asked twice"),
        (a_clip(), {"last_answer": "A man shoves a woman."}, "say first whether"),
        (a_quiet_clip(), CLIP_REPLY | {"place_answer": None}, "there is none in this clip"),
        (a_clip(), {"place_answer": "In the center."}, "name one or more of: left"),
        (a_clip(), {"place_answer": None}, "must name one of: left"),
        (a_quiet_clip(), QUIET_CLIP_REPLY | {"place_answer": "On the left."}, "must be null"),
        (a_clip(), {"answer_1": "According to the caption, a coat."}, "speaks of how you were"),
        (a_clip(), {"answer_1": " "}, "answer_1"),
        (a_clip(), {"extra": "x"}, "extra"),
    ],
)
def test_questions_about_a_clip_that_cannot_stand_are_named(
    subject: DescribedSubject, changes: dict[str, Any], why: str
) -> None:
    assert why in problem(VA_GPT, subject, CLIP_REPLY, **changes)


def test_a_clip_of_an_abnormal_event_may_show_nothing_of_it() -> None:
    quiet = made(VA_GPT, a_clip(), CLIP_REPLY | {"last_answer": "No, there are no anomalies."})
    assert quiet[-1].answer == "No, there are no anomalies."


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("A man stands on the left.", ("left",)),
        ("A car comes from the upper right corner.", ("top", "right")),
        ("In the top-left part, smoke rises to the center.", ("top", "center", "left")),
        ("A dog lies in the middle of the bottom edge.", ("bottom", "center")),
        ("The right half is dark.", ("right",)),
        ("He left the shop. That is right, on top of it.", ()),
        ("She walks in the center.", ("center",)),
        ("He walks toward the centre.", ("center",)),
    ],
)
def test_places_are_those_of_the_picture_alone(text: str, places: tuple[str, ...]) -> None:
    assert places_in(text) == places


def test_a_chain_goes_from_what_is_seen_to_what_to_do() -> None:
    (turn,) = made(REASONING, an_event(), CHAIN_REPLY)
    assert turn.task == "reasoning"
    assert turn.question in questions("reasoning")
    assert [line.partition(":")[0] for line in turn.answer.splitlines()] == [
        *("What is seen", "Key objects", "Why it is abnormal"),
        *("Cause", "Effect", "Severity", "What to do"),
    ]
    assert "Key objects: a man in a red coat, a woman, a parked car" in turn.answer


def test_a_normal_event_is_asked_the_same_and_has_no_cause_to_look_for() -> None:
    (turn,) = made(REASONING, a_quiet_event(), QUIET_CHAIN_REPLY)
    assert turn.question == made(REASONING, an_event(), CHAIN_REPLY)[0].question
    assert (
        turn.answer.splitlines()[-1] == "Why it is normal: People walk past parked cars every day."
    )


@pytest.mark.parametrize(
    ("subject", "reply", "changes", "why"),
    [
        (an_event(), CHAIN_REPLY, {"severity": "none"}, "severity"),
        (an_event(), CHAIN_REPLY, {"key_objects": []}, "key_objects"),
        (an_event(), CHAIN_REPLY, {"key_objects": ["a man", "A man"]}, "repeats itself"),
        (an_event(), CHAIN_REPLY, {"why": "There is no anomaly."}, "the event is abnormal"),
        (a_quiet_event(), QUIET_CHAIN_REPLY, {"why": "There is an anomaly."}, "is normal"),
        (a_quiet_event(), CHAIN_REPLY, {}, "Extra inputs"),
        (an_event(), QUIET_CHAIN_REPLY, {}, "Field required"),
        (an_event(), CHAIN_REPLY, {"seen": "As an AI I see a man."}, "speaks of how you were"),
    ],
)
def test_a_chain_that_contradicts_the_label_or_lacks_a_step_is_named(
    subject: DescribedSubject, reply: dict[str, Any], changes: dict[str, Any], why: str
) -> None:
    assert why in problem(REASONING, subject, reply, **changes)


def test_kinds_come_in_their_order_each_once() -> None:
    turns = made(KINDS, an_event(), KINDS_REPLY)
    assert [turn.task for turn in turns] == [
        *("detection", "subject", "object", "action", "scene", "response")
    ]
    assert len(question_types.KINDS) == 12


def with_one_more(reply: dict[str, Any], **one: str) -> dict[str, Any]:
    return {"questions": [*reply["questions"], asked(**one)]}


@pytest.mark.parametrize(
    ("subject", "reply", "why"),
    [
        (an_event(), {"questions": KINDS_REPLY["questions"][:5]}, "at least 6"),
        (an_event(), with_one_more(KINDS_REPLY, kind="mood", question="Who?"), "kind"),
        (an_event(), with_one_more(KINDS_REPLY, kind="scene", question="Where?"), "scene is asked"),
        (
            an_event(),
            with_one_more(KINDS_REPLY, kind="attribute", question="who is there?"),
            "is asked twice",
        ),
        (an_event(), QUIET_KINDS_REPLY, "must say that there is an anomaly"),
        (a_quiet_event(), KINDS_REPLY, "must say that there is none"),
        (
            a_quiet_event(),
            with_one_more(QUIET_KINDS_REPLY, kind="cause", question="What led to the anomaly?"),
            "presumes an anomaly",
        ),
    ],
)
def test_questions_that_cannot_stand_are_named(
    subject: DescribedSubject, reply: dict[str, Any], why: str
) -> None:
    assert why in problem(KINDS, subject, reply)


def test_the_prompt_lists_every_kind_that_the_schema_knows() -> None:
    for name in ("question_types.abnormal", "question_types.normal"):
        listed = [line.partition(":")[0] for line in prompt_body(name).splitlines() if ": " in line]
        assert [kind for kind in question_types.KINDS if kind not in listed] == []


def test_a_clip_where_nothing_is_placed_is_not_asked_where() -> None:
    nowhere = a_clip(captions=(FALLS.replace(" at the bottom of the picture", ""),))
    assert "place_answer is null." in VA_GPT.prompt(nowhere)
    assert "no places but these: left." in VA_GPT.prompt(a_clip())
