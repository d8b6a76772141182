import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is not installed (make install-train)")
pytest.importorskip("peft", reason="peft is not installed (make install-train)")
pytest.importorskip("accelerate", reason="accelerate is not installed (make install-train)")
pytest.importorskip("tensorboard", reason="tensorboard is not installed (make install-train)")

import torch
from safetensors.torch import load_file

from engine.errors import TooManyRejectsError, UsageError
from tests.train.mllm.lessons import a_plan, a_recipe, a_row, cut_release, write_release
from tests.train.mllm.tiny import FAMILIES, tiny_base
from train.mllm.frames import frames_of
from train.mllm.generate import Tuned, load_tuned
from train.mllm.merge import merge
from train.mllm.plan import MllmPlan
from train.mllm.recipe import MllmRecipe
from train.mllm.run import MllmReport, read_card, refuse_too_many_skipped, tune

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cut_release(tmp_path_factory.mktemp("dataset") / "releases" / "v1")


def weights_at(path: Path) -> dict[str, torch.Tensor]:
    return load_file(path / "adapter_model.safetensors")


def are_equal(one: Path, other: Path) -> bool:
    ours, theirs = weights_at(one), weights_at(other)
    return ours.keys() == theirs.keys() and all(
        torch.equal(weight, theirs[name]) for name, weight in ours.items()
    )


def said_by(tuned: Tuned, plan: MllmPlan) -> list[str]:
    """Answers to the questions of training, greedily and by the same prompt."""
    answers = []
    for shot in plan.lessons.shots:
        frames, start = frames_of(shot, tau=0.1, max_side_px=56, chance=None)
        question = shot.exchanges[0].question
        answers.append(tuned.answer(frames, question, start_seconds=start, most_tokens=40))
    return answers


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_learns_its_answers_by_heart_and_says_the_same_after_merging(
    bases: dict[str, Path], release: Path, tmp_path: Path, family: str
) -> None:
    recipe = a_recipe(num_steps=45, save_every=1000, is_checkpointed=False)
    plan = a_plan(release, bases[family], tmp_path / "out", recipe)
    report = tune(plan)
    learned = [shot.exchanges[0].answer for shot in plan.lessons.shots]
    tuned = load_tuned(report.path, precision="float32")
    said = said_by(tuned, plan)
    matches = sum(one == other for one, other in zip(said, learned, strict=True))
    assert matches / len(learned) >= 0.95, said
    merged = load_tuned(merge(report.path, tmp_path / "merged"), precision="float32")
    assert said_by(merged, plan) == said
    assert not any("lora" in name for name, _ in merged.model.named_parameters())


def test_the_card_names_the_release_by_its_hash(
    bases: dict[str, Path], release: Path, tmp_path: Path
) -> None:
    from engine.features import sha256_of

    report = tune(a_plan(release, bases["internvl"], tmp_path / "out", a_recipe(num_steps=2)))
    card = read_card(report.path)
    assert card.release_sha256 == sha256_of(release / "release.json")
    assert (card.num_steps, card.num_samples, card.skipped) == (2, 3, {})
    page = (report.path / "README.md").read_text()
    assert card.release_sha256 in page
    assert "2, seed 0" in page
    assert {path.name for path in report.path.iterdir()} >= {
        "adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "tensorboard",
    }  # fmt: skip
    assert not (report.path / "states").exists()


def test_losses_and_rates_are_in_tensorboard(
    bases: dict[str, Path], release: Path, tmp_path: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    report = tune(a_plan(release, bases["internvl"], tmp_path / "out", a_recipe(num_steps=3)))
    found = EventAccumulator(str(report.path / "tensorboard"))
    found.Reload()
    losses = [event.value for event in found.Scalars("train/loss")]
    assert len(losses) == 3
    assert losses[-1] < losses[0]


def a_random_recipe(**changes: Any) -> MllmRecipe:
    """With everything that chance decides: frames, their number, dropout, order, bfloat16."""
    chance: dict[str, Any] = {
        "num_steps": 9,
        "batch_size": 2,
        "per_device": 1,
        "save_every": 3,  # an epoch has two steps: in the middle of one
        "precision": "bfloat16",
        "lora": {"rank": 4, "alpha": 8, "dropout": 0.2},
        "frames": {
            "sampler": "random", "clip_sampler": "random", "num": 4, "fewest_of_clips": 2,
            "picture_px": 28,
        },
    }  # fmt: skip
    return a_recipe(**(chance | changes))


_CHILD = """
import sys
from pathlib import Path
from tests.train.mllm.lessons import a_plan
from tests.train.mllm.test_run import a_random_recipe
from train.mllm import trainer
from train.mllm.run import tune

release, base, out = map(Path, sys.argv[1:])
steps = trainer.Hooks.on_step_end

def slowly(self, args, state, control, **rest):
    print(state.global_step, flush=True)
    steps(self, args, state, control, **rest)
    if state.global_step == 5:
        sys.stdin.read()

trainer.Hooks.on_step_end = slowly
tune(a_plan(release, base, out, a_random_recipe()))
"""


def test_a_run_that_was_killed_ends_with_the_weights_of_an_undisturbed_one(
    bases: dict[str, Path], release: Path, tmp_path: Path
) -> None:
    base = bases["internvl"]
    whole = tune(a_plan(release, base, tmp_path / "whole", a_random_recipe()))
    cut = tmp_path / "cut"
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(release), str(base), str(cut)],
        cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert [child.stdout.readline().strip() for _ in range(5)] == ["1", "2", "3", "4", "5"]
        child.send_signal(signal.SIGKILL)
    # As if the kill had come while a newer state was being written.
    torn = cut / "states" / "checkpoint-6"
    torn.mkdir()
    (torn / "adapter_model.safetensors").write_bytes(b"torn")
    resumed = tune(a_plan(release, base, cut, a_random_recipe()))
    assert resumed.first_step == 3
    assert are_equal(whole.path, resumed.path)
    other = tune(a_plan(release, base, tmp_path / "other", a_random_recipe(), seed=1))
    assert not are_equal(whole.path, other.path)


_PROCESS = """
import sys
from pathlib import Path
from tests.train.mllm.lessons import a_plan, a_recipe
from train.mllm.run import tune

release, base, out = map(Path, sys.argv[1:])
recipe = a_recipe(num_steps=2, batch_size=2, per_device=1)
tune(a_plan(release, base, out, recipe, device="cpu"))
"""


def test_two_processes_end_with_the_weights_of_one(bases: dict[str, Path], tmp_path: Path) -> None:
    rows = [a_row(0, "v_E0C0"), a_row(1, "v_E0"), a_row(2, "v"), a_row(3, "v_E0C0")]
    release = write_release(cut_release(tmp_path / "releases" / "v1"), rows)
    recipe = a_recipe(num_steps=2, batch_size=2, per_device=1)
    one = tune(a_plan(release, bases["internvl"], tmp_path / "one", recipe, device="cpu"))
    script = tmp_path / "process.py"
    script.write_text(_PROCESS)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    subprocess.run(
        [sys.executable, *launcher, script, release, bases["internvl"], tmp_path / "two"],
        cwd=REPOSITORY, check=True, capture_output=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    ours, theirs = weights_at(one.path), weights_at(tmp_path / "two")
    assert ours.keys() == theirs.keys()
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-5) for name in ours)


def test_decoding_in_workers_changes_nothing(
    bases: dict[str, Path], release: Path, tmp_path: Path
) -> None:
    recipe = a_random_recipe(num_steps=3)
    here = tune(a_plan(release, bases["qwen3_vl"], tmp_path / "here", recipe))
    there = tune(a_plan(release, bases["qwen3_vl"], tmp_path / "there", recipe, workers=2))
    assert are_equal(here.path, there.path)


def test_a_run_that_is_finished_is_not_done_again(
    bases: dict[str, Path], release: Path, tmp_path: Path
) -> None:
    def run() -> MllmReport:
        plan = a_plan(release, bases["internvl"], tmp_path / "out", a_recipe(num_steps=2))
        return tune(plan)

    first, again = run(), run()
    assert again.seconds == 0
    assert again.card == first.card


def test_a_folder_with_another_run_is_refused(
    bases: dict[str, Path], release: Path, tmp_path: Path
) -> None:
    tune(a_plan(release, bases["internvl"], tmp_path / "out", a_recipe(num_steps=2)))
    with pytest.raises(UsageError, match="holds a run with another release, base, recipe or seed"):
        a_plan(release, bases["internvl"], tmp_path / "out", a_recipe(num_steps=3))


def test_gradient_accumulation_gives_the_losses_of_one_large_batch(
    bases: dict[str, Path], release: Path, tmp_path: Path
) -> None:
    losses = [
        tune(
            a_plan(
                release,
                bases["qwen2_5_vl"],
                tmp_path / str(per_device),
                a_recipe(num_steps=2, per_device=per_device),
            )
        ).card.final_loss
        for per_device in (1, 3)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_each_part_has_its_own_rate_and_norms_do_not_decay(bases: dict[str, Path]) -> None:
    from train.mllm.architecture import architecture_of
    from train.mllm.base import adapted, load_model
    from train.mllm.trainer import groups_of

    recipe = a_recipe()
    architecture = architecture_of(bases["internvl"], picture_px=28)
    model = load_model(bases["internvl"], precision="float32")
    tuned = adapted(model, architecture, train="projector+lora", lora=recipe.lora)
    groups = groups_of(tuned, recipe.optimizer)
    rates = {(group["lr"], group["weight_decay"]) for group in groups}
    assert rates == {(1e-2, 0.01), (3e-3, 0.01), (3e-3, 0.0)}
    assert all(weight.ndim == 1 for g in groups if not g["weight_decay"] for weight in g["params"])


def test_a_sample_that_cannot_be_decoded_is_skipped_by_name(
    bases: dict[str, Path], tmp_path: Path
) -> None:
    release = cut_release(tmp_path / "releases" / "v1")
    broken = release / "folder/events/train/v_E0.mp4"
    broken.write_bytes(b"no video")
    plan = a_plan(release, bases["internvl"], tmp_path / "out", a_recipe(num_steps=3))
    report = tune(plan)
    assert list(report.card.skipped) == ["internvl/train.jsonl:2 (v_E0)"]
    assert "media_unreadable" in report.card.skipped["internvl/train.jsonl:2 (v_E0)"]
    assert "learned from | 2 conversations" in (report.path / "README.md").read_text()
    refuse_too_many_skipped(plan, max_reject_rate=0.4)
    with pytest.raises(TooManyRejectsError, match="1 of 3 samples were skipped"):
        refuse_too_many_skipped(plan, max_reject_rate=0.05)


def test_a_batch_of_nothing_but_skipped_samples_leaves_the_loss_a_number(
    bases: dict[str, Path], tmp_path: Path
) -> None:
    release = cut_release(tmp_path / "releases" / "v1")
    for path in (release / "folder").rglob("*.mp4"):
        path.write_bytes(b"no video")
    for family in ("internvl", "qwen3_vl"):
        recipe = a_recipe(num_steps=2, per_device=1, batch_size=1)
        report = tune(a_plan(release, bases[family], tmp_path / family, recipe))
        assert report.card.final_loss == 0.0
        assert len(report.card.skipped) == 3


def test_an_adapter_is_not_put_on_another_base(
    bases: dict[str, Path], release: Path, tmp_path: Path
) -> None:
    report = tune(a_plan(release, bases["internvl"], tmp_path / "out", a_recipe(num_steps=2)))
    other = tiny_base(tmp_path / "other", "internvl", seed=1)
    for use in (
        lambda: merge(report.path, tmp_path / "merged", base=str(other)),
        lambda: load_tuned(report.path, base=str(other)),
    ):
        with pytest.raises(UsageError, match="is not the base of this adapter"):
            use()


def test_merging_refuses_what_is_no_adapter_and_what_is_in_the_way(
    bases: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="holds no adapter"):
        merge(bases["internvl"], tmp_path / "merged")
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(UsageError, match="is not empty"):
        merge(tmp_path, tmp_path)


def test_projector_alone_is_saved_and_loaded_again(
    bases: dict[str, Path], release: Path, tmp_path: Path
) -> None:
    recipe = a_recipe(train="projector", num_steps=3)
    report = tune(a_plan(release, bases["qwen3_vl"], tmp_path / "out", recipe))
    names = weights_at(report.path)
    assert names
    assert all("merger" in name for name in names)
    tuned = load_tuned(report.path, precision="float32")
    merged = load_tuned(merge(report.path, tmp_path / "merged"), precision="float32")
    ours = dict(merged.model.named_parameters())["model.visual.merger.linear_fc1.weight"]
    theirs = [w for name, w in tuned.model.named_parameters() if "merger.modules_to_save" in name]
    assert any(torch.equal(ours, weight) for weight in theirs)
