"""Each rule of the text audit on one example that trips it and on one that must not."""

from dataclasses import replace
from typing import Any

import pytest

from engine.categories import load_domain
from engine.prompting import questions
from engine.quality.category_words import DomainWords
from engine.quality.rules import RULES
from engine.quality.text_rules import WordLimits, findings_in, is_unfit_for_normal
from engine.tree import ClipNode, EventNode, VideoNode
from schemas import Finding, Provenance, Turn
from tests.builders import (
    VIDEO_ID,
    a_caption,
    a_clip,
    a_summary,
    a_video,
    an_event,
    an_instruction,
)

WORDS = DomainWords.of(load_domain(None))
LIMITS = WordLimits(caption=(3, 20), summary=(5, 60))
NORMAL: dict[str, Any] = {"is_anomalous": False, "categories": ()}
CALM: dict[str, Any] = {
    "text": "Nothing abnormal happens. A man walks along the street.",
    "judgement": "There is no anomaly in the video.",
    "description": "A man walks along the street.",
    "analysis": None,
    "is_anomalous": False,
}


def a_node(
    *, caption: str = "A man pushes a woman.", is_normal: bool = False, **summary: Any
) -> VideoNode:
    """One event of one clip, all summaries alike."""
    label: dict[str, Any] = NORMAL if is_normal else {}
    said = {**(CALM if is_normal else {"judgement": "There is an anomaly, abuse."}), **summary}
    clip = ClipNode(a_clip(), a_caption(text=caption))
    event = EventNode(an_event(**label), (clip,), a_summary(**said))
    return VideoNode(a_video(**label), (event,), None, ())


def tripped(node: VideoNode) -> list[tuple[str, str]]:
    return [(one.rule, one.target_id) for one in findings_in(node, LIMITS, WORDS)]


E0, C0 = f"{VIDEO_ID}_E0", f"{VIDEO_ID}_E0C0"


@pytest.mark.parametrize("is_normal", [False, True])
def test_sound_texts_trip_nothing(is_normal: bool) -> None:
    caption = "A man walks along." if is_normal else "A man pushes a woman."
    assert tripped(a_node(caption=caption, is_normal=is_normal)) == []


@pytest.mark.parametrize(
    ("summary", "rule"),
    [
        ({"judgement": "There is no anomaly in the video."}, "label-against-judgement"),
        ({"judgement": "The anomaly is a robbery."}, "category-against-text"),
        ({"text": "There is abuse. The dense caption tells of a push."}, "leaks-hint"),
        ({"text": "As the label says, a man pushes a woman here."}, "leaks-hint"),
        ({"text": "A man falls down. A man falls down. A man falls down."}, "repetition-loop"),
        ({"text": "There is abuse."}, "length-out-of-range"),
        ({"text": "word " * 4 + "and again another " * 30}, "length-out-of-range"),
    ],
)
def test_fault_of_a_summary_is_found(summary: dict[str, Any], rule: str) -> None:
    assert (rule, E0) in tripped(a_node(**summary))


@pytest.mark.parametrize(
    "judgement",
    [
        "There is an anomaly, abuse, which ends in a robbery.",
        "The anomaly is a man abusing a woman.",
        "There is an anomaly in the video.",
    ],
)
def test_judgement_that_names_its_label_or_no_category_trips_nothing(judgement: str) -> None:
    assert tripped(a_node(judgement=judgement)) == []


def test_judgement_of_a_category_that_no_data_set_knows_is_held_to_its_words() -> None:
    node = a_node(judgement="The anomaly is a robbery.")
    loitering = node.events[0].event.model_copy(update={"categories": ("Loitering",)})
    wrong = replace(node, events=(replace(node.events[0], event=loitering),))
    assert tripped(wrong) == [("category-against-text", E0)]
    named = node.events[0].summary
    assert named is not None
    right = named.model_copy(update={"judgement": "The anomaly is loitering before a robbery."})
    event = replace(node.events[0], event=loitering, summary=right)
    assert tripped(replace(node, events=(event,))) == []


def test_video_s_own_summary_is_held_to_the_video_s_label() -> None:
    denied = a_summary(VIDEO_ID, judgement="No anomaly exists.")
    found = tripped(replace(a_node(), summary=denied))
    assert found == [("label-against-judgement", VIDEO_ID)]


@pytest.mark.parametrize(
    ("text", "is_leak"),
    [
        ("The anomaly is RoadAccidents, a car hits a pole.", True),
        ("The anomaly is a road accident, a car hits a pole.", False),
        ("A man in a CoolJacket coat hits a pole here.", False),
        ("Based on the given category, this must be a crash.", True),
        ("According to the captions a car hits a pole.", True),
        ("A label on the box says that it is heavy.", False),
    ],
)
def test_raw_label_and_talk_of_the_prompt_leak_the_hint(text: str, is_leak: bool) -> None:
    node = a_node(text=text, judgement="There is an anomaly, a road accident.")
    event = node.events[0].event.model_copy(update={"categories": ("RoadAccidents",)})
    node = replace(node, events=(replace(node.events[0], event=event),))
    assert tripped(node) == ([("leaks-hint", E0)] if is_leak else [])


@pytest.mark.parametrize(
    ("caption", "is_found"),
    [
        ("A man holds a knife.", True),
        ("Two men are fighting.", True),
        ("A man walks without a knife.", False),
        ("There is no fire, a man walks.", False),
        ("Cars pass a fire.", True),
        ("Cars pass along the road.", False),
    ],
)
def test_normal_clip_that_tells_of_an_anomaly_is_found(caption: str, is_found: bool) -> None:
    expected = [("anomaly-in-normal", C0)] if is_found else []
    assert tripped(a_node(caption=caption, is_normal=True)) == expected
    assert tripped(a_node(caption=caption)) == []


def test_denial_holds_for_its_clause_alone() -> None:
    assert WORDS.claims_in("No gun is seen, but a fire burns.") == {"fire": "fire"}
    assert WORDS.claims_in("A robber shoots; nobody is wounded.").keys() == {"theft", "shooting"}


def test_every_claim_has_words_of_its_own() -> None:
    claims = WORDS.claims
    assert claims["gun"] == "weapon"
    assert len(set(claims.values())) == 14


@pytest.mark.parametrize(
    ("caption", "is_found"),
    [("A man.", True), ("A man walks.", False), ("A man walks. " * 7, True)],
)
def test_caption_of_too_few_or_too_many_words_is_found(caption: str, is_found: bool) -> None:
    found = [one for one in tripped(a_node(caption=caption)) if one[0] == "length-out-of-range"]
    assert found == ([("length-out-of-range", C0)] if is_found else [])


def asked(question: str, *, is_anomalous: bool) -> list[Finding]:
    turn = Turn(task="judgement", question=question, answer="No anomaly exists.")
    row = an_instruction(is_anomalous=is_anomalous, turns=(turn,))
    return list(findings_in(replace(a_node(is_normal=True), instructions=(row,)), LIMITS, WORDS))


def test_question_that_presumes_an_anomaly_is_unfit_for_normal_segments_alone() -> None:
    (found,) = asked("What anomalies can be identified in the video?", is_anomalous=False)
    assert (found.rule, found.target, found.part) == (
        "question-unfit-for-normal",
        "instruction",
        "judgement",
    )
    assert found.id == f"question-unfit-for-normal:instruction:hivau:{E0}:judgement"
    assert asked("What anomalies can be identified in the video?", is_anomalous=True) == []
    assert asked("Are there any anomalies in the video?", is_anomalous=False) == []


@pytest.mark.parametrize(
    ("pool", "task", "num_unfit"),
    [
        ("normal_judgement", "judgement", 0),
        ("normal_description", "description", 0),
        ("vad_instruct", "judgement", 0),
        ("judgement", "judgement", 5),
        ("description", "description", 10),
        ("analysis", "analysis", 10),
    ],
)
def test_our_normal_pools_are_fit_and_the_paper_s_are_not(
    pool: str, task: str, num_unfit: int
) -> None:
    unfit = [one for one in questions(pool) if is_unfit_for_normal(one, task=task)]
    assert len(unfit) == num_unfit


def test_categories_that_two_data_sets_name_differently_are_one() -> None:
    assert WORDS.categories_named("a car accident") == WORDS.categories_named("the road accidents")
    assert WORDS.names_category("There is a car accident.", "RoadAccidents")
    assert not WORDS.names_category("A car parks.", "RoadAccidents")


WRITTEN = Provenance(made_by="model", name="openai/tiny")
LOOP = "He walks on. He walks on. He walks on. He walks on."


@pytest.mark.parametrize(
    ("answer", "rules"),
    [
        ("A man walks along.", []),
        ("A man holds a knife.", ["anomaly-in-normal"]),
        ("The captions say that he walks.", ["leaks-hint"]),
        (LOOP, ["repetition-loop"]),
    ],
)
def test_an_answer_that_a_model_wrote_is_looked_at_as_its_captions_are(
    answer: str, rules: list[str]
) -> None:
    turns = (Turn(task="action", question="What does he do?", answer=answer),)
    row = an_instruction(
        id=f"question-types:{E0}",
        family="question-types",
        is_anomalous=False,
        turns=turns,
        provenance=WRITTEN,
    )
    node = replace(a_node(is_normal=True), instructions=(row,))
    found = list(findings_in(node, LIMITS, WORDS))
    assert [(one.rule, one.target_id, one.part) for one in found] == [
        (rule, row.id, "action") for rule in rules
    ]
    by_rule = row.model_copy(
        update={"provenance": row.provenance.model_copy(update={"made_by": "rule"})}
    )
    assert list(findings_in(replace(node, instructions=(by_rule,)), LIMITS, WORDS)) == []


def test_each_finding_is_of_a_rule_that_is_documented() -> None:
    node = a_node(text="The dense caption.", judgement="No anomaly exists.")
    assert {one.rule for one in findings_in(node, LIMITS, WORDS)} <= set(RULES)
