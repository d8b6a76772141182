import pytest

from engine.errors import UsageError
from engine.reviews import lay_over
from schemas import Turn
from schemas.review import Confirm, Discard, EditText, MoveBoundaries, Relabel
from tests.builders import (
    VIDEO_ID,
    a_caption,
    a_click,
    a_clip,
    a_review,
    a_summary,
    a_video,
    an_event,
    an_instruction,
)

E0 = f"{VIDEO_ID}_E0"
MOVED = a_review("event", E0, MoveBoundaries(start_seconds=1.0, end_seconds=4.0))


def test_a_record_without_reviews_is_itself() -> None:
    event = an_event()
    assert lay_over(event, ()) is event


def test_a_moved_event_has_the_persons_boundaries_and_is_confirmed() -> None:
    event = lay_over(an_event(is_confirmed=False), [MOVED])
    assert (event.start_seconds, event.end_seconds, event.is_confirmed) == (1.0, 4.0, True)


def test_the_record_itself_is_never_changed() -> None:
    event = an_event()
    before = event.model_dump_json()
    lay_over(event, [MOVED])
    assert event.model_dump_json() == before


def test_later_corrections_lie_over_earlier_ones_and_others_stay() -> None:
    reviews = [
        MOVED,
        a_review("event", E0, Relabel(is_anomalous=False, categories=()), number=1),
        a_review("event", E0, MoveBoundaries(start_seconds=0.5, end_seconds=3.0), number=2),
    ]
    event = lay_over(an_event(), reviews)
    assert (event.start_seconds, event.end_seconds) == (0.5, 3.0)
    assert (event.is_anomalous, event.categories) == (False, ())


def test_agreeing_confirms_an_event_and_changes_no_other_record() -> None:
    agreed = a_review("event", E0, Confirm())
    assert lay_over(an_event(is_confirmed=False), [agreed]).is_confirmed
    for record in (a_caption(), a_clip(), a_summary(), a_video(), a_click()):
        assert lay_over(record, [a_review("caption", "x", Confirm())]) == record


def test_a_discard_changes_no_field() -> None:
    assert lay_over(a_caption(), [a_review("caption", "x", Discard(reason="no"))]) == a_caption()


def test_an_edited_part_of_a_summary_reaches_its_whole_text() -> None:
    edit = a_review("summary", E0, EditText(field="description", text="A man shouts."))
    summary = lay_over(a_summary(), [edit])
    assert summary.description == "A man shouts."
    assert summary.text == "There is abuse. A man shouts. Pushing is violence."


def test_an_edited_answer_lies_over_the_turn_of_its_task_alone() -> None:
    made = an_instruction()
    edit = a_review("instruction", made.id, EditText(field=made.turns[0].task, text="A man falls."))
    edited = lay_over(made, [edit])
    assert edited.turns[0].answer == "A man falls."
    assert edited.turns[0].question == made.turns[0].question
    assert edited.turns[1:] == made.turns[1:]


def test_an_answer_to_a_question_that_is_not_asked_any_more_changes_nothing() -> None:
    made = an_instruction()
    edit = a_review("instruction", made.id, EditText(field="caption", text="No."))
    assert lay_over(made, [edit]) == made


def test_a_part_that_a_normal_summary_lacks_leaves_no_gap_in_its_text() -> None:
    edit = a_review("summary", E0, EditText(field="judgement", text="All is well."))
    normal = a_summary(is_anomalous=False, description="A man walks.", analysis=None)
    assert lay_over(normal, [edit]).text == "All is well. A man walks."


@pytest.mark.parametrize(
    ("correction", "field"),
    [
        (MoveBoundaries(start_seconds=1.0, end_seconds=2.0), "start_seconds"),
        (Relabel(is_anomalous=True, categories=()), "categories"),
        (EditText(field="analysis", text="Because."), "analysis"),
    ],
)
def test_a_correction_of_a_field_that_is_not_there_names_the_review(
    correction: MoveBoundaries | Relabel | EditText, field: str
) -> None:
    review = a_review("caption", "x", correction)
    with pytest.raises(UsageError, match=rf"review caption:x:0 changes .*{field}.*reviews\.jsonl"):
        lay_over(a_caption(), [review])


def test_boundaries_the_wrong_way_round_name_the_review() -> None:
    review = a_review("event", E0, MoveBoundaries(start_seconds=4.0, end_seconds=1.0))
    with pytest.raises(UsageError, match=rf"event:{E0}:0 make {E0} impossible"):
        lay_over(an_event(), [review])


def test_an_edit_that_would_rewrite_several_answers_is_refused() -> None:
    """A conversation about times asks for several; each got the one text."""
    turns = [Turn(task="grounding", question=f"When {n}?", answer="At 2 s.") for n in range(2)]
    made = an_instruction(id="grounding:a", family="grounding", turns=tuple(turns))
    edit = a_review("instruction", made.id, EditText(field="grounding", text="At 3 s."))
    with pytest.raises(UsageError, match="has 2 of them"):
        lay_over(made, [edit])
