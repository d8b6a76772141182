import json
from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.models.chat import Json
from engine.sources.events_json import read_events
from schemas import Event
from tests.engine.sources.builders import a_video
from tests.engine.sources.reference import needs_reference_data, reference


def events_of(folder: Path, entry: Json) -> list[Event]:
    path = folder / "events.json"
    path.write_text(json.dumps({"a": entry}))
    imported = read_events(path, videos={"a": a_video("a")}, author="ann")
    return [e for video in imported.videos for e in video.records if isinstance(e, Event)]


def test_list_of_intervals_becomes_confirmed_human_events_with_the_videos_label(
    tmp_path: Path,
) -> None:
    events = events_of(tmp_path, [[5, 6.5], [1.0, 2.0]])
    assert [(e.id, e.start_seconds, e.end_seconds) for e in events] == [
        ("a_E0", 5.0, 6.5),
        ("a_E1", 1.0, 2.0),
    ]
    assert {(e.origin, e.is_confirmed, e.categories) for e in events} == {
        ("human", True, ("Abuse",))
    }
    assert events[0].provenance.name == "ann"


def test_label_of_the_entry_wins_over_the_videos(tmp_path: Path) -> None:
    (event,) = events_of(tmp_path, {"label": ["Arson", "Riot"], "events": [[1.0, 2.0]]})
    assert (event.is_anomalous, event.categories) == (True, ("Arson", "Riot"))


def test_empty_label_means_normal(tmp_path: Path) -> None:
    (event,) = events_of(tmp_path, {"label": [], "events": [[1.0, 2.0]]})
    assert event.is_anomalous is False


def test_end_that_overshoots_by_rounding_is_moved_to_the_videos_end(tmp_path: Path) -> None:
    (event,) = events_of(tmp_path, [[9.0, 10.066]])
    assert event.end_seconds == 10.0


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ([[9.0, 11.0]], "a: the event 9.0–11.0 s reaches past the video, 0.000–10.000 s"),
        ([[12.0, 13.0]], "reaches past the video"),
        ([[4.0, 4.0]], "has no length"),
        ([[4.0, 3.0]], r"events\[0\] ends at 3.0 s before it starts"),
        ([[4.0]], "has 1 numbers"),
        ([["4", "5"]], "is a string, expected a number"),
        ({"label": ["Arson"]}, "has no `events`"),
        ({"label": "Arson", "events": [[1.0, 2.0]]}, "label is a string, expected a list"),
        (None, "events is a null"),
    ],
)
def test_entry_that_cannot_be_true_is_refused_naming_the_video(
    tmp_path: Path, entry: Json, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        events_of(tmp_path, entry)


def test_videos_that_the_dataset_lacks_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_text('{"ghost": [[1, 999]], "a": [[1, 2]]}')
    imported = read_events(path, videos={"a": a_video("a")}, author="ann")
    assert imported.num_unknown_videos == 1
    assert [video.video_id for video in imported.videos] == ["a"]


def test_entry_that_could_mean_two_videos_is_refused_and_its_path_is_taken(
    tmp_path: Path,
) -> None:
    videos = {id_: a_video(id_, path=path) for id_, path in (("x", "a/x.mp4"), ("b_x", "b/x.mp4"))}
    path = tmp_path / "events.json"
    path.write_text('{"x": [[1, 2]], "b_x": [[1, 2]]}')
    with pytest.raises(UsageError, match=r"x: 'x' could be x \(a/x.mp4\) or b_x \(b/x.mp4\)"):
        read_events(path, videos=videos, author="ann")
    path.write_text('{"a/x.mp4": [[1, 2]], "b/x.mp4": [[1, 2]]}')
    imported = read_events(path, videos=videos, author="ann")
    assert [video.video_id for video in imported.videos] == ["x", "b_x"]


def test_two_entries_about_one_video_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_text('{"a": [[1, 2]], "a.mp4": [[3, 4]]}')
    with pytest.raises(UsageError, match=r"a\.mp4: another entry is about a, too"):
        read_events(path, videos={"a": a_video("a", has_media=True)}, author="ann")


@pytest.mark.parametrize("text", ["not json", "[1, 2]"])
def test_file_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "events.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"events\.json"):
        read_events(path, videos={}, author="ann")


@needs_reference_data
def test_published_click_ground_truth_is_read_whole() -> None:
    path = reference("clicks") / "ucf_train_click_vs_event_part.json"
    published = json.loads(path.read_text())
    videos = {
        stem: a_video(stem, num_frames=e["n_frames"], end_seconds=e["n_frames"] / e["fps"])
        for stem, e in published.items()
    }
    imported = read_events(path, videos=videos, author="hivau")
    assert imported.num_unknown_videos == 0
    num_events = sum(len(video.records) for video in imported.videos)
    assert num_events == sum(len(entry["events"]) for entry in published.values())
