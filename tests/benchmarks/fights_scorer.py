"""How well a scorer trained from clicks finds fights in videos that it never saw.

Run: `python -m tests.benchmarks.fights_scorer CLIPS DIR [--same-split]`, where CLIPS has the
folders `fight` and `normal`; needs torch. Each of five seeds divides the clips by file in its own
way and trains with that seed; with `--same-split` all five train on the first division. Figures go
to `train/README.md`. Recipes were fixed, and checkpoints are chosen, without the test part: it is
looked at here, once, at the end.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from numpy.typing import NDArray

from engine.cli.main import run_command_line
from engine.dataset import Dataset
from engine.features import load_features
from engine.index import Index
from engine.intervals import Interval, tiou
from engine.proposals import (
    events_from_clicks,
    events_from_clicks_and_scores,
    events_from_scores,
)
from schemas import FeatureTrack
from tests.benchmarks.fights import FPS, FightCorpus, FightVideo, build_fights
from train.metrics.detection import ScoredSnippets, detection_figures
from train.metrics.proposals import Proposal, proposal_figures
from train.scorer.checkpoint import load_checkpoint
from train.scorer.recipe import Recipe, changed, load_recipe
from train.scorer.run import TrainOptions, train_scorer

SEEDS = range(5)
Scores = NDArray[np.floating]


@dataclass(frozen=True)
class TestVideo:
    """One unseen video."""

    truth: FightVideo
    track: FeatureTrack

    @property
    def events(self) -> list[Interval]:
        """In seconds."""
        return [(start / FPS, end / FPS) for start, end in self.truth.events]


def main() -> None:
    """Build, train, measure, print a table."""
    clips_dir_path, work_dir_path = map(Path, sys.argv[1:3])
    started = time.monotonic()
    rows: dict[str, list[dict[str, float]]] = defaultdict(list)
    for seed in SEEDS:
        split = 0 if "--same-split" in sys.argv else seed
        found = _measured(clips_dir_path, work_dir_path / f"split{split}", split, seed)
        for label, figures in found.items():
            rows[label].append(figures)
        print(f"seed {seed}: {found}", flush=True)
    print(table(rows))
    print(f"in all: {time.monotonic() - started:.0f} s")


def _measured(
    clips_dir_path: Path, work_dir_path: Path, split: int, seed: int
) -> dict[str, dict[str, float]]:
    corpus = build_fights(clips_dir_path, work_dir_path, seed=split)
    dataset = fights_dataset(corpus, work_dir_path / "dataset")
    tested = _test_videos(dataset, corpus)
    clicks = load_recipe("laptop")
    videos = changed(clicks, name="laptop-video", supervision="video")
    return {
        "chance (random scores)": _figures(tested, _random(seed)),
        "video labels": _trained(dataset, videos, seed, tested),
        "clicks": _trained(dataset, clicks, seed, tested),
        "clicks alone, no scores": _clicks_alone(tested),
    }


def table(rows: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Mean ± standard deviation over the seeds."""
    names = list(dict.fromkeys(name for runs in rows.values() for name in runs[0]))
    lines = ["| | " + " | ".join(names) + " |", "| --- |" + " --- |" * len(names)]
    for label, runs in rows.items():
        told = [
            f"{mean(run[name] for run in runs):.3f} ± {stdev(run[name] for run in runs):.3f}"
            if name in runs[0]
            else ""
            for name in names
        ]
        lines.append(f"| {label} | " + " | ".join(told) + " |")
    return "\n".join(lines)


def fights_dataset(corpus: FightCorpus, dir_path: Path) -> Dataset:
    """Ingested, clicked, with features."""
    at = ("--dataset", str(dir_path))
    if not dir_path.exists():
        folder, labels = str(corpus.videos_dir_path), str(corpus.labels_path)
        _run("init", str(dir_path), "--videos", folder, "--labels", labels)
    _run("ingest", "--quiet", *at)
    _run("import", "clicks", str(corpus.clicks_path), *at)
    _run("features", "--quiet", *at)
    return Dataset.open(dir_path)


def _run(*arguments: str) -> None:
    code = run_command_line(arguments)
    if code:
        raise SystemExit(f"vau-data {' '.join(arguments)} ended with {code}")


def _test_videos(dataset: Dataset, corpus: FightCorpus) -> list[TestVideo]:
    tracks = {track.video_id: track for track in Index(dataset).all(FeatureTrack)}
    return [TestVideo(video, tracks[video.id]) for video in corpus.videos if video.split == "test"]


def _trained(
    dataset: Dataset, recipe: Recipe, seed: int, tested: Sequence[TestVideo]
) -> dict[str, float]:
    started = time.monotonic()
    report = train_scorer(dataset, recipe, TrainOptions(seed=seed, is_quiet=True))
    scorer = load_checkpoint(report.path)
    found = _figures(tested, lambda video: scorer.score(load_features(dataset, video.track)))
    chosen = report.card.selection
    told = f"{chosen.measure} {chosen.value:.3f}, step {chosen.step}" if chosen.value else ""
    print(f"{recipe.name} {seed}: {time.monotonic() - started:.0f} s, {told}", flush=True)
    return found


def _random(seed: int) -> Callable[[TestVideo], Scores]:
    rng = np.random.default_rng(seed)
    return lambda video: rng.random(video.track.num_snippets)


def _figures(tested: Sequence[TestVideo], score: Callable[[TestVideo], Scores]) -> dict[str, float]:
    scores = {video.truth.id: score(video) for video in tested}
    every = detection_figures(_joined(tested, scores))
    abnormal = [video for video in tested if video.events]
    inside = detection_figures(_joined(abnormal, scores))
    proposals = {video.truth.id: _proposals(video, scores[video.truth.id]) for video in tested}
    events = {video.truth.id: video.events for video in tested}
    grown = _met(abnormal, lambda video: _grown(video, scores[video.truth.id]))
    assert every.roc_auc is not None
    assert every.average_precision is not None
    assert inside.roc_auc is not None
    return {
        "AUC": every.roc_auc,
        "AP": every.average_precision,
        "AUC, abnormal videos": inside.roc_auc,
        "mAP of proposals, tIoU 0.1–0.7": proposal_figures(proposals, events).mean or 0.0,
        "tIoU of proposals": _met(abnormal, lambda video: [
            proposal.interval for proposal in proposals[video.truth.id]
        ])[0],
        "tIoU from a click and scores": grown[0],
        "recall@0.5": grown[1],
    }  # fmt: skip


def _joined(videos: Sequence[TestVideo], scores: Mapping[str, Scores]) -> ScoredSnippets:
    parts = []
    for video in videos:
        labels = np.zeros(video.track.num_frames, dtype=np.int8)
        for start, end in video.truth.events:
            labels[start:end] = 1
        parts.append(
            ScoredSnippets.of_frames(scores[video.truth.id], labels, video_id=video.truth.id)
        )
    return ScoredSnippets.joined(parts)


def _proposals(video: TestVideo, scores: Scores) -> list[Proposal]:
    starts = np.array(video.track.snippet_starts_seconds)
    return [
        Proposal(found, float(scores[(starts >= found[0]) & (starts < found[1])].max()))
        for found in events_from_scores(scores, starts, end_seconds=video.track.end_seconds)
    ]


def _grown(video: TestVideo, scores: Scores) -> list[Interval]:
    clicks = [frame / FPS for frame in video.truth.clicks]
    track = video.track
    found = events_from_clicks_and_scores(
        clicks, scores, track.snippet_starts_seconds, end_seconds=track.end_seconds
    )
    return [interval for interval, _ in found]


def _clicks_alone(tested: Sequence[TestVideo]) -> dict[str, float]:
    def by_rule(video: TestVideo) -> list[Interval]:
        clicks = [frame / FPS for frame in video.truth.clicks]
        found = events_from_clicks(clicks, start_seconds=0.0, end_seconds=video.track.end_seconds)
        return [interval for interval, _ in found]

    met = _met([video for video in tested if video.events], by_rule)
    return {"tIoU from a click and scores": met[0], "recall@0.5": met[1]}


def _met(
    videos: Sequence[TestVideo], propose: Callable[[TestVideo], Sequence[Interval]]
) -> tuple[float, float]:
    """Over true events: mean of the best tIoU, and the share for which it is 0.5 or more."""
    best = []
    for video in videos:
        proposed = propose(video)
        best += [max((tiou(event, one) for one in proposed), default=0.0) for event in video.events]
    return mean(best), mean(float(overlap >= 0.5) for overlap in best)


if __name__ == "__main__":
    main()
