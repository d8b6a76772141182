import pytest

from engine.quality.polarity import judgement_polarity
from engine.sources.hivau_instructions import read_instructions
from tests.engine.sources.reference import needs_reference_data, reference


@pytest.mark.parametrize(
    "text",
    [
        "The anomaly exists and its specific name is Arson.",
        "An anomaly exists, specifically a Fight.",
        "A Stealing anomaly exists in the video, where a man walks.",
        "Based on the caption, it appears that an anomaly exists.",
        "Multiple anomalies exist in the video, including Fighting.",
        "There is a potential anomaly, a theft.",
        "Abnormal behaviour was detected.",
        "Yes, there is a robbery.",
        "The anomaly exists, with no violence.",
        "The anomaly exists and is not explicitly named.",
        "There are no people, but an anomaly exists.",
        "There is no doubt that an anomaly exists.",
        "A man with no shirt triggers an anomaly.",
    ],
)
def test_text_says_that_there_is_an_anomaly(text: str) -> None:
    assert judgement_polarity(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "No anomaly exists in the video.",
        "There is no anomaly event (Shooting) in the video.",
        "There is no anomaly detected in the video, and specifically, no Arson.",
        "No unusual or suspicious events occur.",
        "No specific or notable anomaly is seen.",
        "The video does not contain any anomaly.",
        "There isn't any anomaly.",
        "An anomaly does not exist.",
        "Nothing unusual happens.",
        "The video is free of anomalies.",
        "The video is normal.",
        "No, everything is fine.",
    ],
)
def test_text_says_that_there_is_no_anomaly(text: str) -> None:
    assert judgement_polarity(text) is False


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A fight breaks out.",
        "It is unclear whether an anomaly exists.",
        "It cannot be determined if there is an anomaly.",
    ],
)
def test_text_that_says_neither_is_undecided(text: str) -> None:
    assert judgement_polarity(text) is None


@needs_reference_data
def test_every_published_judgement_is_decided_as_its_opening_words_say() -> None:
    rows = read_instructions(reference("hivau/merge_instruction_test_part.jsonl"))
    answers = [row.answer for row in rows if row.task == "judgement"]
    assert len(answers) == 231
    for answer in answers:
        is_negative = answer.startswith(("No anomaly", "There is no anomaly"))
        assert judgement_polarity(answer) is not is_negative, answer
