from annotator_ui.acts import Act
from annotator_ui.session import fold, history, standing
from tests.annotator_ui.builders import ME, YOU, a_mark_act, an_act


def states(*acts: Act) -> dict[str, str]:
    return {name: mark.state for name, mark in fold(acts).marks.items()}


def test_marks_stand_in_order_of_time_with_what_the_browser_said() -> None:
    folded = fold([a_mark_act("late", 50), a_mark_act("early", 10, is_live=True)])
    marks = folded.marks_of(ME)
    assert [(mark.mark, mark.frame, mark.is_live) for mark in marks] == [
        ("early", 10, True),
        ("late", 50, False),
    ]


def test_undone_act_does_not_count_and_redone_counts_again() -> None:
    mark = a_mark_act("m")
    undo = an_act("undo", uuid=mark.id)
    assert states(mark, undo) == {}
    assert states(mark, undo, an_act("redo", uuid=mark.id)) == {"m": "confirmed"}


def test_undone_delete_brings_back_the_mark_where_it_had_been_moved_to() -> None:
    move = an_act("mark.move", mark="m", frame=30, time_seconds=1.2)
    delete = an_act("mark.delete", mark="m")
    acts = [a_mark_act("m"), move, delete]
    assert fold(acts).marks == {}
    assert fold([*acts, an_act("undo", uuid=delete.id)]).marks["m"].frame == 30


def test_nobody_undoes_what_somebody_else_did() -> None:
    mark = a_mark_act("m", user=ME)
    assert states(mark, an_act("undo", user=YOU, uuid=mark.id)) == {"m": "confirmed"}


def test_same_mark_twice_is_one_mark() -> None:
    assert fold([a_mark_act("m", 10), a_mark_act("m", 20)]).marks["m"].frame == 10


def test_nobody_moves_or_deletes_somebody_elses_mark() -> None:
    acts = [
        a_mark_act("m", 10, user=ME),
        an_act("mark.move", user=YOU, mark="m", frame=30, time_seconds=1.2),
        an_act("mark.delete", user=YOU, mark="m"),
    ]
    assert fold(acts).marks["m"].frame == 10


def test_word_of_the_reviewer_lies_over_the_authors_own() -> None:
    acts = [
        a_mark_act("m", user=ME),
        an_act("mark.state", user=YOU, mark="m", state="ignored"),
        an_act("mark.state", user=ME, mark="m", state="unsure"),
    ]
    mark = fold(acts).marks["m"]
    assert (mark.state, mark.own_state, mark.reviewer) == ("ignored", "unsure", YOU)


def test_mark_added_in_review_says_so_unless_it_is_doubted() -> None:
    added = a_mark_act("m", user=YOU, page="review")
    assert states(added) == {"m": "added_in_review"}
    doubt = an_act("mark.state", user=YOU, mark="m", state="unsure")
    assert states(added, doubt) == {"m": "unsure"}


def test_who_marks_in_review_is_no_author_of_the_first_round() -> None:
    folded = fold([a_mark_act("m", user=YOU, page="review"), a_mark_act("n", user=ME)])
    assert (folded.is_author(YOU), folded.is_author(ME)) == (False, True)


def test_who_deleted_all_marks_or_saw_nothing_is_an_author_all_the_same() -> None:
    deleted = fold([a_mark_act("m"), an_act("mark.delete", mark="m")])
    nothing = fold([an_act("video.state", state="nothing")])
    assert deleted.is_author(ME)
    assert nothing.is_author(ME)


def test_accepted_suggestion_that_is_moved_is_no_longer_the_models() -> None:
    acts = [
        a_mark_act("m", source="model_accepted", suggestion="s1", is_live=True),
        an_act("mark.move", mark="m", frame=30, time_seconds=1.2),
    ]
    mark = fold(acts).marks["m"]
    assert (mark.source, mark.is_live) == ("model_moved", False)


def test_last_word_on_a_suggestion_counts() -> None:
    session = fold(
        [
            an_act("suggestion.reject", suggestion="s1"),
            an_act("suggestion.unsure", suggestion="s1"),
            an_act("suggestion.reject", suggestion="s2"),
            a_mark_act("m", suggestion="s2"),
        ]
    ).session(ME)
    assert (session.rejected, session.unsure) == (frozenset(), frozenset({"s1"}))


def test_what_was_seen_is_merged() -> None:
    acts = [
        an_act("video.seen", ranges=[[0, 2], [5, 6]]),
        an_act("video.seen", ranges=[[1.5, 4]]),
    ]
    assert fold(acts).session(ME).seen == ((0.0, 4.0), (5.0, 6.0))


def test_verdict_on_an_imported_click_is_kept_under_its_id() -> None:
    act = an_act("mark.state", mark="v=1__#1_K3", state="ignored")
    assert fold([act]).verdicts == {"v=1__#1_K3": "ignored"}


def test_history_holds_own_acts_alone_and_undo_among_them() -> None:
    mark = a_mark_act("m")
    undo = an_act("undo", uuid=mark.id)
    seen = an_act("video.seen", ranges=[[0, 1]])
    acts = [mark, seen, undo, a_mark_act("n", user=YOU)]
    assert list(history(acts, ME)) == [mark, undo]
    assert [act.user for act in standing(acts)] == [ME, YOU]
