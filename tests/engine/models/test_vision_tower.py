"""Vision towers through transformers, on tiny ones with random weights."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.config import Config
from engine.errors import UsageError
from engine.executors.local import LocalExecutor
from engine.flow import FEATURES, features, run_step
from engine.index import Index
from engine.media.frames import Frame
from engine.models.vision_pictures import picture_settings
from engine.models.vision_tower import TowerSettings, VisionTower
from engine.stage import fingerprint_of
from engine.stages.features import TowerStage
from schemas import FeatureTrack
from tests.builders import QUIET, a_dataset, add_video, reconfigured, run_named

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
}


def save(config: str, model: str, dir_path: Path, **changes: Any) -> Path:
    torch.manual_seed(0)
    shape = SHAPE | changes
    getattr(transformers, model)(getattr(transformers, config)(**shape)).save_pretrained(dir_path)
    return dir_path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save("CLIPVisionConfig", "CLIPVisionModel", tmp_path_factory.mktemp("w") / "clip")


def frames(num_frames: int, *, seed: int = 3) -> list[Frame]:
    chance = np.random.default_rng(seed)
    pictures = chance.integers(0, 255, (num_frames, 32, 32, 3), dtype=np.uint8)
    return [Frame(picture, n / 25) for n, picture in enumerate(pictures)]


def tower(dir_path: Path, **changes: Any) -> VisionTower:
    return VisionTower(TowerSettings(dir_path, **changes))


def class_tokens(dir_path: Path, chosen: Sequence[Frame]) -> Any:
    """What transformers gives for these frames, one by one."""
    model = transformers.AutoModel.from_pretrained(dir_path).eval()
    settings = picture_settings(dir_path, side_px=32, model_type="clip_vision_model")
    inputs = torch.from_numpy(np.stack([settings.tensor(frame.image) for frame in chosen]))
    with torch.no_grad():
        return model(pixel_values=inputs).last_hidden_state[:, 0].numpy()


def test_a_snippets_vector_is_the_mean_of_its_frames_class_tokens(clip: Path) -> None:
    shown = frames(20)
    first, second = tower(clip).snippets(shown)
    assert (first.num_frames, second.num_frames) == (16, 4)
    assert (second.start_seconds, second.last_seconds) == (16 / 25, 19 / 25)
    np.testing.assert_allclose(first.vector, class_tokens(clip, shown[:16]).mean(0), atol=1e-5)
    np.testing.assert_allclose(second.vector, class_tokens(clip, shown[16:]).mean(0), atol=1e-5)


def test_one_frame_of_a_snippet_is_its_middle_one(clip: Path) -> None:
    shown = frames(16)
    [found] = tower(clip, num_frames=1).snippets(shown)
    np.testing.assert_allclose(found.vector, class_tokens(clip, shown[8:9])[0], atol=1e-5)


def test_vectors_do_not_depend_on_how_many_go_through_at_once(clip: Path) -> None:
    shown = frames(100)
    one, other = (
        np.stack([s.vector for s in tower(clip, batch_size=size).snippets(shown)])
        for size in (1, 1000)
    )
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_bfloat16_stays_near(clip: Path) -> None:
    exact, rough = (
        next(tower(clip, precision=precision).snippets(frames(16))).vector
        for precision in ("float32", "bfloat16")
    )
    assert 0 < np.abs(exact - rough).max() < 0.05 * np.abs(exact).max()


def test_a_second_device_takes_every_second_video(clip: Path) -> None:
    both = tower(clip, devices=("cpu", "cpu"))
    both.load()
    assert len(both._copies) == 2
    first, second = (next(both.snippets(frames(16))).vector for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert both._num_uses == 2


@pytest.mark.parametrize(
    ("config", "model", "changes"),
    [
        ("CLIPVisionConfig", "CLIPVisionModel", {}),
        ("InternVLVisionConfig", "InternVLVisionModel", {"image_size": [32, 32]}),
        ("ViTConfig", "ViTModel", {}),
    ],
)
def test_towers_of_several_families_load(
    tmp_path: Path, config: str, model: str, changes: dict[str, Any]
) -> None:
    found = tower(save(config, model, tmp_path / "w", **changes))
    assert next(found.snippets(frames(16))).vector.shape == (found.width,) == (32,)


def test_a_tower_without_a_class_token_is_refused(tmp_path: Path) -> None:
    """Its first token is a patch: the vectors would say what is in a corner."""
    path = save("SiglipVisionConfig", "SiglipVisionModel", tmp_path / "siglip")
    with pytest.raises(UsageError, match="class token"):
        tower(path).load()


def test_a_folder_that_holds_no_tower_is_named(tmp_path: Path, clip: Path) -> None:
    with pytest.raises(UsageError, match=r"no model|holds no weights"):
        tower(tmp_path).load()
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": 3}))
    (tmp_path / "model.safetensors").write_bytes(b"x")
    with pytest.raises(UsageError, match="is no vision tower"):
        _ = tower(tmp_path).width
    (tmp_path / "config.json").write_text((clip / "config.json").read_text())
    with pytest.raises(UsageError, match="transformers cannot load"):
        tower(tmp_path).load()


def test_other_weights_are_another_extractor_and_another_place_is_not(
    tmp_path: Path, clip: Path
) -> None:
    def fingerprint(dir_path: Path, **section: Any) -> str:
        section["extractor"] = str(dir_path)
        return fingerprint_of(features(Config.model_validate({"features": section})))

    (tmp_path / "clip").mkdir()
    moved = tmp_path / "clip"
    for path in clip.iterdir():
        (moved / path.name).write_bytes(path.read_bytes())
    assert fingerprint(moved) == fingerprint(clip)
    assert fingerprint(clip, batch_size=3, devices=["cpu"]) == fingerprint(clip)
    assert fingerprint(clip, num_frames=1) != fingerprint(clip)
    assert fingerprint(clip, precision="bfloat16") != fingerprint(clip)
    weights = moved / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert fingerprint(moved) != fingerprint(clip)


def test_a_picture_is_cropped_or_squeezed_as_its_file_says(tmp_path: Path) -> None:
    wide = np.zeros((20, 40, 3), np.uint8)
    wide[:, 10:30] = 255
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"do_center_crop": True, "image_mean": [0, 0, 0], "image_std": [1, 1, 1]})
    )
    cropped = picture_settings(tmp_path, side_px=20, model_type="vit").tensor(wide)
    assert cropped.shape == (3, 20, 20)
    assert (cropped == 1).all()
    (tmp_path / "preprocessor_config.json").write_text('{"do_center_crop": false}')
    squeezed = picture_settings(tmp_path, side_px=20, model_type="clip").tensor(wide)
    assert squeezed[0, 0, 0] < 0 < squeezed[0, 0, 10]


def test_a_dataset_gets_a_towers_features_video_by_video(
    tmp_path: Path, clip: Path, executor: LocalExecutor
) -> None:
    dataset = a_dataset(tmp_path)
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        add_video(dataset, name)
    run_named(dataset, "ingest", executor=executor)
    config = f'[features]\nextractor = "{clip}"\ndevices = ["cpu", "cpu"]\n[run]\nworkers = 2\n'
    dataset = reconfigured(dataset, config)
    stage = features(dataset.config)
    assert isinstance(stage, TowerStage)
    assert stage.concurrency == 2
    report = run_step(dataset, FEATURES, executor=executor, options=QUIET)
    assert (report.num_done, report.rejects) == (3, {})
    tracks = list(Index(dataset).all(FeatureTrack))
    assert {(track.num_snippets, track.width) for track in tracks} == {(7, 32)}
    name = tower(clip).name
    assert sorted(track.path for track in tracks) == [f"features/{name}/{v}.npy" for v in "abc"]
