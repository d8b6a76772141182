"""The prompts and question pools are the papers' own, and nothing presumes what is not so."""

import re

import pytest

from engine.prompting import placeholders, prompt_body, questions
from tests.engine.sources.reference import REFERENCE_DIR

PAPERS_DIR = REFERENCE_DIR.parent / "papers"
needs_papers = pytest.mark.skipif(not PAPERS_DIR.is_dir(), reason="the papers are absent")


def paper(name: str) -> str:
    return re.sub(r"\s+", " ", (PAPERS_DIR / f"{name}.txt").read_text(encoding="utf-8"))


@needs_papers
@pytest.mark.parametrize("pool", ["caption", "judgement", "description", "analysis"])
def test_question_pool_is_the_papers_verbatim_and_in_order(pool: str) -> None:
    text = paper("holmes-vau").partition("A.3. Hierarchical Instruction Data")[2]
    places = [text.find(f'"{question}"') for question in questions(pool)]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("pool", "count"),
    [
        ("caption", 24),
        ("judgement", 10),
        ("description", 10),
        ("analysis", 10),
        ("normal_description", 10),
    ],
)
def test_question_pools_have_the_papers_sizes_without_repeats(pool: str, count: int) -> None:
    assert len(questions(pool)) == len(set(questions(pool))) == count


@needs_papers
@pytest.mark.parametrize("segment", ["event", "video"])
@pytest.mark.parametrize("variant", ["abnormal", "normal", "unlabelled"])
def test_summary_prompt_is_the_papers_with_its_condition_resolved(
    segment: str, variant: str
) -> None:
    text = paper("holmes-vau").replace("{clip captions}", "{clip_captions}")
    text = text.replace("{event summaries}", "{event_summaries}")
    conditional = "There are (is no) abnormal events ({video-level label}) in the video. "
    resolved = {
        "abnormal": "There are abnormal events ({categories}) in the video. ",
        "normal": "There is no abnormal events in the video. ",
        "unlabelled": "",
    }
    body = prompt_body(f"summarize_{segment}.{variant}")
    assert body in text.replace(conditional, resolved[variant])


@needs_papers
def test_caption_prompt_and_the_vad_question_are_the_papers() -> None:
    assert f"'{prompt_body('caption_clip')}'" in paper("holmes-vau")
    said = paper("holmes-vad")
    assert [question for question in questions("vad_instruct") if question not in said] == []


def test_placeholders_are_the_ones_that_the_summarizer_fills() -> None:
    assert placeholders("summarize_event.abnormal") == {"clip_captions", "categories"}
    assert placeholders("summarize_video.abnormal") == {"event_summaries", "categories"}
    for variant in ("normal", "unlabelled"):
        assert placeholders(f"summarize_event.{variant}") == {"clip_captions"}
        assert placeholders(f"summarize_video.{variant}") == {"event_summaries"}
    assert placeholders("caption_clip") == set()


def test_neutral_descriptions_presume_no_anomaly() -> None:
    for question in questions("normal_description"):
        assert not re.search("anomal|abnormal|unusual|suspicious", question, re.IGNORECASE)


def test_neutral_judgements_are_the_papers_open_questions() -> None:
    assert set(questions("normal_judgement")) < set(questions("judgement"))
    presuming = re.compile(
        r"\bthe (?:abnormal|anomaly events)|^What (?:types|anomalies|categories)"
    )
    assert not any(presuming.search(question) for question in questions("normal_judgement"))
