"""Feature files: written whole, read as their record says, refused by name otherwise."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.dataset import Dataset
from engine.features import (
    FeatureError,
    features_path,
    load_features,
    refuse_other_width,
    save_features,
)
from schemas import FeatureTrack
from tests.builders import a_dataset, a_feature_track

NUMBERS = np.arange(6, dtype=np.float32).reshape(1, 2, 3)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return a_dataset(tmp_path)


def a_stored_track(
    dataset: Dataset, features: NDArray[np.floating] = NUMBERS, **changes: Any
) -> FeatureTrack:
    track = a_feature_track(**changes)
    save_features(dataset.dir_path / track.path, features)
    return track


def test_features_come_back_as_they_were_written_and_memory_mapped(dataset: Dataset) -> None:
    found = load_features(dataset, a_stored_track(dataset))
    assert isinstance(found, np.memmap)
    assert found.dtype == np.float16
    assert (found == NUMBERS).all()


def test_the_hash_is_of_the_file_and_follows_its_numbers(tmp_path: Path) -> None:
    first = save_features(tmp_path / "a.npy", NUMBERS)
    assert first == save_features(tmp_path / "b.npy", NUMBERS)
    assert first != save_features(tmp_path / "b.npy", NUMBERS + 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e6])
def test_a_number_that_float16_cannot_hold_is_never_written(tmp_path: Path, bad: float) -> None:
    features = NUMBERS.copy()
    features[0, 1, 2] = bad
    with pytest.raises(FeatureError, match="x: snippet 1, number 2, crop 0 is"):
        save_features(tmp_path / "x.npy", features)
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_a_number_that_is_none_is_refused_by_the_videos_name(dataset: Dataset) -> None:
    track = a_stored_track(dataset)
    path = dataset.dir_path / track.path
    damaged = np.load(path)
    damaged[0, 0, 1] = np.nan
    np.save(path, damaged)
    with pytest.raises(FeatureError, match=f"{track.video_id}: snippet 0, number 1, crop 0 is nan"):
        load_features(dataset, track)


def test_a_missing_file_says_which_video_and_what_to_do(dataset: Dataset) -> None:
    with pytest.raises(FeatureError, match=r"Abuse001_x264: its features .* are gone; run `vau-"):
        load_features(dataset, a_feature_track())


def test_a_file_cut_short_is_refused(dataset: Dataset) -> None:
    track = a_stored_track(dataset)
    path = dataset.dir_path / track.path
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(FeatureError, match="cannot read"):
        load_features(dataset, track)


def test_a_file_of_another_shape_than_its_record_is_refused(dataset: Dataset) -> None:
    track = a_stored_track(dataset, width=4)
    with pytest.raises(FeatureError, match=r"shape \(1, 2, 3\), its record says \(1, 2, 4\)"):
        load_features(dataset, track)


def test_a_file_of_another_kind_of_number_is_refused(dataset: Dataset) -> None:
    track = a_stored_track(dataset)
    np.save(dataset.dir_path / track.path, NUMBERS)
    with pytest.raises(FeatureError, match="float32, not float16"):
        load_features(dataset, track)


def test_features_of_another_width_or_extractor_are_refused_by_both_names() -> None:
    track = a_feature_track()
    refuse_other_width(track, width=3, extractor=None)
    with pytest.raises(FeatureError, match=r"3 numbers a snippet \(baseline-1\).* takes 1024"):
        refuse_other_width(track, width=1024, extractor=None)
    with pytest.raises(FeatureError, match=r"are of baseline-1, .* those of i3d"):
        refuse_other_width(track, width=3, extractor="i3d")


def test_a_name_cannot_lead_out_of_its_folder() -> None:
    assert features_path("a/b", "../x") == "features/a%2Fb/..%2Fx.npy"
