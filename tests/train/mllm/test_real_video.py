"""Families told apart what they saw: one question about real videos, another answer to each."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed (make install-train)")
pytest.importorskip("peft", reason="peft is not installed (make install-train)")
pytest.importorskip("accelerate", reason="accelerate is not installed (make install-train)")
pytest.importorskip("tensorboard", reason="tensorboard is not installed (make install-train)")

from engine.media.cut import Cut, cut_clips
from tests.train.mllm.lessons import a_plan, a_recipe, a_row, write_release
from tests.train.mllm.test_run import said_by
from tests.train.mllm.tiny import FAMILIES
from train.mllm.generate import load_tuned
from train.mllm.merge import merge
from train.mllm.run import tune

VIDEOS = Path(__file__).resolve().parents[4] / "shared" / "data" / "videos"
QUESTION = "<video>\nWhat happens in this video?"
ANSWERS = {
    "car_accident.mp4": "Two cars crash.",
    "DKZg4kIEa0A_31_36.avi": "A man falls.",
    "explosion2.mp4": "Something explodes.",
    "robbery.mp4": "A shop is robbed at night.",
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of a fifth of a second of each, cut as `--media` cuts."""
    if not VIDEOS.is_dir():
        pytest.skip(f"NOT TESTED on real video: no {VIDEOS}")
    folder = tmp_path_factory.mktemp("dataset") / "releases" / "v1"
    folder.mkdir(parents=True)
    rows = []
    for number, (name, answer) in enumerate(ANSWERS.items()):
        target = folder / Path(name).with_suffix(".mp4")
        cut_clips(VIDEOS / name, [Cut(target, 1.0, 1.2)])
        told = [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": answer}]
        rows.append(a_row(number, "", type="video", video=target.name, conversations=told))
    return write_release(folder, rows)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_learns_to_tell_real_videos_apart(
    bases: dict[str, Path], release: Path, tmp_path: Path, family: str
) -> None:
    frames = {"num": 2, "fewest_of_clips": 2, "picture_px": 28}
    recipe = a_recipe(
        num_steps=40, batch_size=4, per_device=4, save_every=1000, is_checkpointed=False,
        frames=frames,
    )  # fmt: skip
    plan = a_plan(release, bases[family], tmp_path / "out", recipe)
    report = tune(plan)
    assert report.card.skipped == {}
    said = said_by(load_tuned(report.path, precision="float32"), plan)
    assert said == list(ANSWERS.values())
    merged = load_tuned(merge(report.path, tmp_path / "merged"), precision="float32")
    assert said_by(merged, plan) == said
