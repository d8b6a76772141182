import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make install-train)")
pytest.importorskip("tensorboard", reason="tensorboard is not installed (make install-train)")

import torch
from safetensors.torch import load_file

from engine.dataset import Dataset
from engine.errors import ServiceError, UsageError
from engine.features import load_features
from tests.train.scorer.featured import Clip, featured, some_clips
from train.scorer.checkpoint import load_checkpoint
from train.scorer.corpus import load_corpus
from train.scorer.recipe import Recipe, changed, load_recipe
from train.scorer.run import TrainOptions, plan_training, train_scorer
from train.scorer.selection import yardstick
from train.scorer.supervision import Supervision

REPOSITORY = Path(__file__).resolve().parents[3]
QUIET = TrainOptions(is_quiet=True)


def a_recipe(**values: Any) -> Recipe:
    laptop = load_recipe("laptop")
    sizes = {"hidden_dim": 16, "num_heads": 2, "head_dim": 8, "num_slots": 16}
    small: dict[str, Any] = {
        "num_steps": 30,
        "batch_size": 4,
        "num_segments": 24,
        "validate_every": 10,
    }
    return changed(laptop, sizes=sizes, precision="float32", **(small | values))


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return featured(tmp_path / "dataset", some_clips(10))


def weights_at(path: Path) -> dict[str, torch.Tensor]:
    return load_file(path / "model.safetensors")


def test_a_scorer_finds_the_stretches_that_were_clicked(tmp_path: Path) -> None:
    dataset = featured(tmp_path, some_clips(12))
    report = train_scorer(dataset, a_recipe(num_steps=80), QUIET)
    scorer = load_checkpoint(report.path)
    assert scorer.extractor == "tests-1"
    video = next(v for v in load_corpus(dataset, "clicks").validation if v.is_abnormal)
    scores = scorer.score(load_features(dataset, video.track))
    place = int(video.click_places[0] * len(scores))
    is_inside = np.abs(np.arange(len(scores)) - place) <= 2
    assert (scores[is_inside][:, None] > scores[~is_inside]).mean() > 0.8


def test_the_card_tells_where_the_weights_come_from(dataset: Dataset) -> None:
    report = train_scorer(dataset, a_recipe(), QUIET)
    card = report.card
    assert report.path == dataset.dir_path / "checkpoints" / "laptop-s0"
    assert card.selection.chosen_on == "validation"
    assert card.selection.measure == "roc_auc of clicked snippets"
    assert card.selection.step in (10, 20, 30)
    assert (card.num_train_videos, card.selection.num_videos) == (16, 4)
    assert {path.name for path in report.path.iterdir()} == {
        "model.safetensors", "model.json", "README.md", "tensorboard", ".lock",
    }  # fmt: skip


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(dataset: Dataset) -> None:
    paths = [dataset.dir_path / name for name in "abc"]
    for path, seed in zip(paths, (0, 0, 1), strict=True):
        train_scorer(dataset, a_recipe(), TrainOptions(out_dir_path=path, seed=seed, is_quiet=True))
    one, same, other = map(weights_at, paths)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


SCRIPT = """
import sys
from pathlib import Path
from engine.dataset import Dataset
from tests.train.scorer.test_run import a_recipe
from train.scorer.run import TrainOptions, train_scorer
dataset, out = Dataset.open(Path(sys.argv[1])), Path(sys.argv[2])
options = TrainOptions(out_dir_path=out, is_quiet=True, seconds_between_states=0.1)
report = train_scorer(dataset, a_recipe(num_steps=400), options)
print(report.first_step)
"""


def test_a_killed_run_goes_on_and_ends_with_the_same_weights(dataset: Dataset) -> None:
    whole, cut = dataset.dir_path / "whole", dataset.dir_path / "cut"
    options = TrainOptions(out_dir_path=whole, is_quiet=True)
    train_scorer(dataset, a_recipe(num_steps=400), options)
    command = [sys.executable, "-c", SCRIPT, str(dataset.dir_path), str(cut)]
    running = subprocess.Popen(command, cwd=REPOSITORY)
    deadline = time.monotonic() + 60
    while not (cut / "state.pt").exists():
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    assert not (cut / "model.safetensors").exists()
    again = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    assert 0 < int(again.stdout) < 400
    one, other = weights_at(whole), weights_at(cut)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_finished_run_is_not_done_again(dataset: Dataset) -> None:
    first = train_scorer(dataset, a_recipe(), QUIET)
    written = (first.path / "model.safetensors").stat().st_mtime_ns
    again = train_scorer(dataset, a_recipe(), QUIET)
    assert again.card == first.card
    assert again.first_step == 30
    assert (first.path / "model.safetensors").stat().st_mtime_ns == written


def test_a_folder_with_another_run_is_left_alone(dataset: Dataset) -> None:
    train_scorer(dataset, a_recipe(), QUIET)
    with pytest.raises(UsageError, match="laptop-s0 holds the checkpoint of a run with other data"):
        train_scorer(dataset, a_recipe(num_steps=31), QUIET)


def test_an_unfinished_run_with_other_settings_is_not_taken_up(dataset: Dataset) -> None:
    out = dataset.dir_path / "out"
    out.mkdir()
    torch.save({"run_id": "other"}, out / "state.pt")
    with pytest.raises(UsageError, match="unfinished run with other data, settings or seed"):
        train_scorer(dataset, a_recipe(), TrainOptions(out_dir_path=out, is_quiet=True))


def test_the_test_set_chooses_nothing_unless_told_to(tmp_path: Path) -> None:
    dataset = featured(
        tmp_path,
        [*some_clips(8), *_renamed("T", 3, split="test", has_boundaries=True)],
    )
    plan = plan_training(dataset, a_recipe(), QUIET)
    assert plan.by is not None
    assert not {video.id for video in plan.by.videos} & {v.id for v in plan.corpus.test}
    options = TrainOptions(select_on="test", is_quiet=True)
    card = train_scorer(dataset, a_recipe(), options).card
    assert (card.selection.chosen_on, card.selection.measure) == ("test", "roc_auc of frames")
    assert card.selection.num_videos == 6


def _renamed(prefix: str, num_of_each: int, **changes: Any) -> list[Clip]:
    clips = some_clips(num_of_each, **changes)
    return [replace(clip, id=f"{prefix}{clip.id}") for clip in clips]


def test_without_test_videos_there_is_nothing_to_choose_by(dataset: Dataset) -> None:
    with pytest.raises(UsageError, match="no test video with features and a label"):
        train_scorer(dataset, a_recipe(), TrainOptions(select_on="test", is_quiet=True))


def test_too_few_videos_to_hold_any_out_keep_the_last_weights(tmp_path: Path) -> None:
    card = train_scorer(featured(tmp_path, some_clips(3)), a_recipe(), QUIET).card
    assert (card.selection.chosen_on, card.selection.step) == ("last", 30)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"has_boundaries": True}, "roc_auc of frames"),
        ({}, "roc_auc of clicked snippets"),
        ({"has_click": False}, "roc_auc of videos"),
    ],
)
def test_checkpoints_are_compared_by_the_best_labels_there_are(
    tmp_path: Path, changes: dict[str, bool], what: str
) -> None:
    corpus = load_corpus(featured(tmp_path, some_clips(6, **changes)), "video")
    by = yardstick(corpus.validation, "roc_auc")
    assert by is not None
    assert by.name == what


@pytest.mark.parametrize("supervision", ["video", "clicks", "boundaries"])
def test_every_supervision_and_every_network_trains(
    tmp_path: Path, supervision: Supervision
) -> None:
    dataset = featured(tmp_path, some_clips(6, has_boundaries=True, num_crops=2))
    report = train_scorer(dataset, a_recipe(supervision=supervision, num_steps=5), QUIET)
    assert load_checkpoint(report.path).network == "ur_dmu"


@pytest.mark.parametrize("name", ["vador-lstc", "va-gpt-mlp"])
def test_the_other_networks_train_too(tmp_path: Path, name: str) -> None:
    dataset = featured(tmp_path, some_clips(6, has_boundaries=True))
    values: dict[str, Any] = {"num_steps": 6, "validate_every": 3, "num_segments": 24}
    recipe = changed(load_recipe(name), num_steps_alone=3 if "vador" in name else 0, **values)
    report = train_scorer(dataset, recipe, QUIET)
    assert load_checkpoint(report.path).width == 8
    assert report.card.selection.step in (3, 6)


def test_losses_and_figures_can_be_watched(dataset: Dataset) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    report = train_scorer(dataset, a_recipe(), QUIET)
    found = EventAccumulator(str(report.path / "tensorboard"))
    found.Reload()
    assert {"losses/total", "losses/pseudo_labels"} <= set(found.Tags()["scalars"])
    looks = found.Scalars("validation/roc_auc_of_clicked_snippets")
    assert [look.step for look in looks] == [10, 20, 30]
    assert max(look.value for look in looks) == pytest.approx(report.card.selection.value, rel=1e-5)


def test_losses_that_leave_the_numbers_stop_the_run(dataset: Dataset) -> None:
    recipe = a_recipe(optimizer={"learning_rate": 1e30})
    with pytest.raises(ServiceError, match=r"at step \d+ .*lower .*learning_rate"):
        train_scorer(dataset, recipe, QUIET)


def test_a_device_that_is_not_there_is_named(dataset: Dataset) -> None:
    with pytest.raises(UsageError, match="no device 'quantum' here"):
        train_scorer(dataset, a_recipe(), TrainOptions(device="quantum", is_quiet=True))
