"""Feature files: arrays go in whole or not at all, and come out memory-mapped and checked."""

import hashlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.dataset import Dataset
from engine.errors import ItemError
from schemas import FeatureTrack

FEATURES_DIR_NAME = "features"
SNIPPET_FRAMES = 16
"""Frames of one snippet, everywhere."""
_CHECKED_ROWS = 4096
_LARGEST_FLOAT16 = 65504.0
_REMAKE = "run `vau-data features`, or import the file again"


class FeatureError(ItemError):
    """Features of one video that are missing, damaged or of another kind than asked for."""


def features_path(extractor: str, video_id: str) -> str:
    """Where a video's features lie, relative to the dataset folder."""
    return f"{FEATURES_DIR_NAME}/{_file_name(extractor)}/{_file_name(video_id)}.npy"


def save_features(path: Path, features: NDArray[np.floating]) -> str:
    """Write (C, T, D) numbers as float16; whole or not at all. Returns the file's SHA-256.

    Raises `FeatureError` for a number that is none, or too large for float16.
    """
    if features.ndim != 3 or not features.size:
        raise _unusable(f"{path.name}: features of shape {features.shape}, not (C, T, D)")
    _refuse_bad_numbers(features, path.stem, "its file was not written")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            np.lib.format.write_array(file, np.ascontiguousarray(features, dtype=np.float16))
            file.flush()
            os.fsync(file.fileno())
        sha256 = sha256_of(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return sha256


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_features(dataset: Dataset, track: FeatureTrack) -> NDArray[np.float16]:
    """(num_crops, num_snippets, width) float16, memory-mapped, as the record says.

    Raises `FeatureError` where the file is missing, of another shape or kind, or holds a number
    that is none; its message names the video and says what to do.
    """
    return read_features(dataset.dir_path, track)


def read_features(dataset_dir_path: Path, track: FeatureTrack) -> NDArray[np.float16]:
    """`load_features`, for stages, which know the folder alone."""
    path = dataset_dir_path / track.path
    features = _opened(path, track)
    expected = (track.num_crops, track.num_snippets, track.width)
    if features.shape != expected:
        raise _unusable(
            f"{track.video_id}: {path} holds numbers of shape {features.shape}, its record says "
            f"{expected} (crops, snippets, width); {_REMAKE}"
        )
    if features.dtype != np.float16:
        raise _unusable(f"{track.video_id}: {path} holds {features.dtype}, not float16; {_REMAKE}")
    _refuse_bad_numbers(features, track.video_id, f"see {path}; {_REMAKE}")
    return features


def refuse_other_width(track: FeatureTrack, *, width: int, extractor: str | None) -> None:
    """Raises `FeatureError` where features are not what a network was trained on.

    `extractor` None: unknown, so only the width counts.
    """
    if track.width != width:
        raise _unusable(
            f"{track.video_id}: its features have {track.width} numbers a snippet "
            f"({track.extractor}), the network takes {width}; use features of the extractor that "
            "it was trained on, or another checkpoint"
        )
    if extractor is not None and track.extractor != extractor:
        raise _unusable(
            f"{track.video_id}: its features are of {track.extractor}, the network was trained on "
            f"those of {extractor}; run `vau-data features` with that extractor, or use another "
            "checkpoint"
        )


def _opened(path: Path, track: FeatureTrack) -> NDArray[np.float16]:
    try:
        opened: NDArray[np.float16] = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise _unusable(f"{track.video_id}: its features {path} are gone; {_REMAKE}") from None
    except (ValueError, EOFError, OSError) as error:
        raise _unusable(f"{track.video_id}: cannot read {path} ({error}); {_REMAKE}") from error
    return opened


def _refuse_bad_numbers(features: NDArray[np.floating], name: str, hint: str) -> None:
    for crop in range(len(features)):
        for first in range(0, features.shape[1], _CHECKED_ROWS):
            rows = features[crop, first : first + _CHECKED_ROWS]
            bad = ~(np.abs(rows) <= _LARGEST_FLOAT16)
            if bad.any():
                row, column = np.argwhere(bad)[0]
                place = f"snippet {first + row}, number {column}, crop {crop}"
                raise _unusable(f"{name}: {place} is {rows[row, column]}; {hint}")


def _file_name(name: str) -> str:
    return name.replace("/", "%2F")


def _unusable(detail: str) -> FeatureError:
    return FeatureError("features_unusable", detail)
