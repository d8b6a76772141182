import subprocess
import sys
from pathlib import Path

import pytest

from engine.dataset import Dataset
from tests.engine.cli.command_line import REPOSITORY, vau

RECIPE = """
about = "Small."
network = "ur_dmu"
supervision = "clicks"
num_steps = 6
batch_size = 2
num_segments = 12
validate_every = 3
sizes = { hidden_dim = 8, num_heads = 2, head_dim = 4, num_slots = 16 }
"""


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    pytest.importorskip("torch", reason="torch is not installed (make install-train)")
    pytest.importorskip("tensorboard", reason="tensorboard is not installed (make install-train)")
    from tests.train.scorer.featured import Clip, featured, some_clips

    (tmp_path / "small.toml").write_text(RECIPE)
    clips = [*some_clips(6), Clip("Fight900", event=(1.0, 4.0), has_click=False)]
    return featured(tmp_path / "dataset", clips)


def test_a_dry_run_says_what_would_be_learned_from_and_writes_nothing(dataset: Dataset) -> None:
    before = sorted(dataset.dir_path.rglob("*"))
    recipe = dataset.dir_path.parent / "small.toml"
    outcome = vau("train", "scorer", "--recipe", recipe, "--dry-run", cwd=dataset.dir_path)
    assert outcome.code == 0, outcome.err
    assert "ur_dmu from clicks, 6 steps" in outcome.out
    assert "features of tests-1, 8 wide" in outcome.out
    assert "roc_auc of clicked snippets" in outcome.out
    assert sorted(dataset.dir_path.rglob("*")) == before
    row = vau(
        "train", "scorer", "--recipe", recipe, "--dry-run", "--json", cwd=dataset.dir_path
    ).json
    assert row["num_abnormal_train_videos"] == row["num_clicked_train_videos"] + 1
    assert row["is_finished"] is False


def test_training_names_the_checkpoint_and_says_when_there_is_nothing_to_do(
    dataset: Dataset,
) -> None:
    recipe = dataset.dir_path.parent / "small.toml"
    command = ("train", "scorer", "--recipe", recipe, "--quiet")
    outcome = vau(*command, cwd=dataset.dir_path)
    assert outcome.code == 0, outcome.err
    path = dataset.dir_path / "checkpoints" / "small-s0"
    assert f"vau-data score --checkpoint {path}" in outcome.out
    assert (path / "model.safetensors").exists()
    assert "holds this run already" in vau(*command, cwd=dataset.dir_path).out
    card = vau(*command, "--json", "--seed", 1, cwd=dataset.dir_path).json["card"]
    assert (card["seed"], card["num_steps"]) == (1, 6)


def test_choosing_on_the_test_set_is_warned_of(dataset: Dataset) -> None:
    recipe = dataset.dir_path.parent / "small.toml"
    outcome = vau(
        *("train", "scorer", "--recipe", recipe, "--select-on", "test"), cwd=dataset.dir_path
    )
    assert outcome.code == 2
    assert "figures on it will flatter" in outcome.err
    assert "no test video" in outcome.err


def test_an_unknown_recipe_is_refused(dataset: Dataset) -> None:
    outcome = vau("train", "scorer", "--recipe", "nope", cwd=dataset.dir_path)
    assert outcome.code == 2
    assert "no recipe 'nope'; there are glancevad-ucf" in outcome.err


def test_the_help_names_every_recipe() -> None:
    pytest.importorskip("torch", reason="torch is not installed (make install-train)")
    from train.scorer.recipe import known_recipes

    text = "".join(vau("train", "scorer", "--help").out.split())
    assert [name for name in known_recipes() if name not in text] == []


def test_without_torch_the_command_that_installs_it_is_named(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None;"
        " from engine.cli.main import run_command_line;"
        " sys.exit(run_command_line(['train', 'scorer', '--recipe', 'laptop']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "training needs torch" in done.stderr
    assert "make install-train" in done.stderr
