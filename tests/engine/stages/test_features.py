"""Videos become feature files, and feature files scores."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.config import Config
from engine.dataset import Dataset
from engine.errors import UsageError
from engine.executors.local import LocalExecutor
from engine.features import FeatureError, load_features, save_features, sha256_of
from engine.flow import FEATURES, features, look_at, run_step, score, wanted_steps
from engine.index import Index
from engine.models.baseline_features import BaselineFeatures
from engine.models.scorer import ScorerFile
from engine.stage import Item, fingerprint_of
from engine.stages.features import FeaturesItem
from engine.stages.score import ScorerItem, ScorerStage
from schemas import FeatureTrack, ScoreTrack
from tests.builders import (
    QUIET,
    VIDEO_ID,
    a_dataset,
    a_feature_track,
    a_media,
    a_video,
    add_video,
    bring_in,
    reconfigured,
    run_named,
    step_named,
)
from tests.engine.stages.examples import a_file, loaded


class Ramp:
    """A scorer of one number: what a snippet's first feature says."""

    extractor = "baseline-1"
    network = "ramp"
    fingerprint = "00"

    def __init__(self, width: int = 3, extractor: str = "baseline-1") -> None:
        self.width = width
        self.extractor = extractor

    def score(self, features: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.asarray(features[..., 0].mean(axis=0), np.float64)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "scorer.safetensors"
    path.write_bytes(b"weights")
    return path


def a_stage(checkpoint: Path, scorer: Ramp | None = None) -> ScorerStage:
    return ScorerStage(ScorerFile(checkpoint, lambda _: scorer or Ramp()))


def stored(dir_path: Path, first: list[float], **changes: object) -> Item[ScorerItem]:
    """Features whose first numbers are these, beside their record."""
    rows = np.zeros((1, len(first), 3), np.float32)
    rows[0, :, 0] = first
    known: dict[str, object] = {
        "num_snippets": len(first),
        "snippet_starts_seconds": tuple(0.64 * n for n in range(len(first))),
        "end_seconds": 0.64 * len(first),
    }
    track = a_feature_track(**(known | changes))  # type: ignore[arg-type]
    save_features(dir_path / track.path, rows)
    return Item(VIDEO_ID, ScorerItem(track, dir_path))


def test_a_video_becomes_a_file_of_vectors_and_a_record_that_describes_it(tmp_path: Path) -> None:
    stage, path = features(Config()), a_file(tmp_path)
    item = Item(VIDEO_ID, FeaturesItem(path, 3.0, tmp_path))
    [track] = stage.process(loaded(stage, item))
    assert isinstance(track, FeatureTrack)
    width = BaselineFeatures().width
    assert (track.num_crops, track.num_snippets, track.width) == (1, 5, width)
    assert track.num_frames == 75
    assert track.end_seconds == pytest.approx(3.0, abs=0.02)
    assert track.sha256 == sha256_of(tmp_path / track.path)
    assert np.load(tmp_path / track.path).shape == (1, 5, width)


def test_a_file_that_cannot_be_read_is_a_reject_and_leaves_nothing(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, a_video(media=a_media()))
    (dataset.videos_dir_path / f"{VIDEO_ID}.mp4").write_bytes(b"rotten")
    report = run_step(dataset, FEATURES, executor=executor, options=QUIET)
    assert report.rejects == {"media_unreadable": 1}
    assert not (dataset.dir_path / "features").exists()


def test_features_that_are_there_are_not_made_again_until_their_file_is_deleted(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    dataset = made(tmp_path, executor)
    assert look_at(dataset, FEATURES)[1] == []
    track = Index(dataset).get(FeatureTrack, "a")
    (dataset.dir_path / track.path).unlink()
    assert [one.id for one in look_at(dataset, FEATURES)[1]] == ["a"]
    run_step(dataset, FEATURES, executor=executor, options=QUIET)
    assert look_at(dataset, FEATURES)[1] == []
    assert Index(dataset).get(FeatureTrack, "a") == track
    assert load_features(dataset, track).shape[1] == 7


def made(dir_path: Path, executor: LocalExecutor) -> Dataset:
    """A dataset with one video of 100 frames and its features."""
    dataset = a_dataset(dir_path)
    add_video(dataset, "a.mp4")
    run_named(dataset, "ingest", executor=executor)
    run_step(dataset, FEATURES, executor=executor, options=QUIET)
    return dataset


def test_a_run_of_everything_makes_features_only_for_a_scorer() -> None:
    scored = Config.model_validate({"score": {"model": "/x.safetensors"}})
    assert [step.name for step in wanted_steps(Config())][:3] == ["ingest", "score", "propose"]
    assert [step.name for step in wanted_steps(scored)][:3] == ["ingest", "features", "score"]


def test_scores_come_from_features_and_name_their_scorer(tmp_path: Path, checkpoint: Path) -> None:
    item = stored(tmp_path, [0.25, 0.5, 0.125])
    [track] = a_stage(checkpoint).process(item)
    assert isinstance(track, ScoreTrack)
    assert track.scores == (0.25, 0.5, 0.125)
    assert track.snippet_starts_seconds == item.body.track.snippet_starts_seconds
    assert track.provenance.name == f"scorer/ramp-{sha256_of(checkpoint)[:8]}"
    assert not track.provenance.is_baseline


def test_one_snippet_is_scored_like_many(tmp_path: Path, checkpoint: Path) -> None:
    [track] = a_stage(checkpoint).process(stored(tmp_path, [0.75]))
    assert isinstance(track, ScoreTrack)
    assert track.scores == (0.75,)


def test_two_hours_are_scored_as_one_piece(tmp_path: Path, checkpoint: Path) -> None:
    num_snippets = 2 * 3600 * 25 // 16
    [track] = a_stage(checkpoint).process(stored(tmp_path, [0.5] * num_snippets))
    assert isinstance(track, ScoreTrack)
    assert len(track.scores) == num_snippets


def test_another_checkpoint_makes_scores_stale_and_a_moved_one_does_not(
    tmp_path: Path, checkpoint: Path
) -> None:
    moved = tmp_path / "elsewhere.safetensors"
    moved.write_bytes(checkpoint.read_bytes())
    assert fingerprint_of(a_stage(checkpoint)) == fingerprint_of(a_stage(moved))
    moved.write_bytes(b"others")
    assert fingerprint_of(a_stage(checkpoint)) != fingerprint_of(a_stage(moved))


def test_features_of_another_width_are_refused_by_the_videos_name(
    tmp_path: Path, checkpoint: Path
) -> None:
    with pytest.raises(FeatureError, match=rf"{VIDEO_ID}: .* have 3 numbers .* takes 1024"):
        list(a_stage(checkpoint, Ramp(width=1024)).process(stored(tmp_path, [0.5])))


def test_features_of_another_extractor_are_refused_by_both_names(
    tmp_path: Path, checkpoint: Path
) -> None:
    item = stored(tmp_path, [0.5], extractor="i3d")
    with pytest.raises(FeatureError, match=r"are of i3d, .* baseline-1"):
        list(a_stage(checkpoint).process(item))
    [track] = a_stage(checkpoint, Ramp(extractor="")).process(item)
    assert isinstance(track, ScoreTrack)


@pytest.mark.parametrize("bad", [1.5, -0.25])
def test_a_score_that_is_no_share_is_refused(tmp_path: Path, checkpoint: Path, bad: float) -> None:
    with pytest.raises(FeatureError, match="not 0 to 1"):
        list(a_stage(checkpoint).process(stored(tmp_path, [0.5, bad])))


def test_a_checkpoint_that_is_not_there_is_named(tmp_path: Path) -> None:
    config = Config.model_validate({"score": {"model": str(tmp_path / "gone.safetensors")}})
    with pytest.raises(UsageError, match=r"cannot read the checkpoint .*gone\.safetensors"):
        fingerprint_of(score(config))


def test_a_plan_needs_no_network_but_a_run_says_who_can_load_it(
    tmp_path: Path, checkpoint: Path
) -> None:
    config = Config.model_validate({"score": {"model": str(checkpoint)}})
    stage = score(config)
    assert fingerprint_of(stage)
    assert isinstance(stage, ScorerStage)
    with pytest.raises(UsageError, match="score --checkpoint"):
        stage.check()


def with_scorer(dataset: Dataset, checkpoint: Path, more: str = "") -> Dataset:
    return reconfigured(dataset, f'[score]\nmodel = "{checkpoint}"\n{more}')


def test_with_a_scorer_marked_videos_are_scored_too_and_wait_for_features(
    tmp_path: Path, checkpoint: Path
) -> None:
    dataset = a_dataset(tmp_path / "ds")
    normal = a_video("n", media=a_media(path="n.mp4"), is_anomalous=False)
    bring_in(dataset, normal, a_feature_track(), a_video(media=a_media()))
    census, pending = look_at(with_scorer(dataset, checkpoint), step_named("score"))
    assert [one.id for one in pending] == [VIDEO_ID]
    assert census.waiting == {"features": 1}
    only = with_scorer(dataset, checkpoint, 'videos = "unclicked"\n')
    assert look_at(only, step_named("score"))[0].waiting == {}


def test_new_features_make_scores_stale(tmp_path: Path, checkpoint: Path) -> None:
    dataset = with_scorer(a_dataset(tmp_path / "ds"), checkpoint)
    bring_in(dataset, a_video(), a_feature_track())
    first = look_at(dataset, step_named("score"))[1][0].input_sha256
    bring_in(dataset, a_feature_track(sha256="1" * 64))
    assert look_at(dataset, step_named("score"))[1][0].input_sha256 != first


def test_a_video_whose_features_cannot_be_made_is_proposed_for_without(
    tmp_path: Path, checkpoint: Path, executor: LocalExecutor
) -> None:
    dataset = with_scorer(a_dataset(tmp_path / "ds"), checkpoint)
    bring_in(dataset, a_video(media=a_media()))
    assert look_at(dataset, step_named("propose"))[0].waiting == {"score": 1}
    (dataset.videos_dir_path / f"{VIDEO_ID}.mp4").write_bytes(b"rotten")
    run_step(dataset, FEATURES, executor=executor, options=QUIET)
    census, pending = look_at(dataset, step_named("propose"))
    assert (census.waiting, [one.id for one in pending]) == ({}, [VIDEO_ID])
