from typing import Any

from annotator_ui.acts import Act
from annotator_ui.boundaries import fold_boundaries
from annotator_ui.session import standing
from annotator_ui.texts import TextEdits, fold_texts
from schemas.review import Confirm, Discard, MoveBoundaries
from tests.annotator_ui.builders import an_act

KEY = ("caption", "c0")
ORIGINAL = {"text": "A man falls."}


def a_split(event: str, at: float, *, id: str = "s", extent: tuple[float, float]) -> Act:
    return an_act(
        "boundary.split", id=id, event=event, at_seconds=at, extents_before={event: extent}
    )


def test_split_leaves_the_first_part_and_makes_the_second() -> None:
    edits = fold_boundaries([a_split("E0", 4.0, extent=(1.0, 9.0))])
    assert edits.extents == {"E0": (1.0, 4.0), "s": (4.0, 9.0)}
    assert edits.born["s"].extent == (4.0, 9.0)
    assert [ruling.correction for ruling in edits.rulings] == [
        MoveBoundaries(start_seconds=1.0, end_seconds=4.0)
    ]


def test_part_of_a_part_knows_where_the_part_stands_now() -> None:
    acts = [
        a_split("E0", 4.0, id="s", extent=(1.0, 9.0)),
        a_split("s", 6.0, id="t", extent=(0.0, 0.1)),
    ]
    assert fold_boundaries(acts).extents == {"E0": (1.0, 4.0), "s": (4.0, 6.0), "t": (6.0, 9.0)}


def test_merged_events_are_one_under_the_first_key() -> None:
    act = an_act(
        "boundary.merge",
        event="E0",
        other="E1",
        extents_before={"E0": (1.0, 3.0), "E1": (5.0, 9.0)},
    )
    edits = fold_boundaries([act])
    assert edits.extents["E0"] == (1.0, 9.0)
    assert edits.gone == {"E1"}
    assert Discard(reason="merged into E0") in [ruling.correction for ruling in edits.rulings]


def test_agreeing_confirms_and_moves_nothing() -> None:
    edits = fold_boundaries([an_act("boundary.confirm", event="E0")])
    assert (edits.confirmed, edits.extents) == ({"E0"}, {})
    assert [ruling.correction for ruling in edits.rulings] == [Confirm()]


def test_undone_boundary_leaves_no_trace() -> None:
    act = an_act("boundary.set", event="E0", start_seconds=1, end_seconds=2)
    edits = fold_boundaries(standing([act, an_act("undo", uuid=act.id)]))
    assert edits.rulings == []


def an_edit(text: str, **changes: Any) -> Act:
    known: dict[str, Any] = {
        "target": "caption",
        "target_id": "c0",
        "field": "text",
        "base_rev": "x",
    }
    return an_act("text.edit", text=text, **(known | changes))


def test_revision_of_a_field_is_the_uuid_of_its_edit() -> None:
    """So a browser that is offline can queue a second edit upon its first."""
    text = fold_texts([an_edit("A woman falls.", id="u1")])[KEY]
    assert text.value("text", ORIGINAL) == "A woman falls."
    assert (text.field_rev("text", ORIGINAL), text.rev(ORIGINAL)) == ("u1", "u1")


def test_revision_of_an_unedited_field_changes_with_the_record() -> None:
    untouched = TextEdits()
    assert untouched.field_rev("text", ORIGINAL) != untouched.field_rev("text", {"text": "Other."})


def test_edit_takes_a_verdict_back_and_forgets_the_words_that_were_marked_in_it() -> None:
    of_text = {"target": "caption", "target_id": "c0", "base_rev": "x"}
    acts = [
        an_act("text.reject", reason="wrong", **of_text),
        an_act("text.hallucinated", field="text", start=2, end=5, **of_text),
    ]
    assert fold_texts(acts)[KEY].verdict == "rejected"
    edited = fold_texts([*acts, an_edit("A woman falls.")])[KEY]
    assert (edited.verdict, edited.spans) == (None, ())


def test_undone_edit_gives_the_revision_back() -> None:
    edit = an_edit("A woman falls.", id="u1")
    undo = an_act("undo", uuid="u1")
    assert fold_texts(standing([edit, undo])) == {}


def test_split_that_nothing_tells_the_extent_of_has_no_effect() -> None:
    """A line of the log that was mended by hand must not keep a video from opening."""
    act = an_act("boundary.split", event="E0", at_seconds=2.0)
    assert fold_boundaries([act]).born == {}
