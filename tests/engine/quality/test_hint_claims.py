"""Which claims only the label produced: words, stems, shares, and what does not count as one."""

from typing import Any

import pytest

from engine.quality.hint_claims import HintAnswer, Said, Verdict, find_by_category, stem, stems_in


def an_answer(
    with_hint: str, without_hint: str, *, id: str = "V_E0C0", **changes: Any
) -> HintAnswer:
    known: dict[str, Any] = {
        "is_anomalous": True,
        "categories": ("Abuse",),
        "with_hint": Said(text=with_hint, verdict=None),
        "without_hint": Said(text=without_hint, verdict=None),
    }
    return HintAnswer(id=id, **(known | changes))


@pytest.mark.parametrize(
    "words",
    [
        ("push", "pushes", "pushed", "pushing"),
        ("carry", "carries", "carried", "carrying"),
        ("run", "runs", "running"),
        ("fall", "falls", "falling"),
        ("drive", "drives", "driving"),
        ("knife", "knifes"),
        ("bus",),
    ],
)
def test_forms_of_a_word_are_one_claim(words: tuple[str, ...]) -> None:
    assert len({stem(word) for word in words}) == 1


def test_words_that_only_look_inflected_keep_apart() -> None:
    assert len({stem(word) for word in ("red", "king", "glass", "gas", "string", "bed")}) == 6


def test_small_words_and_talk_about_the_video_are_no_claims() -> None:
    assert stems_in("The video clip shows that there is a man, and he is in it.").keys() == {"man"}


def test_the_hint_is_charged_with_what_only_its_answer_claims() -> None:
    answer = an_answer("A man beats a dog with a stick.", "A man walks a dog.")
    (found,) = find_by_category([answer])
    assert (found.category, found.num_items) == ("Abuse", 1)
    assert found.only_with_share == pytest.approx(2 / 4)  # beats, stick; of man, beats, dog, stick
    assert found.only_without_share == pytest.approx(1 / 3)  # walks
    assert [claim.word for claim in found.claims] == ["beats", "stick"]


def test_equal_answers_leave_nothing_to_charge() -> None:
    (found,) = find_by_category([an_answer("A man walks.", "A man walks.")])
    assert (found.only_with_share, found.claims) == (0.0, ())


def test_a_claim_is_counted_over_items_and_shown_where_it_is_made() -> None:
    answers = [
        an_answer("It is dark. A knife is seen.", "It is dark.", id="V_E0C0"),
        an_answer("He draws a knife.", "He draws a line.", id="V_E0C1"),
        an_answer("A hand.", "A hand, a knife.", id="V_E0C2"),
    ]
    (found,) = find_by_category(answers)
    (claim,) = found.claims
    assert (claim.word, claim.num_with, claim.num_without) == ("knife", 2, 1)
    assert (claim.item_id, claim.sentence) == ("V_E0C0", "A knife is seen.")


def test_a_word_that_comes_and_goes_as_often_is_no_claim_of_the_hint() -> None:
    answers = [an_answer("A red car.", "A car."), an_answer("A car.", "A red car.")]
    assert find_by_category(answers)[0].claims == ()


@pytest.mark.parametrize("told", ["road accidents", "RoadAccidents", "an accident on the road"])
def test_the_labels_own_words_are_no_claim_but_counted_as_naming_it(told: str) -> None:
    answer = an_answer(f"A car in {told}.", "A car.", categories=("RoadAccidents",))
    (found,) = find_by_category([answer])
    assert (found.only_with_share, found.claims) == (0.0, ())
    assert (found.names_label_with, found.names_label_without) == (1.0, 0.0)


def test_half_of_a_labels_words_does_not_name_it() -> None:
    answer = an_answer("A car on a road.", "A car.", categories=("RoadAccidents",))
    assert find_by_category([answer])[0].names_label_with == 0.0


def test_a_label_without_a_word_in_it_is_named_by_nobody() -> None:
    answer = an_answer("A car.", "A car.", categories=("B6",))
    assert find_by_category([answer])[0].names_label_with is None


def test_normal_items_have_a_row_of_their_own_at_the_end() -> None:
    normal = an_answer(
        "Nothing abnormal: a calm street.", "A street.", is_anomalous=False, categories=()
    )
    rows = find_by_category([normal, an_answer("A.", "B."), an_answer("A.", "B.", categories=())])
    assert [row.category for row in rows] == ["Abuse", "abnormal", "normal"]
    assert rows[-1].names_label_with is None
    assert [claim.word for claim in rows[-1].claims] == ["calm", "nothing"]


def test_an_item_of_two_categories_counts_in_both() -> None:
    rows = find_by_category([an_answer("A.", "B.", categories=("Abuse", "Arson"))])
    assert [(row.category, row.num_items) for row in rows] == [("Abuse", 1), ("Arson", 1)]


def test_answers_without_a_word_have_no_share() -> None:
    (found,) = find_by_category([an_answer("12.", "13.")])
    assert found.only_with_share is None


@pytest.mark.parametrize(
    ("verdicts", "shares"),
    [
        (("abnormal", "normal"), (1.0, 0.0)),
        (("abnormal", "abnormal"), (1.0, 1.0)),
        (("abnormal", "cannot tell"), (1.0, 0.0)),
        ((None, None), (None, None)),
    ],
)
def test_verdicts_are_held_against_the_label_where_there_are_any(
    verdicts: tuple[Verdict | None, Verdict | None], shares: tuple[float | None, float | None]
) -> None:
    told, untold = (Said(text="A man.", verdict=verdict) for verdict in verdicts)
    answer = an_answer("-", "-").model_copy(update={"with_hint": told, "without_hint": untold})
    (found,) = find_by_category([answer])
    assert (found.judged_as_labelled_with, found.judged_as_labelled_without) == shares
