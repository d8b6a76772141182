"""What changed between two states of events and scores."""

import pytest

from engine.changes import event_changes, score_changes
from schemas import Event
from tests.builders import VIDEO_ID, a_score_track, an_event


def event(number: int, start: float, end: float, *clicks: str, video: str = VIDEO_ID) -> Event:
    return an_event(
        f"{video}_E{number}", start_seconds=start, end_seconds=end, click_ids=tuple(clicks)
    )


def changed(before: list[Event], after: list[Event]) -> list[tuple[object, ...]]:
    return [(one.kind, one.before, one.after) for one in event_changes(before, after)]


def test_equal_events_under_other_ids_are_no_change() -> None:
    assert changed([event(0, 1, 5)], [event(7, 1, 5)]) == []


def test_an_event_of_the_same_click_is_moved_however_far() -> None:
    assert changed([event(0, 1, 2, "k")], [event(1, 8, 9, "k"), event(2, 1, 3)]) == [
        ("added", None, (1, 3)),
        ("moved", (1, 2), (8, 9)),
    ]


def test_an_event_without_clicks_is_the_one_that_it_overlaps_most() -> None:
    assert changed([event(0, 0, 10)], [event(1, 9, 20), event(2, 1, 10)]) == [
        ("moved", (0, 10), (1, 10)),
        ("added", None, (9, 20)),
    ]


def test_one_that_overlaps_none_is_gone() -> None:
    assert changed([event(0, 0, 1), event(1, 5, 6)], [event(1, 5, 6)]) == [("gone", (0, 1), None)]


def test_events_of_different_videos_are_never_the_same() -> None:
    found = event_changes([event(0, 0, 1, video="b")], [event(0, 0, 1, video="a")])
    assert [(one.video_id, one.kind) for one in found] == [("a", "added"), ("b", "gone")]


def test_scores_are_compared_where_the_new_snippets_are() -> None:
    old = {"v": a_score_track("v", (0.0, 1.0))}
    finer = a_score_track("v", (0.5, 0.0, 1.0, 1.0)).model_copy(
        update={"snippet_starts_seconds": (0.0, 0.5, 1.0, 1.5), "end_seconds": 2.0}
    )
    [change] = score_changes(old, {"v": finer})
    assert change.mean_change == pytest.approx(0.5 / 4)
    assert (change.peak_before_seconds, change.peak_after_seconds) == (1.5, 1.25)


def test_unchanged_scores_are_left_out_and_new_ones_have_no_difference() -> None:
    old = {"v": a_score_track("v")}
    [change] = score_changes(old, {"v": a_score_track("v"), "w": a_score_track("w")})
    assert (change.video_id, change.mean_change) == ("w", None)
