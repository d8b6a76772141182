"""`vau-data features`, and what `score` says of checkpoints that it cannot use."""

from pathlib import Path

import numpy as np
import pytest

from engine.dataset import Dataset
from engine.features import load_features
from engine.index import Index
from engine.models.baseline_features import BaselineFeatures
from schemas import FeatureTrack, ScoreTrack
from tests.engine.cli.command_line import vau
from tests.scorers import untaught_scorer


def test_features_are_made_once_and_counted(dataset: Path) -> None:
    first, second = vau("features", cwd=dataset), vau("features", cwd=dataset)
    assert (first.code, second.code) == (0, 0)
    assert first.out.startswith("features: 3 done, 3 records; ")
    assert second.out.startswith("features: nothing to do, 3 already settled; ")
    opened = Dataset.open(dataset)
    shapes = {t.id: load_features(opened, t).shape[1] for t in Index(opened).all(FeatureTrack)}
    assert shapes == {"a": 16, "b": 7, "c": 8}


def test_dry_run_and_limit_of_features_do_what_they_say(dataset: Path) -> None:
    plan = vau("features", "--dry-run", "--limit", 2, "--json", cwd=dataset).json["plans"][0]
    assert (plan["stage"], len(plan["to_do"]), plan["num_left"]) == ("features", 2, 1)
    assert not (dataset / "features").exists()
    assert "1 done" in vau("features", "--limit", 1, "--workers", 1, "--quiet", cwd=dataset).out


def test_features_appear_in_status_only_where_a_scorer_is_named(dataset: Path) -> None:
    assert "\nfeatures " not in vau("status", cwd=dataset).out
    (dataset / "scorer.bin").write_bytes(b"weights")
    with (dataset / "dataset.toml").open("a") as file:
        file.write('\n[score]\nmodel = "scorer.bin"\n')
    out = vau("status", cwd=dataset).out
    assert "features: 3 to do: new" in out
    assert "score: 3 waiting for features" in out


def test_a_checkpoint_that_is_not_there_is_named_before_any_work(dataset: Path) -> None:
    outcome = vau("score", "--checkpoint", "gone.safetensors", cwd=dataset)
    assert outcome.code == 2
    assert "gone.safetensors" in outcome.err
    assert not (dataset / "features").exists()


@pytest.mark.parametrize("command", [("features",), ("run",)])
def test_a_vision_tower_is_not_sent_to_a_cluster(dataset: Path, command: tuple[str, ...]) -> None:
    (dataset / "scorer.bin").write_bytes(b"weights")
    with (dataset / "dataset.toml").open("a") as file:
        file.write('\n[score]\nmodel = "scorer.bin"\n[features]\nextractor = "weights/clip"\n')
    outcome = vau(*command, "--ray", "auto", cwd=dataset)
    assert outcome.code == 2
    assert "runs on this machine" in outcome.err


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A scorer of the embedded features that nobody has taught anything."""
    return untaught_scorer(tmp_path / "scorer")


def test_a_checkpoint_scores_every_video_from_features_made_first(
    dataset: Path, checkpoint: Path
) -> None:
    outcome = vau("score", "--checkpoint", checkpoint, "--workers", 1, "--quiet", cwd=dataset)
    assert outcome.code == 0, outcome.err
    features, scores = outcome.out.splitlines()
    assert features.startswith("features: 3 done, 3 records")
    assert scores.startswith("score: 3 done, 3 records")
    assert "is for this run only" in outcome.err
    tracks = {track.id: track for track in Index(Dataset.open(dataset)).all(ScoreTrack)}
    assert {id_: len(track.scores) for id_, track in tracks.items()} == {"a": 16, "b": 7, "c": 8}
    assert tracks["a"].provenance.name.startswith("scorer/mlp-")


def test_a_scorer_named_in_dataset_toml_scores_in_a_run_of_everything(
    dataset: Path, checkpoint: Path
) -> None:
    with (dataset / "dataset.toml").open("a") as file:
        file.write(f'\n[score]\nmodel = "{checkpoint}"\n')
    outcome = vau("run", "--no-export", "--quiet", "--workers", 1, cwd=dataset)
    assert outcome.code == 0, outcome.err
    assert "features: 3 done" in outcome.out
    again = vau("run", "--no-export", "--quiet", "--workers", 1, cwd=dataset)
    assert " done, " not in again.out


def test_a_file_that_is_no_checkpoint_stops_before_features_are_made(dataset: Path) -> None:
    pytest.importorskip("torch")
    (dataset / "x.safetensors").write_bytes(b"no weights")
    outcome = vau("score", "--checkpoint", "x.safetensors", cwd=dataset)
    assert (outcome.code, "x.safetensors" in outcome.err) == (2, True)
    assert not (dataset / "features").exists()


def test_another_extractor_is_for_one_run_and_its_folder_is_checked(dataset: Path) -> None:
    outcome = vau("features", "--extractor", dataset / "nothing", "--quiet", cwd=dataset)
    assert outcome.code == 2
    assert "is for this run only" in outcome.err
    assert "is no model" in outcome.err


def test_imported_features_whose_file_was_deleted_are_named_by_score(
    dataset: Path, tmp_path: Path
) -> None:
    npy = tmp_path / "npy"
    npy.mkdir()
    vectors = np.zeros((16, BaselineFeatures.width), np.float32)
    np.save(npy / "a.npy", vectors)
    imported = vau("import", "features", npy, "--extractor", "baseline-1", cwd=dataset)
    assert imported.code == 0, imported.err
    assert "videos of this dataset without a file: b, c" in imported.out
    (dataset / "features/baseline-1/a.npy").unlink()
    scorer = untaught_scorer(tmp_path / "scorer")
    outcome = vau("score", "--checkpoint", scorer, "--quiet", "--workers", 1, cwd=dataset)
    assert outcome.code == 4
    assert "1 rejected (1 features_unusable)" in outcome.out
    listed = vau("rejects", "--stage", "score", cwd=dataset).out
    assert "a: its features" in listed
    assert "import the file again" in listed
