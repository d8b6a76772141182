import json

import pytest

from engine.quality.splitter import SplitSummary, split_summary
from tests.engine.sources.reference import needs_reference_data, reference


def published() -> list[tuple[str, bool, SplitSummary]]:
    entries = json.loads(reference("hivau/ucf_database_test_part.json").read_text())
    found = []
    for entry in entries.values():
        texts = [*entry["events_summary"], entry["video_summary"]]
        splits = [*entry["events_summary_split"], entry["video_summary_split"]]
        for text, parts in zip(texts, splits, strict=True):
            cut = SplitSummary(parts["judgement"], parts["description"], parts.get("analysis"))
            found.append((text, bool(entry["label"]), cut))
    return found


def test_three_sentences_become_the_three_parts() -> None:
    text = 'An anomaly exists, a "Fight". Two men fight. The basis for judging this anomaly is it.'
    assert split_summary(text) == SplitSummary(
        "An anomaly exists, a Fight.", "Two men fight", "It."
    )


def test_middle_sentences_make_the_description_without_their_last_full_stop() -> None:
    text = "An anomaly exists. A. B; c. The basis for judging the anomaly is d."
    assert split_summary(text) == SplitSummary("An anomaly exists.", "A. B. c", "D.")


def test_basis_in_other_words_stays_whole() -> None:
    text = "An anomaly exists. Two men fight. The basis for judging this anomaly lies in the ATM."
    assert split_summary(text).analysis == "The basis for judging this anomaly lies in the ATM."


def test_basis_is_capitalized_as_the_published_texts_are() -> None:
    text = "An anomaly exists. A man cuts wires. The basis for judging the anomaly is that ATM."
    assert split_summary(text).analysis == "That atm."


def test_normal_text_has_no_analysis_and_keeps_its_last_full_stop() -> None:
    text = "No anomaly exists in the video. A woman reads; she leaves. Nothing else happens."
    assert split_summary(text) == SplitSummary(
        "No anomaly exists in the video.", "A woman reads. she leaves. Nothing else happens.", None
    )


def test_label_overrules_what_the_text_seems_to_be() -> None:
    text = "The anomaly exists. A car turns. It drives on."
    assert split_summary(text, is_anomalous=False).analysis is None
    assert split_summary(text, is_anomalous=True).analysis == "It drives on."


@pytest.mark.parametrize("is_anomalous", [True, False, None])
def test_single_sentence_is_a_judgement_alone(is_anomalous: bool | None) -> None:
    cut = split_summary("A robbery anomaly exists.", is_anomalous=is_anomalous)
    assert cut == SplitSummary("A robbery anomaly exists.", "", None)


@needs_reference_data
def test_every_published_split_is_reproduced_given_the_label() -> None:
    wrong = [
        text for text, label, cut in published() if split_summary(text, is_anomalous=label) != cut
    ]
    assert len(published()) == 336
    assert wrong == []


@needs_reference_data
def test_published_splits_are_reproduced_from_the_text_alone_but_for_one() -> None:
    wrong = [text for text, _, cut in published() if split_summary(text) != cut]
    assert len(wrong) == 1
    assert wrong[0].startswith("The anomaly exists in the first part of the video")
