from pathlib import Path

import orjson
import pytest

from tests.engine.cli.command_line import vau
from tests.engine.cli.test_train_mllm import RECIPE
from tests.videos import constant_rate


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a tiny model, tuned for two steps."""
    for name in ("torch", "transformers", "peft", "accelerate", "tensorboard"):
        pytest.importorskip(name, reason=f"{name} is not installed (make install-train)")
    from tests.builders import a_dataset
    from tests.train.mllm.lessons import cut_release
    from tests.train.mllm.tiny import tiny_base

    folder = tmp_path_factory.mktemp("tuned")
    (folder / "small.toml").write_text(RECIPE)
    tiny_base(folder / "base", "internvl")
    release = cut_release(a_dataset(folder / "dataset").releases_dir_path / "v1")
    outcome = vau(
        "train", "mllm", "--recipe", folder / "small.toml", "--release", release,
        "--base", folder / "base", "--out", folder / "out", "--workers", 0, "--quiet",
        cwd=folder,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    return folder / "out"


def test_explain_writes_a_page_and_the_same_as_data(adapter: Path, tmp_path: Path) -> None:
    video = constant_rate(tmp_path / "street.mp4", num_frames=100)
    flags = ("--model", adapter, "--question", "What is seen?", "--out", tmp_path / "told")
    outcome = vau("explain", video, *flags, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("What is seen?\n  ")
    assert "scoring street.mp4 with baseline/motion-1" in outcome.err
    said = orjson.loads((tmp_path / "told" / "street.json").read_bytes())
    assert [one["question"] for one in said["answers"]] == ["What is seen?"]
    assert len(said["frame_seconds"]) == 2
    assert len(said["curve"]["scores"]) == 7
    page = (tmp_path / "told" / "street.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 2
    row = vau("explain", video, *flags, "--json", cwd=tmp_path).json
    assert row["html"].endswith("told/street.html")
    assert row["answers"] == said["answers"]


@pytest.mark.parametrize("name", ["gone.mp4", "notes.mp4", ""])
def test_what_is_no_video_is_named(adapter: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.mp4").write_text("no video at all")
    outcome = vau("explain", tmp_path / name, "--model", adapter, cwd=tmp_path)
    assert outcome.code == 2
    assert str(tmp_path / name) in outcome.err
    assert not list(tmp_path.glob("*.html"))


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="peft is not installed (make install-train)")
    video = constant_rate(tmp_path / "street.mp4", num_frames=50)
    outcome = vau("explain", video, "--model", tmp_path, cwd=tmp_path)
    assert outcome.code == 2
    assert str(tmp_path) in outcome.err
