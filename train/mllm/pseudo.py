"""VAD-LLaMA's three phases: a scorer, the scorer with context, then lessons made of its scores.

The first two are one run of `train.scorer`. The third asks of each training video whether there is
an anomaly; the answer names the stretches where scores pass one half. A video that people called
normal is answered for as normal, and one that they called abnormal although no score passes is
left out by name: its pseudo-instruction would be wrong.
"""

import hashlib
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.families.vad_llama import told
from engine.features import load_features
from engine.index import Index
from engine.intervals import Interval
from engine.prompting import fill, prompt_body
from schemas import FeatureTrack, Video
from train.mllm.footage import Shot
from train.mllm.plan import Lessons
from train.mllm.prompt import Exchange
from train.mllm.recipe import FramesSection
from train.mllm.release import read_contents, train_video_ids
from train.scorer.checkpoint import CARD_NAME, LoadedScorer, load_checkpoint
from train.scorer.recipe import Recipe
from train.scorer.run import TrainOptions, train_scorer

SCORER_DIR_NAME = "scorer"
ANOMALOUS = 0.5
"""Scores above it are told as anomalous."""
_SECONDS_BETWEEN_LOOKS = 0.5


def train_phases(
    dataset: Dataset, recipe: Recipe, *, out_dir_path: Path, options: TrainOptions
) -> Path:
    """The scorer without and with context, or what is left of it to do; its folder."""
    chosen = TrainOptions(
        out_dir_path / SCORER_DIR_NAME,
        seed=options.seed,
        device=options.device,
        is_quiet=options.is_quiet,
    )
    return train_scorer(dataset, recipe, chosen).path


def wait_for_scorer(dir_path: Path) -> None:
    """Until the first process has trained it; where that one fails, the launcher ends this one."""
    while not (dir_path / CARD_NAME).is_file():
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def pseudo_lessons(
    release_dir_path: Path, dataset: Dataset, scorer_path: Path, frames: FramesSection
) -> Lessons:
    """A question and an answer per training video of a release.

    Raises `UsageError` where no video is left to learn from.
    """
    release = read_contents(release_dir_path)
    scorer = load_checkpoint(scorer_path)
    index = Index(dataset)
    tracks = {track.video_id: track for track in index.all(FeatureTrack)}
    videos = {video.id: video for video in index.all(Video)}
    shots, left_out = list[Shot](), dict[str, str]()
    for video_id in train_video_ids(release_dir_path):
        video, track = videos.get(video_id), tracks.get(video_id)
        why = _unfit(video, track)
        if video is None or track is None or why:
            left_out[video_id] = why
        elif (answer := _answer(dataset, video, track, scorer)) is None:
            left_out[video_id] = "people call it abnormal, and no score passes one half"
        else:
            shots.append(_shot(dataset, video, answer, frames))
    if not shots:
        raise UsageError(
            f"no training video of {release_dir_path} can be learned from: "
            f"{'; '.join(sorted(set(left_out.values()))) or 'it has none'}; run `vau-data ingest` "
            "and `vau-data features`"
        )
    digest = hashlib.sha256(scorer.fingerprint.encode()).hexdigest()
    return Lessons(release, tuple(shots), digest, left_out)


def _unfit(video: Video | None, track: FeatureTrack | None) -> str:
    if video is None:
        return "the dataset does not have it any more"
    if video.media is None:
        return "no video file"
    return "no features" if track is None else ""


def _answer(
    dataset: Dataset, video: Video, track: FeatureTrack, scorer: LoadedScorer
) -> str | None:
    """None: label and scores contradict each other."""
    if video.is_anomalous is False:
        return fill("vad_llama.normal", {})
    scores = scorer.score(load_features(dataset, track))
    spans = anomalous_spans(scores, [*track.snippet_starts_seconds, track.end_seconds])
    if spans:
        return told((a - video.start_seconds, b - video.start_seconds) for a, b in spans)
    return None if video.is_anomalous else fill("vad_llama.normal", {})


def anomalous_spans(scores: NDArray[np.floating], edges_seconds: Iterable[float]) -> list[Interval]:
    """(T,) scores and T + 1 edges -> stretches of neighboring snippets above `ANOMALOUS`."""
    edges = list(edges_seconds)
    is_above = np.concatenate([[False], scores > ANOMALOUS, [False]])
    changes = np.flatnonzero(np.diff(is_above.astype(np.int8)))
    return [(edges[first], edges[last]) for first, last in changes.reshape(-1, 2)]


def _shot(dataset: Dataset, video: Video, answer: str, frames: FramesSection) -> Shot:
    return Shot(
        id=video.id,
        file=dataset.video_file(video),
        span=None,
        sampler="uniform" if frames.sampler == "density" else frames.sampler,
        scores=None,
        fewest_frames=frames.num,
        most_frames=frames.num,
        exchanges=(Exchange(prompt_body("vad_llama.question"), answer),),
    )
