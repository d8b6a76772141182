from typing import Any

import pytest

from engine.config import Config
from engine.flow import propose
from engine.intervals import Interval, tiou
from engine.stage import Item
from engine.stages.propose import ProposeStage
from schemas import Event, ScoreTrack
from schemas.base import Provenance
from tests.builders import VIDEO_ID, a_click, a_video, an_event
from tests.engine.stages.examples import a_propose_item

E0, E1 = f"{VIDEO_ID}_E0", f"{VIDEO_ID}_E1"
K0, K1 = f"{VIDEO_ID}_K0", f"{VIDEO_ID}_K1"
TWO_CLICKS = (a_click(K0, time_seconds=10.0), a_click(K1, time_seconds=45.0))


def stage(**settings: Any) -> ProposeStage:
    built = propose(Config.model_validate({"propose": settings}))
    assert isinstance(built, ProposeStage)
    return built


def proposed(*, by: ProposeStage | None = None, **changes: Any) -> list[Event]:
    item = Item(VIDEO_ID, a_propose_item(**changes))
    return [event for event in (by or stage()).process(item) if isinstance(event, Event)]


def extent(event: Event) -> Interval:
    return event.start_seconds, event.end_seconds


def a_peak(*, name: str = "scorer/x", height: float = 0.9) -> ScoreTrack:
    """Sixty snippets of a second, a hill around the 30th."""
    scores = tuple(height if 25 <= place < 35 else 0.05 for place in range(60))
    return ScoreTrack(
        id=VIDEO_ID,
        video_id=VIDEO_ID,
        snippet_starts_seconds=tuple(float(place) for place in range(60)),
        end_seconds=60.0,
        scores=scores,
        provenance=Provenance(made_by="model", name=name),
    )


def test_each_click_lies_in_the_event_that_names_it() -> None:
    events = proposed(clicks=TWO_CLICKS)
    assert [event.click_ids for event in events] == [(K0,), (K1,)]
    for event, click in zip(events, TWO_CLICKS, strict=True):
        assert event.start_seconds <= click.time_seconds < event.end_seconds
        assert (event.origin, event.is_anomalous, event.is_confirmed) == ("click", True, False)


def test_a_click_makes_an_event_abnormal_whatever_the_video_is_called() -> None:
    [event] = proposed(video=a_video(is_anomalous=None, categories=()))
    assert event.is_anomalous is True


def test_a_normal_video_gets_normal_events_inside_it() -> None:
    events = proposed(clicks=(), video=a_video(is_anomalous=False, categories=()))
    assert events
    assert {(event.origin, event.is_anomalous) for event in events} == {("normal_sample", False)}
    assert all(0.0 <= event.start_seconds < event.end_seconds <= 60.0 for event in events)


def test_the_seed_moves_normal_events() -> None:
    video = a_video(is_anomalous=False, categories=())
    first = proposed(clicks=(), video=video)
    moved = propose(Config.model_validate({"dataset": {"seed": 5}}))
    assert isinstance(moved, ProposeStage)
    assert proposed(by=moved, clicks=(), video=video) != first


def test_an_abnormal_video_without_clicks_has_its_events_at_peaks_of_the_score() -> None:
    [event] = proposed(clicks=(), scores=a_peak())
    assert event.origin == "score"
    assert 20.0 < event.start_seconds < 30.0 < event.end_seconds < 40.0


def test_an_abnormal_video_that_cannot_be_scored_is_one_whole_event() -> None:
    [event] = proposed(clicks=(), scores=None)
    assert (event.origin, event.start_seconds, event.end_seconds) == ("whole_video", 0.0, 60.0)


def test_an_unlabelled_video_leaves_the_judgement_to_the_summarizer() -> None:
    [event] = proposed(clicks=(), scores=a_peak(), video=a_video(is_anomalous=None, categories=()))
    assert (event.is_anomalous, event.categories) == (None, ())


def test_the_motion_score_shapes_no_clicked_event_unless_it_is_asked_to() -> None:
    clicks = (a_click(time_seconds=30.0),)
    by_click_alone = proposed(clicks=clicks)
    baseline = a_peak(name="baseline/motion-1")
    assert proposed(clicks=clicks, scores=baseline) == by_click_alone
    allowed = stage(use_baseline_scores=True)
    assert proposed(by=allowed, clicks=clicks, scores=baseline) != by_click_alone
    assert proposed(clicks=clicks, scores=a_peak()) != by_click_alone


def test_an_equal_stretch_keeps_its_id_and_a_new_one_gets_a_number_never_given() -> None:
    first = proposed(clicks=TWO_CLICKS)
    assert [event.id for event in first] == [E0, E1]
    moved = (a_click(K0, time_seconds=14.0), TWO_CLICKS[1])
    second = proposed(clicks=moved, earlier=tuple(first), next_number=2)
    assert second[0].id == f"{VIDEO_ID}_E2"
    back = proposed(clicks=TWO_CLICKS, earlier=(*first, *second), next_number=3)
    assert [event.id for event in back] == [E0, E1]


def test_a_reviewed_event_is_kept_as_made_whatever_is_proposed() -> None:
    made = proposed()[0]
    reviewed = made.model_copy(update={"start_seconds": 0.5, "end_seconds": 3.0})
    clicks = (a_click(time_seconds=50.0, id=K1),)
    events = proposed(clicks=clicks, earlier=(made,), pinned=(reviewed,), next_number=1)
    assert made in events, "the record is what was made; the review lies over it elsewhere"
    assert [event.click_ids for event in events if event.id != made.id] == [(K1,)]


def test_a_click_whose_event_a_person_moved_grows_no_second_event() -> None:
    made = proposed()[0]
    reviewed = made.model_copy(update={"start_seconds": 40.0, "end_seconds": 45.0})
    assert proposed(earlier=(made,), pinned=(reviewed,), next_number=1) == [made]


def test_a_stretch_that_a_person_discarded_is_not_proposed_again() -> None:
    made = proposed()[0]
    assert proposed(earlier=(made,), discarded=(made,), next_number=1) == []


def test_a_clicked_event_that_a_person_discarded_does_not_come_back_with_another_extent() -> None:
    click = a_click(time_seconds=25.5)
    [shaped] = proposed(clicks=(click,), scores=a_peak())
    made = shaped.model_copy(update={"start_seconds": 25.0, "end_seconds": 26.0})
    assert tiou(extent(shaped), extent(made)) < 0.5
    again = proposed(
        clicks=(click,), scores=a_peak(), earlier=(made,), discarded=(made,), next_number=1
    )
    assert again == []


def test_a_new_click_beside_a_discarded_one_still_gets_its_event() -> None:
    discarded = an_event(E0, start_seconds=9.9, end_seconds=10.1, click_ids=(K0,))
    clicks = (a_click(K0, time_seconds=10.0), a_click(K1, time_seconds=10.5))
    events = proposed(clicks=clicks, earlier=(discarded,), discarded=(discarded,), next_number=1)
    assert [event.click_ids for event in events if K1 in event.click_ids]


@pytest.mark.parametrize(
    ("origin", "is_anomalous"), [("normal_sample", False), ("score", False), ("click", True)]
)
def test_a_kept_event_follows_its_videos_new_label(origin: str, is_anomalous: bool) -> None:
    unlabelled = {"is_anomalous": True if origin == "click" else None, "categories": ()}
    made = an_event(E0, origin=origin, is_confirmed=False, **unlabelled)
    video = a_video(is_anomalous=False, categories=("Calm",))
    kept = proposed(video=video, clicks=(), earlier=(made,), pinned=(made,), next_number=1)[0]
    label = {"is_anomalous": is_anomalous, "categories": ("Calm",)}
    assert kept == made.model_copy(update=label)


def test_a_discarded_events_id_is_not_given_to_its_neighbor() -> None:
    discarded = an_event(E0, start_seconds=40.0, end_seconds=50.0)
    events = proposed(earlier=(discarded,), discarded=(discarded,), next_number=1)
    assert [event.id for event in events] == [E1]


@pytest.mark.parametrize("time_seconds", [0.0, 59.999, 30.0])
def test_events_never_reach_past_the_video(time_seconds: float) -> None:
    video = a_video(start_seconds=0.033, end_seconds=60.0007)
    time_seconds = max(time_seconds, 0.033)
    for event in proposed(video=video, clicks=(a_click(time_seconds=time_seconds),)):
        assert 0.033 <= event.start_seconds < event.end_seconds <= 60.0007


@pytest.mark.parametrize(
    ("name", "is_anomalous", "origin"),
    [
        ("scorer/x", None, "normal_sample"),
        ("scorer/x", True, "score"),
        ("baseline/motion-1", None, "score"),
    ],
)
def test_a_low_peak_is_no_event_where_only_a_trained_scorer_says_whether_there_is_one(
    name: str, is_anomalous: bool | None, origin: str
) -> None:
    """Motion is relative to the video, so its peaks say nothing of whether."""
    video = a_video(is_anomalous=is_anomalous, categories=())
    events = proposed(clicks=(), scores=a_peak(name=name, height=0.4), video=video)
    assert {event.origin for event in events} == {origin}


def test_every_high_peak_of_a_track_is_an_event_of_its_own() -> None:
    scores = tuple(0.9 if place % 20 in (9, 10, 11) else 0.05 for place in range(60))
    track = a_peak().model_copy(update={"scores": scores})
    events = proposed(clicks=(), scores=track, video=a_video(is_anomalous=None, categories=()))
    assert len(events) == 3
    assert all(
        event.start_seconds <= 10 + 20 * n < event.end_seconds for n, event in enumerate(events)
    )
