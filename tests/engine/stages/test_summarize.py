from typing import Any, Literal

import pytest

from engine.errors import ItemError
from engine.models.baseline import BaselineSummarizer
from engine.models.chat import Summarizer, SummaryReply, SummaryRequest
from engine.prompting import fill
from engine.stage import Item, fingerprint_of
from engine.stages.summarize import SummarizeStage
from schemas import Summary
from tests.builders import VIDEO_ID
from tests.engine.stages.examples import EVENT_ID, a_summarize_item, edit_prompt
from tests.fakes import ScriptedSummarizer


def agreeing(request: SummaryRequest) -> SummaryReply:
    return SummaryReply(request.id, True, "There is abuse.", "He pushes.", "It hurts.", None)


def disagreeing(request: SummaryRequest) -> SummaryReply:
    return SummaryReply(request.id, False, "All is well.", "He walks.", None, None)


def another_id(request: SummaryRequest) -> SummaryReply:
    return SummaryReply("Fighting002_E0", True, "There is a fight.", "", None, None)


def summary(says: Any = agreeing, **changes: Any) -> Summary:
    stage = SummarizeStage(ScriptedSummarizer(says), granularity="event")
    [record] = stage.process(Item(f"event:{EVENT_ID}", a_summarize_item(**changes)))
    assert isinstance(record, Summary)
    return record


def test_a_summary_bears_the_segments_own_id_and_all_its_parts_as_text() -> None:
    made = summary()
    assert (made.id, made.video_id, made.granularity) == (EVENT_ID, VIDEO_ID, "event")
    assert made.text == "There is abuse. He pushes. It hurts."


def test_the_label_stands_whatever_the_summarizer_judged() -> None:
    assert summary(disagreeing, is_anomalous=True).is_anomalous is True


def test_without_a_label_the_summarizer_is_the_judge() -> None:
    assert summary(disagreeing, is_anomalous=None, categories=()).is_anomalous is False


def test_a_reply_about_another_segment_is_refused() -> None:
    with pytest.raises(ItemError, match="got Fighting002_E0") as caught:
        summary(another_id)
    assert caught.value.reason == "id_mismatch"


@pytest.mark.parametrize(
    ("changes", "prompt", "values"),
    [
        ({}, "summarize_event.abnormal", {"categories": "Abuse"}),
        ({"categories": ()}, "summarize_event.abnormal", {"categories": "unknown"}),
        ({"is_anomalous": False}, "summarize_event.normal", {}),
        ({"is_anomalous": None}, "summarize_event.unlabelled", {}),
        ({"granularity": "video", "is_anomalous": False}, "summarize_video.normal", {}),
    ],
)
def test_the_label_chooses_the_prompt_and_texts_fill_it_braces_and_all(
    changes: dict[str, Any], prompt: str, values: dict[str, str]
) -> None:
    body = a_summarize_item(**changes)
    request = SummarizeStage(ScriptedSummarizer(agreeing), granularity=body.granularity).request(
        body
    )
    place = "clip_captions" if body.granularity == "event" else "event_summaries"
    texts = "A man pushes a woman. She falls {down}."
    assert request.prompt == fill(prompt, {place: texts, **values})
    assert texts in request.prompt
    assert request.texts == body.texts


SCRIPTED, BASELINE = ScriptedSummarizer(agreeing), BaselineSummarizer()


@pytest.mark.parametrize(
    ("summarizer", "step", "edited", "is_another"),
    [
        (SCRIPTED, "event", "summarize_event.normal", True),
        (SCRIPTED, "event", "summarize_video.normal", False),
        (SCRIPTED, "video", "summarize_video.normal", True),
        (SCRIPTED, "video", "summarize_event.normal", False),
        (BASELINE, "video", "summarize_video.normal", False),
    ],
)
def test_an_edited_prompt_counts_only_in_the_step_and_for_models_that_are_sent_it(
    summarizer: Summarizer,
    step: Literal["event", "video"],
    edited: str,
    is_another: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = SummarizeStage(summarizer, granularity=step)
    before = fingerprint_of(stage)
    edit_prompt(monkeypatch, "engine.stages.summarize", edited)
    assert (fingerprint_of(stage) != before) is is_another
