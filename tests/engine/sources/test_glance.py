from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import UsageError
from engine.sources.glance import clicks_csv, clicks_of_table, read_clicks, write_clicks
from schemas import Video
from tests.engine.sources.builders import a_video
from tests.engine.sources.reference import needs_reference_data, reference

VARIABLE_RATE = np.array([0.0, 0.04, 0.5, 0.9, 3.0])


def times(_video: Video) -> NDArray[np.float64]:
    return VARIABLE_RATE


def a_click_file(folder: Path, text: str) -> Path:
    path = folder / "clicks.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_row_of_frame_zero_means_no_click_and_is_counted(tmp_path: Path) -> None:
    table = read_clicks(a_click_file(tmp_path, "video-id,glance\na,0\na,3\n"))
    assert [(row.name, row.frame, row.line) for row in table.rows] == [("a", 3, 3)]
    assert table.num_without_click == 1


@pytest.mark.parametrize("text", ["", "video,frame\na,3\n", "a,3\n"])
def test_file_without_the_header_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="expected 'video-id,glance'"):
        read_clicks(a_click_file(tmp_path, text))


def test_every_malformed_row_is_named(tmp_path: Path) -> None:
    path = a_click_file(tmp_path, "video-id,glance\na,3\na,3.5\na,-2\na\n,4\n")
    with pytest.raises(
        UsageError, match=r"4 bad entries(?s:.*)line 3(?s:.*)line 4(?s:.*)line 5(?s:.*)line 6"
    ):
        read_clicks(path)


def test_click_stands_at_its_frames_own_time_and_not_at_index_over_fps(tmp_path: Path) -> None:
    table = read_clicks(a_click_file(tmp_path, "video-id,glance\na,4\na,2\n"))
    imported = clicks_of_table(table, videos={"a": a_video("a")}, frame_times_of=times)
    assert [(c.id, c.frame, c.time_seconds) for c in imported.clicks] == [
        ("a_K0", 4, 3.0),
        ("a_K1", 2, 0.5),
    ]
    assert {(c.source, c.state, c.is_live) for c in imported.clicks} == {
        ("human", "confirmed", False)
    }


def test_videos_that_the_dataset_lacks_are_named(tmp_path: Path) -> None:
    table = read_clicks(a_click_file(tmp_path, "video-id,glance\nb,999\na,1\nc,2\n"))
    imported = clicks_of_table(table, videos={"a": a_video("a")}, frame_times_of=times)
    assert imported.unknown_names == {"b", "c"}
    assert len(imported.clicks) == 1


def test_rows_that_could_mean_two_videos_are_all_named_and_no_click_is_made(
    tmp_path: Path,
) -> None:
    namesakes = {
        id_: a_video(id_, path=path) for id_, path in (("x", "a/x.mp4"), ("b_x", "b/x.mp4"))
    }
    table = read_clicks(a_click_file(tmp_path, "video-id,glance\nx,1\nb/x.mp4,2\nx.mp4,3\n"))
    with pytest.raises(UsageError) as caught:
        clicks_of_table(table, videos=namesakes, frame_times_of=times)
    said = str(caught.value)
    assert "2 bad entries; nothing was imported" in said
    assert "line 2: 'x' could be x (a/x.mp4) or b_x (b/x.mp4); write the path instead" in said
    assert "line 4: 'x.mp4' could be x (a/x.mp4) or b_x (b/x.mp4)" in said


def test_every_click_past_the_end_is_named_with_its_line(tmp_path: Path) -> None:
    table = read_clicks(a_click_file(tmp_path, "video-id,glance\na,5\na,4\na,77\n"))
    with pytest.raises(
        UsageError, match=r"line 2: frame 5, but a has 5 frames\n.*line 4: frame 77"
    ):
        clicks_of_table(table, videos={"a": a_video("a")}, frame_times_of=times)


def test_written_clicks_are_read_back_as_they_were(tmp_path: Path) -> None:
    text = "video-id,glance\na,1\na,4\n"
    table = read_clicks(a_click_file(tmp_path, text))
    clicks = clicks_of_table(table, videos={"a": a_video("a")}, frame_times_of=times).clicks
    write_clicks(clicks, path=tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == text


def test_ignored_clicks_are_not_written(tmp_path: Path) -> None:
    table = read_clicks(a_click_file(tmp_path, "video-id,glance\na,1\na,4\n"))
    clicks = clicks_of_table(table, videos={"a": a_video("a")}, frame_times_of=times).clicks
    ignored = clicks[0].model_copy(update={"state": "ignored"})
    assert clicks_csv([ignored, clicks[1]]) == "video-id,glance\na,4\n"


def test_click_that_knows_only_a_time_cannot_be_written(tmp_path: Path) -> None:
    table = read_clicks(a_click_file(tmp_path, "video-id,glance\na,1\n"))
    (click,) = clicks_of_table(table, videos={"a": a_video("a")}, frame_times_of=times).clicks
    with pytest.raises(UsageError, match=r"a_K0 at 0\.040 s has no frame"):
        clicks_csv([click.model_copy(update={"frame": None})])


@needs_reference_data
@pytest.mark.parametrize(
    ("name", "num_clicks", "num_videos", "num_without"),
    [
        ("ucf_glance_annotations.csv", 2025, 809, 1),
        ("xd_glance_annotations.csv", 4278, 1905, 0),
    ],
)
def test_published_click_files_are_read_whole(
    name: str, num_clicks: int, num_videos: int, num_without: int
) -> None:
    table = read_clicks(reference("clicks") / name)
    assert len(table.rows) == num_clicks
    assert len({row.name for row in table.rows}) == num_videos
    assert table.num_without_click == num_without
