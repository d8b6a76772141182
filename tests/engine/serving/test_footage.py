"""Footage for measuring: every stretch of every video, without end and without a repeated id."""

from itertools import islice
from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.serving.footage import clips_without_end, stretches_of
from tests.videos import constant_rate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Videos of 13 s and 2 s, and a file that is none."""
    (tmp_path / "inside").mkdir()
    constant_rate(tmp_path / "inside" / "long.mp4", num_frames=325)
    constant_rate(tmp_path / "short.mp4", num_frames=50)
    (tmp_path / "notes.txt").write_text("not a video")
    return tmp_path


def test_videos_are_cut_into_stretches_of_about_a_clip(folder: Path) -> None:
    found = [(s.video_path.stem, round(s.start_seconds, 1)) for s in stretches_of(folder)]
    assert found == [("long", 0.0), ("long", 6.5), ("short", 0.0)]


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a video")
    with pytest.raises(UsageError, match="--videos"):
        stretches_of(tmp_path)


def test_clips_never_end_nor_share_an_id_and_clips_of_one_video_are_neighbors(
    folder: Path,
) -> None:
    pending = list(islice(clips_without_end(stretches_of(folder)), 9))
    clips = [one.ready().body.clip for one in pending]
    assert [clip.id for clip in clips] == [one.id for one in pending]
    assert len({clip.id for clip in clips}) == 9
    assert [one.group == pending[0].group for one in pending[:4]] == [True, True, False, False]
    assert clips[0].video_id != clips[3].video_id
    assert (clips[0].start_seconds, clips[1].start_seconds) == pytest.approx((0.0, 6.5), abs=0.1)
