"""`manifests/models.toml`: every preset is whole, and gives way to what a person wrote."""

import re
from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest

from engine.config import CaptionSection, Config, ModelSection, SummarizeSection, VllmSection
from engine.serving.gpus import GpuShare
from engine.serving.plan import plan_servers
from engine.serving.presets import load_presets, presets_for

SECTIONS: dict[str, Callable[..., ModelSection]] = {
    "caption": CaptionSection,
    "summarize": SummarizeSection,
}


@pytest.mark.parametrize("name", load_presets())
def test_a_preset_names_a_commit_its_license_and_its_size(name: str) -> None:
    preset = load_presets()[name]
    section = SECTIONS[preset.stage](preset=name)
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", section.model)
    assert re.fullmatch(r"[0-9a-f]{40}", section.revision or "")
    assert preset.license
    assert preset.about
    assert section.max_model_len is not None


@pytest.mark.parametrize("name", load_presets())
def test_a_preset_fits_on_four_gpus_of_80_gb(name: str) -> None:
    section = SECTIONS[load_presets()[name].stage](preset=name)
    plan = plan_servers(section, GpuShare((0, 1, 2, 3), 79.6), VllmSection())
    assert sum(len(server.gpu_ids) for server in plan.servers) == 4


@pytest.mark.parametrize("name", load_presets())
def test_the_readme_lists_a_preset_as_it_is(name: str) -> None:
    preset = load_presets()[name]
    text = resources.files("manifests").joinpath("README.md").read_text(encoding="utf-8")
    (row,) = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
    for told in (preset.stage, preset.license, f"{preset.settings['weights_gib']} GiB"):
        assert told in row


def test_both_pairs_are_there() -> None:
    assert "llava-next-video-7b" in presets_for("caption")
    assert "llama-3-70b-instruct" in presets_for("summarize")
    assert any("Qwen3-VL" in str(one.settings["model"]) for one in presets_for("caption").values())
    assert len(presets_for("summarize")) > 1


def test_frames_of_the_papers_captioner_leave_room_for_prompt_and_reply() -> None:
    section = CaptionSection(preset="llava-next-video-7b")
    assert section.max_model_len is not None
    assert section.num_frames * 144 + section.max_tokens + 500 < section.max_model_len
    assert section.video_format == "video_url"  # the model takes no pictures


@pytest.mark.parametrize(
    "key_and_value", [("num_frames", 8), ("revision", "main"), ("extra_body", {"top_k": 1})]
)
def test_what_a_person_wrote_wins_over_the_preset(key_and_value: tuple[str, Any]) -> None:
    key, value = key_and_value
    section = CaptionSection(preset="qwen3-vl-8b", **{key: value})
    assert getattr(section, key) == value
    assert section.model == "Qwen/Qwen3-VL-8B-Instruct"


def test_another_model_for_one_run_takes_nothing_from_the_preset_in_the_file() -> None:
    """Its revision and its number of heads would else be given to the other model."""
    section = CaptionSection(preset="qwen3-vl-8b", temperature=0.3, num_frames=4)
    other = section.with_model("tiny")
    assert other == CaptionSection(model="tiny", temperature=0.3, num_frames=4)


def test_another_preset_for_one_run_replaces_that_of_the_file() -> None:
    section = SummarizeSection(preset="qwen3.8-27b", temperature=0.3)
    other = section.with_model("llama-3-70b-instruct")
    assert other == SummarizeSection(preset="llama-3-70b-instruct", temperature=0.3)
    assert other.extra_body == {}


@pytest.mark.parametrize("name", ["qwen3-vl-8b", "Qwen/Qwen3-VL-8B-Instruct"])
def test_naming_the_model_of_the_file_again_changes_nothing(name: str) -> None:
    section = CaptionSection(preset="qwen3-vl-8b", num_frames=4)
    assert section.with_model(name) is section


def test_a_preset_means_what_its_settings_mean_when_written_out() -> None:
    named = Config.model_validate({"caption": {"preset": "qwen3-vl-8b"}})
    written = Config.model_validate({"caption": load_presets()["qwen3-vl-8b"].settings})
    assert named.caption.model_dump(exclude={"preset"}) == written.caption.model_dump(
        exclude={"preset"}
    )
