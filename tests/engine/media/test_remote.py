"""What holds without fsspec; reading from a store is tested in `tests/ray/test_s3.py`."""

import sys
from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.media.remote import (
    RemoteFile,
    RemoteFolder,
    at_hand,
    fetch_deadline_seconds,
    file_in,
    videos_folder,
)

BUCKET = RemoteFolder("s3://bucket/some videos", cache_bytes=2 << 30)


def test_a_path_is_seen_from_the_dataset_and_a_url_from_nowhere(tmp_path: Path) -> None:
    assert videos_folder("videos", base_dir=tmp_path, cache_gib=2) == tmp_path / "videos"
    url = "s3://bucket/some videos/"
    assert videos_folder(url, base_dir=tmp_path, cache_gib=2) == BUCKET


def test_a_local_file_is_read_where_it_lies_and_gets_no_more_time(tmp_path: Path) -> None:
    file = file_in(tmp_path, "a.mp4", size_bytes=1 << 40)
    with at_hand(file) as path:
        assert path is file
    assert fetch_deadline_seconds(file) == 0
    assert fetch_deadline_seconds(None) == 0


def test_a_remote_file_gets_time_by_its_size() -> None:
    small, large = (file_in(BUCKET, "a.mp4", size_bytes=size) for size in (1000, 1 << 30))
    assert 60 <= fetch_deadline_seconds(small) < 61
    assert fetch_deadline_seconds(large) > 500


def test_a_file_that_was_replaced_is_another() -> None:
    file = RemoteFile(BUCKET, "a.mp4", size_bytes=7, version="1")
    others = [
        RemoteFile(BUCKET, "a.mp4", size_bytes=7, version="2"),
        RemoteFile(BUCKET, "a.mp4", size_bytes=8, version="1"),
        RemoteFile(BUCKET, "b.mp4", size_bytes=7, version="1"),
    ]
    assert len({one.identity for one in (file, *others)}) == 4


def test_a_url_without_the_packages_for_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(UsageError, match=r"pip install 'vau-data\[s3\]'"):
        BUCKET.listed()
