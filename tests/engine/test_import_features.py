"""Published features enter a dataset: names matched strictly, lengths checked against the video."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.features import load_features
from engine.flow import FEATURES, look_at
from engine.import_features import import_features
from engine.import_files import FileImport, ImportTask
from engine.index import Index
from engine.sources.feature_files import read_feature_files, snippet_edges
from schemas import FeatureTrack
from tests.builders import a_dataset, a_feature_track, a_media, a_video, bring_in

UCF = a_video("Abuse001_x264", num_frames=320, fps=25.0, end_seconds=12.8)
XD = a_video("A.Film__#01-00_label_B1", num_frames=330, fps=24.0, end_seconds=13.75)


def numbers(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    made = a_dataset(tmp_path / "ds")
    bring_in(made, UCF, XD)
    return made


def folder(dir_path: Path, **arrays: NDArray[np.generic]) -> Path:
    dir_path.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(dir_path / f"{name}.npy", array)
    return dir_path


def bring(dataset: Dataset, dir_path: Path, *, is_dry_run: bool = False) -> FileImport:
    return import_features(ImportTask(dataset, dir_path, is_dry_run), extractor="i3d")


def test_crops_in_one_file_and_in_many_come_in_as_crops_first(
    dataset: Dataset, tmp_path: Path
) -> None:
    ucf, crops = (
        numbers(20, 10, 8),
        {f"{XD.id}__{crop}": numbers(21, 8) + crop for crop in range(5)},
    )
    done = bring(dataset, folder(tmp_path / "npy", **{UCF.id: ucf}, **crops))
    assert done.report.num_records == {"features": 2}
    tracks = {track.id: track for track in Index(dataset).all(FeatureTrack)}
    found = load_features(dataset, tracks[UCF.id])
    np.testing.assert_array_equal(found, ucf.transpose(1, 0, 2).astype(np.float16))
    assert load_features(dataset, tracks[XD.id]).shape == (5, 21, 8)
    assert tracks[UCF.id].extractor == "i3d"
    assert tracks[UCF.id].snippet_starts_seconds[1] == 16 / 25
    assert tracks[XD.id].end_seconds == XD.end_seconds
    assert tracks[XD.id].num_frames == 330


def test_a_second_import_of_the_same_changes_nothing(dataset: Dataset, tmp_path: Path) -> None:
    npy = folder(tmp_path / "npy", **{UCF.id: numbers(20, 8)})
    bring(dataset, npy)
    assert bring(dataset, npy).report.num_unchanged == 1


def test_what_is_missing_unknown_or_ambiguous_is_said(dataset: Dataset, tmp_path: Path) -> None:
    bring_in(
        dataset,
        a_video("cam", media=a_media(path="a/cam.mp4")),
        a_video("cam_2", media=a_media(path="b/cam.mp4")),
    )
    npy = folder(
        tmp_path / "npy", Abuse001=numbers(20, 8), Arson009=numbers(20, 8), cam=numbers(94, 8)
    )
    done = bring(dataset, npy)
    assert [(one.video_id, "cam or cam_2" in one.detail) for one in done.report.unfit] == [
        ("cam", True)
    ]
    assert done.notes[0] == "1 files of no video of this dataset: Arson009"
    assert XD.id in done.notes[1]
    assert [track.id for track in Index(dataset).all(FeatureTrack)] == [UCF.id]


def test_a_crop_that_is_missing_is_said(dataset: Dataset, tmp_path: Path) -> None:
    npy = folder(tmp_path / "npy", **{f"{XD.id}__{crop}": numbers(21, 8) for crop in (0, 2)})
    np.save(npy / f"{UCF.id}.npy", numbers(20, 8))
    [unfit] = bring(dataset, npy).report.unfit
    assert "has crops [0, 2]; they must be 0, 1, 2" in unfit.detail


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (numbers(40, 8), "40 snippets of 16 frames are 640 frames, but the video has 320"),
        (np.full((20, 8), np.nan, np.float32), "snippet 0, number 0, crop 0 is nan"),
        (np.zeros((20, 8), np.int64), "not numbers with a fraction"),
        (numbers(20), "shape (20,) is none of"),
    ],
)
def test_features_that_do_not_fit_are_named_with_what_is_wrong(
    dataset: Dataset, tmp_path: Path, array: NDArray[np.generic], why: str
) -> None:
    npy = folder(tmp_path / "npy", **{UCF.id: array, XD.id: numbers(21, 8)})
    [unfit] = bring(dataset, npy).report.unfit
    assert (unfit.video_id, why in unfit.detail) == (UCF.id, True)


def test_a_folder_of_other_videos_writes_nothing(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none of its 1 names, such as 'x'"):
        bring(dataset, folder(tmp_path / "npy", x=numbers(3, 8)))
    with pytest.raises(UsageError, match=r"holds no \.npy file"):
        bring(dataset, folder(tmp_path / "empty"))
    assert not (dataset.dir_path / "features").exists()


def test_a_dry_run_counts_and_writes_nothing(dataset: Dataset, tmp_path: Path) -> None:
    done = bring(dataset, folder(tmp_path / "npy", **{UCF.id: numbers(20, 8)}), is_dry_run=True)
    assert done.report.num_records == {"features": 1}
    assert not (dataset.dir_path / "features").exists()


def test_imported_features_are_never_made_over(dataset: Dataset, tmp_path: Path) -> None:
    bring_in(dataset, a_video(media=a_media(), num_frames=320, end_seconds=12.8))
    assert [one.id for one in look_at(dataset, FEATURES)[1]] == [UCF.id]
    bring_in(dataset, a_feature_track(UCF.id))
    assert look_at(dataset, FEATURES)[1] == []


def test_crops_first_or_last_is_told_by_the_videos_length(tmp_path: Path) -> None:
    first, last = numbers(10, 20, 8), numbers(20, 10, 8)
    npy = folder(tmp_path / "npy", first=first, last=last, both=numbers(2, 2, 8))
    np.testing.assert_array_equal(read_feature_files([npy / "first.npy"], UCF), first)
    np.testing.assert_array_equal(
        read_feature_files([npy / "last.npy"], UCF), last.transpose(1, 0, 2)
    )
    with pytest.raises(ValueError, match=r"could be \(T, crops, D\) or \(crops, T, D\)"):
        read_feature_files([npy / "both.npy"], a_video(num_frames=32))


def test_snippets_begin_where_their_first_frame_is_shown() -> None:
    """At a variable rate the average would be wrong."""
    times = np.concatenate([np.arange(20) * 0.04, 5 + np.arange(20) * 0.5])
    video = a_video(num_frames=40, fps=2.7, end_seconds=15.0)
    assert snippet_edges(2, video, times) == (0.0, 0.64, 5 + 12 * 0.5)
    *_, last, end = snippet_edges(4, video, times)
    assert last < end
