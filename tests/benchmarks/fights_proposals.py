"""How well events are bounded with scores and without, on untrimmed videos of known boundaries.

Run: `python -m tests.benchmarks.fights_proposals CLIPS DIR [SEEDS]`, with the arguments of
`tests.benchmarks.fights_scorer`, whose dataset and checkpoints in DIR are used where they are there
and made where not, in minutes for each of the SEEDS (5 by default; 0: motion alone). Needs torch.
Figures go to `engine/PROPOSALS.md`. The share alpha is compared on the validation
part; the test part is looked at with the shipped constants alone.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import numpy as np

from engine.features import load_features
from engine.index import Index
from engine.intervals import Interval, tiou
from engine.models.motion import motion_scores
from engine.proposals import (
    ClickGrowth,
    events_from_clicks,
    events_from_clicks_and_scores,
    events_from_scores,
)
from schemas import FeatureTrack
from tests.benchmarks.fights import FPS, FightCorpus, FightVideo, build_fights
from tests.benchmarks.fights_scorer import SEEDS, fights_dataset
from train.scorer.checkpoint import load_checkpoint
from train.scorer.recipe import load_recipe
from train.scorer.run import TrainOptions, train_scorer

ALPHAS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
Propose = Callable[["Curve"], Sequence[Interval]]


@dataclass(frozen=True)
class Curve:
    """One video, what is true of it, and scores."""

    truth: FightVideo
    starts_seconds: tuple[float, ...]
    end_seconds: float
    scores: tuple[float, ...]

    @property
    def events(self) -> list[Interval]:
        """In seconds."""
        return [(start / FPS, end / FPS) for start, end in self.truth.events]

    @property
    def clicks_seconds(self) -> list[float]:
        """One per event."""
        return [frame / FPS for frame in self.truth.clicks]


@dataclass(frozen=True)
class Figures:
    """`mean_tiou` and `recall` at tIoU 0.5 over true events; `per_video` proposals a video."""

    mean_tiou: float
    recall: float
    per_video: float
    per_normal_video: float


def main() -> None:
    """Build what is missing, measure, print the tables."""
    clips_dir_path, work_dir_path = map(Path, sys.argv[1:3])
    seeds = range(int(sys.argv[3])) if len(sys.argv) > 3 else SEEDS
    corpus = build_fights(clips_dir_path, work_dir_path)
    motion = [_motion(corpus, video) for video in corpus.videos if video.split != "train"]
    scored = [_scored(corpus, work_dir_path / "dataset", seed) for seed in seeds]
    print("validation part, mean tIoU by alpha: motion, then the scorer of each seed")
    for alpha in ALPHAS:
        rule = _grown_with(ClickGrowth(alpha=alpha))
        found = [figures(part(curves, "validation"), rule) for curves in (motion, *scored)]
        print(f"  {alpha}: " + ", ".join(f"{one.mean_tiou:.3f}" for one in found))
    print("| test part | mean tIoU | R@.5 | proposals a video | a normal video |")
    print("| --- | --- | --- | --- | --- |")
    for label, runs, rule in (
        ("one click per event, no scores", [motion], _by_clicks),
        ("click and motion", [motion], _grown_with(ClickGrowth())),
        ("click and trained scorer", scored, _grown_with(ClickGrowth())),
        ("motion alone", [motion], _by_scores),
        ("trained scorer alone", scored, _by_scores),
    ):
        if runs:
            print(_row(label, [figures(part(curves, "test"), rule) for curves in runs]))


def figures(curves: Sequence[Curve], propose: Propose) -> Figures:
    """Best tIoU of every true event, and how many were proposed."""
    found = {curve.truth.id: list(propose(curve)) for curve in curves}
    best = [
        max((tiou(event, one) for one in found[curve.truth.id]), default=0.0)
        for curve in curves
        for event in curve.events
    ]
    abnormal = [len(found[curve.truth.id]) for curve in curves if curve.events]
    normal = [len(found[curve.truth.id]) for curve in curves if not curve.events]
    recall = mean(float(overlap >= 0.5) for overlap in best)
    return Figures(mean(best), recall, mean(abnormal), mean(normal))


def part(curves: Sequence[Curve], split: str) -> list[Curve]:
    """Those of one part."""
    return [curve for curve in curves if curve.truth.split == split]


def _by_clicks(curve: Curve) -> list[Interval]:
    found = events_from_clicks(
        curve.clicks_seconds, start_seconds=0.0, end_seconds=curve.end_seconds
    )
    return [interval for interval, _ in found]


def _grown_with(growth: ClickGrowth) -> Propose:
    def propose(curve: Curve) -> list[Interval]:
        found = events_from_clicks_and_scores(
            curve.clicks_seconds,
            curve.scores,
            curve.starts_seconds,
            end_seconds=curve.end_seconds,
            settings=growth,
        )
        return [interval for interval, _ in found]

    return propose


def _by_scores(curve: Curve) -> list[Interval]:
    return events_from_scores(curve.scores, curve.starts_seconds, end_seconds=curve.end_seconds)


def _motion(corpus: FightCorpus, video: FightVideo) -> Curve:
    found = motion_scores(corpus.videos_dir_path / f"{video.id}.mp4")
    return Curve(video, found.snippet_starts_seconds, found.end_seconds, found.scores)


def _scored(corpus: FightCorpus, dataset_dir_path: Path, seed: int) -> list[Curve]:
    dataset = fights_dataset(corpus, dataset_dir_path)
    options = TrainOptions(seed=seed, is_quiet=True)
    scorer = load_checkpoint(train_scorer(dataset, load_recipe("laptop"), options).path)
    tracks = {track.video_id: track for track in Index(dataset).all(FeatureTrack)}
    curves = []
    for video in corpus.videos:
        track = tracks[video.id]
        scores = np.asarray(scorer.score(load_features(dataset, track)), np.float64)
        starts = track.snippet_starts_seconds
        curves.append(Curve(video, starts, track.end_seconds, tuple(map(float, scores))))
    return curves


def _row(label: str, runs: Sequence[Figures]) -> str:
    cells = [
        _told([run.mean_tiou for run in runs], 3),
        _told([run.recall for run in runs], 3),
        _told([run.per_video for run in runs], 1),
        _told([run.per_normal_video for run in runs], 1),
    ]
    return f"| {label} | {' | '.join(cells)} |"


def _told(values: Sequence[float], digits: int) -> str:
    spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{spread}"


if __name__ == "__main__":
    main()
