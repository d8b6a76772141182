"""Where weights are looked for, and what is said where they are not."""

import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.config import CaptionSection, SummarizeSection, VllmSection
from engine.errors import UsageError
from engine.serving.installation import check_installed, vllm_command, vllm_version
from engine.serving.weights import Weights, check_weights, find_weights, hub_cache
from tests.engine.cli.command_line import as_somebody_else
from tests.engine.serving.weight_files import write_model

REPOSITORY = "llava-hf/LLaVA-NeXT-Video-7B-hf"
PRESET = CaptionSection(preset="llava-next-video-7b")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the Hugging Face hub."""
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    return tmp_path / "hub"


def snapshot(cache: Path, revision: str) -> Path:
    return cache / f"models--{REPOSITORY.replace('/', '--')}" / "snapshots" / revision


def test_weights_in_the_cache_are_found_by_their_commit(cache: Path) -> None:
    assert PRESET.revision is not None
    write_model(snapshot(cache, PRESET.revision))
    assert find_weights(PRESET, VllmSection()).is_here


def test_weights_of_another_commit_are_not_those(cache: Path) -> None:
    write_model(snapshot(cache, "0" * 40))
    assert not find_weights(PRESET, VllmSection()).is_here


@pytest.mark.parametrize("revision", [None, "main", "v2"])
def test_a_branch_is_looked_up_as_the_hub_does(revision: str | None, cache: Path) -> None:
    folder = write_model(snapshot(cache, "a" * 40))
    ref = folder.parents[1] / "refs" / (revision or "main")
    ref.parent.mkdir()
    ref.write_text("a" * 40)
    section = CaptionSection(model=REPOSITORY, revision=revision)
    assert find_weights(section, VllmSection()).is_here


def test_a_download_that_was_broken_off_is_not_there(cache: Path) -> None:
    assert PRESET.revision is not None
    write_model(snapshot(cache, PRESET.revision), shards=3, written=2)
    assert not find_weights(PRESET, VllmSection()).is_here


def test_a_model_in_one_file_needs_no_index(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    (folder / "model.safetensors.index.json").unlink()
    section = CaptionSection(model="tiny", weights=str(folder))
    assert find_weights(section, VllmSection()).is_here


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HF_HOME": "/b", "XDG_CACHE_HOME": "/c"}, "/b/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
    ],
)
def test_the_cache_is_where_the_hub_has_it(environment: dict[str, str], expected: str) -> None:
    assert hub_cache(environment) == Path(expected)


def test_what_the_servers_will_have_in_their_environment_counts(cache: Path) -> None:
    elsewhere = cache.parent / "elsewhere"
    assert PRESET.revision is not None
    write_model(snapshot(elsewhere / "hub", PRESET.revision))
    assert find_weights(PRESET, VllmSection(environment={"HF_HOME": str(elsewhere)})).is_here


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_missing_weights_without_a_network_are_refused_with_the_command(
    variable: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(UsageError) as caught:
        check_weights(find_weights(PRESET, VllmSection()), weights_gib=13.2)
    assert f"`hf download {REPOSITORY} --revision {PRESET.revision}`" in str(caught.value)
    assert str(cache) in str(caught.value)


def test_weights_that_are_here_need_no_network(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert PRESET.revision is not None
    write_model(snapshot(cache, PRESET.revision))
    check_weights(find_weights(PRESET, VllmSection()), weights_gib=13.2)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    section = CaptionSection(model="tiny", weights=str(tmp_path))
    with pytest.raises(UsageError, match=r"is no folder with a config\.json"):
        check_weights(find_weights(section, VllmSection()), weights_gib=1.0)


def test_a_cache_that_may_not_be_read_is_told(cache: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (locked := Path(folder) / "hub").mkdir(mode=0)
        vllm = VllmSection(environment={"HF_HUB_CACHE": str(locked)})
        Path(folder).chmod(0o755)
        with as_somebody_else(), pytest.raises(UsageError, match=r"cannot read .*set HF_HOME"):
            find_weights(PRESET, vllm)


def test_a_disk_too_small_for_the_download_is_told_before(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=2**30 * 5))
    weights = find_weights(PRESET, VllmSection())
    check_weights(weights, weights_gib=4.0)
    with pytest.raises(UsageError, match=r"13\.2 GiB .*5\.0 GiB are free.*HF_HOME"):
        check_weights(weights, weights_gib=13.2)


def test_a_license_that_must_be_accepted_is_told(cache: Path) -> None:
    gated = find_weights(SummarizeSection(preset="llama-3-70b-instruct"), VllmSection())
    assert gated.how_to_get.startswith("accept the license at https://huggingface.co/meta-llama/")
    free = Weights("a/b", None, cache, is_here=False)
    assert free.how_to_get == "`hf download a/b`"


def test_a_program_that_is_not_there_is_told_with_the_way_to_get_it(tmp_path: Path) -> None:
    section = VllmSection(command=str(tmp_path / "vllm"))
    with pytest.raises(UsageError, match="make install-vllm"):
        check_installed(section)
    assert vllm_version(section) is None


def test_the_version_is_read_from_the_program_s_own_environment(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "vllm"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "lib/python3.12/site-packages/vllm-0.33.0.dist-info").mkdir(parents=True)
    section = VllmSection(command=str(program))
    check_installed(section)
    assert vllm_command(section) == str(program)
    assert vllm_version(section) == "0.33.0"
