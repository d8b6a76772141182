"""A folder of `.npy` files as others publish features -> which files are a video's, and its array.

Known layouts: one file `<video>.npy` of (T, D), (T, crops, D) or (crops, T, D); or a file for each
crop, `<video>__0.npy … <video>__9.npy` of (T, D), as for XD-Violence. Names are the videos' own,
with or without UCF-Crime's `_x264`; a name that fits two videos is not guessed.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import UsageError
from engine.features import SNIPPET_FRAMES
from engine.sources.video_names import VideoNames, names_of
from schemas import Video

_CROP = re.compile(r"(?P<name>.+)__(?P<crop>\d+)")
MAX_CROPS = 10
_SPARE_SNIPPETS = 1.5
"""Published features end up to a snippet before or after the video."""


@dataclass(frozen=True)
class FeatureFiles:
    """What a folder holds."""

    of_video: Mapping[str, tuple[Path, ...]]
    """Video id -> its file, or its crops' files in order."""
    unfit: Mapping[str, str]
    """Name -> why its files cannot be used."""
    unknown_names: tuple[str, ...]
    """Files of no video of the dataset."""
    missing_ids: tuple[str, ...]
    """Videos of the dataset without a file."""


def find_feature_files(dir_path: Path, videos: Iterable[Video]) -> FeatureFiles:
    """Match names strictly. Raises `UsageError` for a folder without a `.npy` file."""
    paths = sorted(dir_path.rglob("*.npy"))
    if not paths:
        raise UsageError(f"{dir_path} holds no .npy file; name the folder of the features")
    known = list(videos)
    names = names_of(known)
    of_video: dict[str, tuple[Path, ...]] = {}
    unfit: dict[str, str] = {}
    unknown: list[str] = []
    for name, by_crop in _by_name(paths).items():
        meant = _meant(names, name)
        if not meant:
            unknown.append(name)
        elif len(meant) > 1:
            ids = " or ".join(video.id for video in meant)
            unfit[name] = f"could be features of {ids}; rename all files but those of one"
        elif (why := _why_unusable(by_crop)) or meant[0].id in of_video:
            unfit[name] = why or f"{meant[0].id} has features in {of_video[meant[0].id][0]} too"
        else:
            of_video[meant[0].id] = _in_order(by_crop)
    missing = [one.id for one in known if one.id not in of_video and one.id not in unfit]
    return FeatureFiles(of_video, unfit, tuple(unknown), tuple(missing))


_ByCrop = Mapping[int | None, Sequence[Path]]
"""Crop -> its files; None: the file that names no crop."""


def _by_name(paths: Iterable[Path]) -> dict[str, _ByCrop]:
    found: dict[str, dict[int | None, list[Path]]] = {}
    for path in paths:
        parts = _CROP.fullmatch(path.stem)
        name, crop = (parts["name"], int(parts["crop"])) if parts else (path.stem, None)
        found.setdefault(name, {}).setdefault(crop, []).append(path)
    return dict(found.items())


def _in_order(by_crop: _ByCrop) -> tuple[Path, ...]:
    numbers = sorted(crop for crop in by_crop if crop is not None)
    return tuple(by_crop[crop][0] for crop in numbers) or (by_crop[None][0],)


def _meant(names: VideoNames, name: str) -> Sequence[Video]:
    """By the whole name, else with or without `_x264`."""
    other = name.removesuffix("_x264") if name.endswith("_x264") else f"{name}_x264"
    return names.by_stem.get(name) or names.by_stem.get(other, ())


def _why_unusable(by_crop: _ByCrop) -> str | None:
    for paths in by_crop.values():
        if len(paths) > 1:
            return f"{paths[0]} and {paths[1]} have the same name; remove one"
    numbers = sorted(crop for crop in by_crop if crop is not None)
    if numbers and None in by_crop:
        return f"has crops {numbers} and a file without one; remove either"
    if numbers != list(range(len(numbers))):
        return f"has crops {numbers}; they must be 0, 1, 2 … without a gap"
    return None


def read_feature_files(paths: Sequence[Path], video: Video) -> NDArray[np.float32]:
    """(crops, T, D) of one video. Raises `ValueError` that says what does not fit."""
    if len(paths) == 1:
        features = _with_crops(_loaded(paths[0]), video)
    else:
        crops = [_loaded(path) for path in paths]
        shapes = sorted({crop.shape for crop in crops})
        if len(shapes) > 1 or len(shapes[0]) != 2:
            raise ValueError(f"its crops have shapes {shapes}; they must be equal, (T, D)")
        features = np.stack(crops)
    _check_length(features.shape[1], video)
    return features


def _loaded(path: Path) -> NDArray[np.float32]:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path} cannot be read ({error}); download it again") from error
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"{path} holds {array.dtype}, not numbers with a fraction")
    return np.asarray(array, np.float32)


def _with_crops(array: NDArray[np.float32], video: Video) -> NDArray[np.float32]:
    if array.ndim == 2:
        return array[None]
    if array.ndim != 3 or not array.size:
        raise ValueError(f"shape {array.shape} is none of (T, D), (T, crops, D), (crops, T, D)")
    first, second, _ = array.shape
    is_crops_second = second <= MAX_CROPS and _fits(first, video)
    is_crops_first = first <= MAX_CROPS and _fits(second, video)
    if is_crops_first and is_crops_second:
        raise ValueError(
            f"shape {array.shape} could be (T, crops, D) or (crops, T, D); save each crop as a "
            "file <video>__0.npy, <video>__1.npy …"
        )
    if is_crops_first or second > MAX_CROPS >= first:
        return array
    return np.ascontiguousarray(array.transpose(1, 0, 2))


def _fits(num_snippets: int, video: Video) -> bool:
    return abs(num_snippets - video.num_frames / SNIPPET_FRAMES) < _SPARE_SNIPPETS


def _check_length(num_snippets: int, video: Video) -> None:
    if not num_snippets:
        raise ValueError("holds no snippet")
    if not _fits(num_snippets, video):
        raise ValueError(
            f"{num_snippets} snippets of {SNIPPET_FRAMES} frames are "
            f"{num_snippets * SNIPPET_FRAMES} frames, but the video has {video.num_frames}; are "
            "they features of another cut, rate or snippet length?"
        )


def snippet_edges(
    num_snippets: int, video: Video, times_seconds: NDArray[np.float64] | None
) -> tuple[float, ...]:
    """Where snippets begin and the last one ends: num_snippets + 1 ascending times.

    By the file's frame times; by the rate where there is no file, or past its last frame.
    """
    usual_seconds = SNIPPET_FRAMES / video.fps
    edges: list[float] = []
    for frame in range(0, num_snippets * SNIPPET_FRAMES, SNIPPET_FRAMES):
        if times_seconds is not None and frame < len(times_seconds):
            edges.append(float(times_seconds[frame]))
        else:
            edges.append(edges[-1] + usual_seconds if edges else video.start_seconds)
    after = num_snippets * SNIPPET_FRAMES
    if times_seconds is not None and after < len(times_seconds):
        return (*edges, float(times_seconds[after]))
    end_seconds = (
        min(video.end_seconds, edges[-1] + usual_seconds)
        if times_seconds is None
        else video.end_seconds
    )
    return (*edges, end_seconds if end_seconds > edges[-1] else edges[-1] + usual_seconds)
