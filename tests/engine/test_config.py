"""`dataset.toml`: what it refuses, and what each setting makes stale."""

from pathlib import Path
from typing import Any

import pytest

from engine.config import Config, load_config
from engine.dataset import Dataset
from engine.errors import UsageError
from engine.flow import FLOW
from engine.quality.audit import AUDITS
from engine.stage import fingerprint_of
from tests.builders import a_dataset, a_video

FACTORY = Path(__file__).with_name("factory.toml")
URL = "http://127.0.0.1:9/v1"
SERVED = {"model": "tiny", "endpoints": (URL,)}
BASE: dict[str, dict[str, Any]] = {"caption": SERVED, "summarize": SERVED, "audit": SERVED}

NOTHING: set[str] = set()
A_MODEL: dict[str, tuple[Any, bool]] = {
    "model": ("other", True),
    "revision": ("r2", True),
    "temperature": (0.5, True),
    "max_tokens": (99, True),
    "seed": (3, True),
    "extra_body": ({"top_k": 5}, True),
    "endpoints": ((URL, "http://127.0.0.1:10/v1"), False),
    "api_key_env": ("OTHER", False),
    "timeout_seconds": (9.0, False),
    "max_retries": (1, False),
    "concurrency": (2, False),
    "patience_seconds": (9.0, False),
    "max_tokens_field": ("max_completion_tokens", False),
    "preset": (None, False),  # another one is another model; see the tests below
    "weights": ("/data/weights", False),
    "weights_gib": (9.0, False),
    "num_attention_heads": (8, False),
    "num_key_value_heads": (8, False),
    "max_model_len": (99, False),
    "serve_args": (("--enforce-eager",), False),
}
EFFECTS: dict[str, tuple[Any, set[str]]] = {
    "dataset.name": ("other", NOTHING),
    "dataset.seed": (7, {"propose", "instruct"}),
    "videos.path": ("elsewhere", NOTHING),
    "videos.source": ("ucf-crime", NOTHING),
    "videos.labels": ("labels.csv", NOTHING),
    "videos.lists": ("lists", NOTHING),
    "videos.split": ("test", NOTHING),
    "media.decoder": ("decord", {"caption"}),
    "media.deadline_seconds": (99.0, NOTHING),
    "media.deadline_per_video_second": (9.0, NOTHING),
    "media.memory_gib": (1.0, NOTHING),
    "media.cache_gib": (9.0, NOTHING),
    "features.extractor": ("baseline", NOTHING),  # another needs weights; tested beside it
    "features.num_frames": (1, NOTHING),
    "features.precision": ("float32", NOTHING),
    "features.batch_size": (3, NOTHING),
    "features.devices": (("cpu",), NOTHING),
    "score.model": ("baseline", NOTHING),  # a checkpoint is tested beside its stage
    "score.videos": ("all", NOTHING),
    "annotate.reaction_seconds": (0.3, NOTHING),
    "annotate.single_keys": (False, NOTHING),
    "annotate.keymap": ({"mark": "K"}, NOTHING),
    "annotate.blind_share": (0.5, NOTHING),
    "annotate.seeded_share": (0.05, NOTHING),
    "annotate.cache_gib": (1.0, NOTHING),
    "annotate.shortest_event_seconds": (1.0, NOTHING),
    "propose.alpha": (0.5, {"propose"}),
    "propose.use_baseline_scores": (True, {"propose"}),
    "propose.min_score": (0.25, {"propose"}),
    "propose.max_events_per_video": (2, {"propose"}),
    "propose.max_normal_segments": (1, {"propose"}),
    "clip.method": ("uniform", {"clip"}),
    "clip.target_seconds": (3.0, {"clip"}),
    "clip.min_seconds": (1.0, NOTHING),
    "clip.max_seconds": (9.0, NOTHING),
    **{
        f"caption.{key}": (value, {"caption"} if is_told else NOTHING)
        for key, (value, is_told) in A_MODEL.items()
    },
    "caption.prompt": ("summarize_event.normal", {"caption"}),
    "caption.hint": ("category", {"caption"}),
    "caption.canary_every": (0, NOTHING),
    "caption.num_frames": (3, {"caption"}),
    "caption.max_side_px": (99, {"caption"}),
    "caption.jpeg_quality": (50, {"caption"}),
    "caption.video_format": ("video_url", {"caption"}),
    **{
        f"summarize.{key}": (value, {"summarize"} if is_told else NOTHING)
        for key, (value, is_told) in A_MODEL.items()
    },
    "summarize.structured_output": ("prompt", {"summarize"}),
    **{
        f"audit.{key}": (value, {"audit claims"} if is_told else NOTHING)
        for key, (value, is_told) in A_MODEL.items()
    },
    "audit.structured_output": ("prompt", {"audit claims"}),
    "audit.caption_words": ((1, 9), {"audit texts"}),
    "audit.summary_words": ((1, 9), {"audit texts"}),
    "audit.duplicate_similarity": (0.5, {"audit duplicates"}),
    "audit.duplicate_min_words": (9, {"audit duplicates"}),
    "check.at_most": (0.01, NOTHING),
    "check.confidence": (0.99, NOTHING),
    "vllm.command": ("/opt/vllm/bin/vllm", NOTHING),
    "vllm.environment": ({"HF_HOME": "/data"}, NOTHING),
    "vllm.extra_args": (("--enforce-eager",), NOTHING),
    "vllm.gpu_memory_utilization": (0.5, NOTHING),
    "vllm.start_seconds": (9.0, NOTHING),
    "vllm.stall_seconds": (9.0, NOTHING),
    "vllm.price_per_gpu_hour": (2.5, NOTHING),
    "categories.file": (str(FACTORY), {"audit texts"}),
    "instruct.families": (("hivau",), NOTHING),
    "instruct.mcq_tiou": (0.5, NOTHING),  # these three reach items as their input
    "instruct.spans": ("scores", NOTHING),
    "instruct.span_score": (0.9, NOTHING),
    "instruct.max_tokens": (99, NOTHING),  # of families that a model writes; tested beside them
    "splits.validation": (0.1, NOTHING),
    "splits.test": (0.1, NOTHING),
    "mix.seed": (3, NOTHING),
    "mix.weights": ({"hivau": 0.5}, NOTHING),
    "mix.limits": ({"hivau/caption": 9}, NOTHING),
    "export.formats": (("llava",), NOTHING),
    "export.name": ("v1", NOTHING),
    "run.workers": (7, NOTHING),
    "run.in_flight_gib": (9.0, NOTHING),
    "run.max_reject_rate": (0.5, NOTHING),
}
"""Setting -> another value, and the stages that would then make something else of their items.

What `[videos]` says reaches items as their input, and is tested there.
"""


def fingerprints(config: Config) -> dict[str, str]:
    audits = {step.label: fingerprint_of(step.build(config)) for step in AUDITS}
    return {step.name: fingerprint_of(step.build(config)) for step in FLOW} | audits


def test_the_table_of_effects_covers_every_setting() -> None:
    settings = {
        f"{name}.{key}"
        for name, field in Config.model_fields.items()
        for key in field.annotation.model_fields  # type: ignore[union-attr]
    }
    assert set(EFFECTS) == settings


@pytest.mark.parametrize("setting", EFFECTS)
def test_a_setting_makes_stale_exactly_the_stages_that_look_at_it(setting: str) -> None:
    value, stale = EFFECTS[setting]
    section, key = setting.split(".")
    before = fingerprints(Config.model_validate(BASE))
    changed = {**BASE, section: {**BASE.get(section, {}), key: value}}
    after = fingerprints(Config.model_validate(changed))
    assert {name for name in before if before[name] != after[name]} == stale


def test_settings_of_served_models_do_not_matter_to_the_baseline() -> None:
    plain = fingerprints(Config())
    for section in ("caption", "summarize", "audit"):
        told = Config.model_validate({section: {"temperature": 0.7, "max_tokens": 9}})
        assert fingerprints(told) == plain


def test_the_seed_matters_to_clips_only_where_they_are_random() -> None:
    before, after = (
        fingerprints(Config.model_validate({"clip": {"method": "random"}, "dataset": seed}))
        for seed in ({}, {"seed": 1})
    )
    assert before["clip"] != after["clip"]


def refusal(tmp_path: Path, text: str) -> str:
    path = tmp_path / "dataset.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_an_unknown_key_is_refused_and_the_known_ones_are_named(tmp_path: Path) -> None:
    said = refusal(tmp_path, "[clip]\ntarget_secs = 3\n")
    assert "unknown key `clip.target_secs`" in said
    assert "target_seconds" in said


def test_an_unknown_section_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, "[captions]\nmodel = 'x'\n")
    assert "unknown key `captions`" in said
    assert "caption, categories, check, clip" in said


def test_a_preset_makes_stale_what_its_settings_would() -> None:
    before = fingerprints(Config.model_validate(BASE))
    after = fingerprints(Config.model_validate({**BASE, "caption": {"preset": "qwen3-vl-8b"}}))
    assert {name for name in before if before[name] != after[name]} == {"caption"}


def test_serving_a_preset_s_model_elsewhere_makes_nothing_stale() -> None:
    alone, elsewhere = (
        fingerprints(Config.model_validate({"caption": {"preset": "qwen3-vl-8b"} | more}))
        for more in ({}, {"endpoints": [URL, "http://127.0.0.1:10/v1"]})
    )
    assert alone == elsewhere


def test_an_unknown_preset_is_refused_and_those_of_the_stage_are_named(tmp_path: Path) -> None:
    said = refusal(tmp_path, "[summarize]\npreset = 'llava-next-video-7b'\n")
    assert "`summarize.preset` = 'llava-next-video-7b': is none of the presets" in said
    assert "llama-3-70b-instruct" in said


@pytest.mark.parametrize("model", ["baseline", "my/other-model"])
def test_a_preset_beside_another_model_is_refused(model: str, tmp_path: Path) -> None:
    """Its revision would be told of a model that it is not of."""
    said = refusal(tmp_path, f"[caption]\npreset = 'qwen3-vl-8b'\nmodel = '{model}'\n")
    assert f"`caption.model` = '{model}': is not the model of preset qwen3-vl-8b" in said


def test_every_wrong_key_is_told_at_once(tmp_path: Path) -> None:
    said = refusal(tmp_path, "[run]\nworkers = 0\n[propose]\nalpha = 1.5\n[clip]\nmethod = 'x'\n")
    for key in ("`run.workers` = 0", "`propose.alpha` = 1.5", "`clip.method` = 'x'"):
        assert key in said


def test_what_is_no_toml_is_refused(tmp_path: Path) -> None:
    assert "not valid TOML" in refusal(tmp_path, "[clip\n")


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert a_dataset(tmp_path).config == Config()


def test_a_folder_without_settings_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="vau-data init"):
        Dataset.open(tmp_path)


def test_a_dataset_is_found_from_any_folder_inside_it(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path / "ds")
    inside = dataset.dir_path / "videos" / "deep"
    inside.mkdir()
    assert Dataset.find(inside).dir_path == dataset.dir_path.resolve()


def test_where_no_dataset_is_above_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--dataset DIR"):
        Dataset.find(tmp_path)


def test_an_annotation_only_video_has_no_file_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="annotations but no video file"):
        a_dataset(tmp_path).video_file(a_video())


def test_files_that_dataset_toml_names_are_relative_to_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "dataset.toml"
    path.write_text(
        '[features]\nextractor = "towers/clip"\n[score]\nmodel = "/far/away.safetensors"\n'
    )
    config = load_config(path)
    assert config.features.extractor == str(tmp_path / "towers/clip")
    assert config.score.model == "/far/away.safetensors"
    path.write_text("")
    assert (load_config(path).features.extractor, load_config(path).score.model) == (
        "baseline",
        "baseline",
    )
