from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import UsageError
from engine.sources.imported import ImportedVideo, UnfitVideo
from engine.sources.official import read_official
from schemas import Event, Video
from tests.engine.sources.assembly import all_fit
from tests.engine.sources.builders import a_video
from tests.engine.sources.reference import needs_reference_data, reference


def no_times(video: Video) -> NDArray[np.float64]:
    raise AssertionError(f"the times of {video.id} were asked for")


def twenty_a_second(video: Video) -> NDArray[np.float64]:
    return np.arange(video.num_frames, dtype=np.float64) / 20.0


def imported_from(
    folder: Path, line: str, video: Video | None = None
) -> ImportedVideo | UnfitVideo:
    path = folder / "annotations.txt"
    path.write_text(line + "\n")
    (one,) = read_official(
        path,
        videos={video.id: video} if video else {},
        frame_times_of=twenty_a_second if video else no_times,
    )
    return one


def spans(one: ImportedVideo | UnfitVideo) -> list[tuple[float, float, tuple[str, ...]]]:
    assert isinstance(one, ImportedVideo)
    events = [record for record in one.records if isinstance(record, Event)]
    return [(e.start_seconds, e.end_seconds, e.categories) for e in events]


def test_temporal_annotation_gives_events_at_thirty_frames_a_second(tmp_path: Path) -> None:
    one = imported_from(tmp_path, "Arson011_x264.mp4  Arson  150  420  680  1267  ")
    assert spans(one) == [(5.0, 14.0, ("Arson",)), (22.667, 42.233, ("Arson",))]


def test_minus_one_means_no_interval(tmp_path: Path) -> None:
    one = imported_from(tmp_path, "Normal_Videos_003_x264.mp4  Normal  -1  -1  -1  -1")
    assert spans(one) == []


def test_ucf_annotation_knows_the_frame_count_and_gives_a_stand_in(tmp_path: Path) -> None:
    one = imported_from(tmp_path, "Arson/Arson022_x264.mp4 8640 Arson 3500 4000 -1 -1 ")
    assert isinstance(one, ImportedVideo)
    assert one.stand_in is not None
    assert (one.stand_in.num_frames, one.stand_in.end_seconds) == (8640, 288.0)
    assert (one.stand_in.categories, one.stand_in.split) == (("Arson",), "test")
    assert one.video_id == "Arson022_x264"


def test_xd_annotation_takes_24_frames_a_second_and_the_names_categories(tmp_path: Path) -> None:
    one = imported_from(tmp_path, "v=a__#1_label_B1-G-0.mp4 24 48 60 72")
    assert one.video_id == "v=a__#1_label_B1-G-0"
    assert spans(one) == [
        (1.0, 2.0, ("Fighting", "Explosion")),
        (2.5, 3.0, ("Fighting", "Explosion")),
    ]


def test_xd_annotation_with_classes_labels_each_event(tmp_path: Path) -> None:
    one = imported_from(tmp_path, "v=a__#1_label_B1-G-0 B1 24 48 G 60 72")
    assert spans(one) == [(1.0, 2.0, ("Fighting",)), (2.5, 3.0, ("Explosion",))]


def test_frames_of_a_present_file_take_its_own_times(tmp_path: Path) -> None:
    video = a_video(num_frames=100, end_seconds=5.0, has_media=True)
    one = imported_from(tmp_path, "Abuse001_x264.mp4  Abuse  10  40  -1  -1", video)
    assert spans(one) == [(0.5, 2.0, ("Abuse",))]


def test_end_a_few_frames_past_a_present_file_is_its_end(tmp_path: Path) -> None:
    video = a_video(num_frames=100, end_seconds=5.0, has_media=True)
    one = imported_from(tmp_path, "Abuse001_x264.mp4  Abuse  10  102  -1  -1", video)
    assert spans(one) == [(0.5, 5.0, ("Abuse",))]


@pytest.mark.parametrize("frames", ["10  500", "150  160"])
def test_interval_far_past_a_present_file_makes_it_unfit(tmp_path: Path, frames: str) -> None:
    video = a_video(num_frames=100, end_seconds=5.0, has_media=True)
    one = imported_from(tmp_path, f"Abuse001_x264.mp4  Abuse  {frames}  -1  -1", video)
    assert isinstance(one, UnfitVideo)
    assert "past the video, which has 100 frames" in one.detail


@pytest.mark.parametrize(
    "line",
    [
        "Abuse001_x264.mp4 Abuse 10 20 30",
        "Abuse001_x264.mp4 Jaywalking 10 20",
        "Abuse001_x264.mp4 Abuse 20 10",
        "v=a__#1_label_B1-0-0 B9 10 20",
        "v=a__#1_label_B1-0-0 B1 10",
        "v=a__#1_label_B1-0-0",
        "some text",
    ],
)
def test_line_that_is_no_annotation_is_refused_by_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "annotations.txt"
    path.write_text(f"\nv=a__#1_label_B1-0-0 1 2\n{line}\n")
    with pytest.raises(UsageError, match=r"annotations\.txt, line 3"):
        list(read_official(path, videos={}, frame_times_of=no_times))


@needs_reference_data
@pytest.mark.parametrize(
    ("name", "num_videos", "num_events"),
    [
        ("ucf_crime/Temporal_Anomaly_Annotation.txt", 290, 156),
        ("ucf_crime/UCF_Annotation.txt", 290, 156),
        ("xd_violence/annotations.txt", 500, 1238),
        ("xd_violence/annotations_multiclasses.txt", 500, 1272),
    ],
)
def test_official_files_are_read_whole(name: str, num_videos: int, num_events: int) -> None:
    videos = all_fit(read_official(reference(name), videos={}, frame_times_of=no_times))
    assert len(videos) == num_videos
    assert sum(len(video.records) for video in videos) == num_events


@needs_reference_data
def test_copy_with_stray_suffixes_reads_as_the_clean_one() -> None:
    folder = reference("xd_violence")
    clean, stray = (
        all_fit(read_official(folder / name, videos={}, frame_times_of=no_times))
        for name in ("annotations.txt", "annotations_with_suffixes.txt")
    )
    assert clean == stray
