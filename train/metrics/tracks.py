"""Scores of videos from wherever they are kept -> one array per video, one number per snippet."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from engine.dataset import CONFIG_NAME, Dataset
from engine.errors import UsageError
from engine.index import Index
from engine.store import parse_record, read_lines
from schemas import ScoreTrack, Video

Scores = NDArray[np.floating]


@dataclass(frozen=True)
class ScoredVideos:
    """Scores by video, and how many frames the dataset's videos have, where there is a dataset."""

    scores: dict[str, Scores]
    """Video id -> (T,), one score per 16 frames."""
    num_frames: dict[str, int]


def read_scores(path: Path) -> ScoredVideos:
    """From a dataset folder, a scores.jsonl, a folder of `<video>.npy`, an .npz or a JSON object.

    Raises `UsageError` for anything else, and naming the video whose scores are no row of
    numbers.
    """
    num_frames: dict[str, int] = {}
    if path.is_dir() and (path / CONFIG_NAME).exists():
        index = Index(Dataset.open(path))
        found: Mapping[str, object] = {
            track.video_id: track.scores for track in index.all(ScoreTrack)
        }
        num_frames = {video.id: video.num_frames for video in index.all(Video)}
    elif path.is_dir():
        found = {file.stem: _load(file) for file in sorted(path.glob("*.npy"))}
    elif path.suffix == ".jsonl":
        tracks = (parse_record(ScoreTrack, line, path=path) for line in read_lines(path))
        found = {track.video_id: track.scores for track in tracks}
    elif path.suffix == ".npz":
        found = _load(path)
    elif path.suffix == ".json":
        found = _load_json(path)
    else:
        raise UsageError(
            f"cannot read scores from {path}; give a dataset folder, a scores.jsonl, a folder of "
            '<video>.npy files, an .npz, or a .json such as {"Abuse028_x264": [0.1, 0.2]}'
        )
    if not found:
        raise UsageError(f"{path} has no scores; make some with `vau-data score`")
    scores = {video_id: _checked(video_id, values) for video_id, values in found.items()}
    return ScoredVideos(scores, num_frames)


def _load(path: Path) -> Mapping[str, object]:
    try:
        loaded: Mapping[str, object] = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise UsageError(f"cannot read {path} as numbers: {error}") from error
    return loaded


def _load_json(path: Path) -> Mapping[str, object]:
    try:
        loaded = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{path} is no JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise UsageError(f'{path} must be an object such as {{"Abuse028_x264": [0.1, 0.2]}}')
    return loaded


def _checked(video_id: str, values: object) -> Scores:
    try:
        scores = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{video_id}: its scores are no row of numbers ({error})") from error
    if scores.ndim != 1 or not len(scores):
        raise UsageError(
            f"{video_id}: its scores have shape {scores.shape}, not one number for each snippet"
        )
    return scores
