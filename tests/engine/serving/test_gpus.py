"""GPUs as `nvidia-smi` lists them, here by a script of that name."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.serving.gpus import choose_gpus, read_gpus

H100 = "81559, 81000"
BUSY = "81559, 12000"
Install = Callable[..., None]


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a program of that name on the path, alone, that says this and ends so."""

    def install(*gpus: str, said: str = "", code: int = 0) -> None:
        rows = "".join(f"{index}, GPU-{index}a{index}, {gpu}\n" for index, gpu in enumerate(gpus))
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\nprintf '%s' '{rows}{said}'\nexit {code}\n")
        program.chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return install


def chosen(num_gpus: int) -> tuple[int, ...]:
    return choose_gpus(num_gpus, memory_gib=None, utilization=0.9).ids


def test_memory_is_read_from_the_machine(nvidia_smi: Install) -> None:
    nvidia_smi(H100, H100)
    share = choose_gpus(2, memory_gib=None, utilization=0.9)
    assert share.ids == (0, 1)
    assert share.memory_gib == pytest.approx(79.6, abs=0.1)


def test_the_smallest_gpu_decides(nvidia_smi: Install) -> None:
    nvidia_smi(H100, "24564, 24000")
    share = choose_gpus(2, memory_gib=None, utilization=0.9)
    assert share.memory_gib == pytest.approx(24.0, abs=0.1)


def test_no_program_means_no_gpu_and_the_message_says_how_to_plan_anyway(
    nvidia_smi: Install,
) -> None:
    assert read_gpus() == ()
    with pytest.raises(UsageError) as caught:
        chosen(4)
    assert "this machine has no GPU (nvidia-smi finds none)" in str(caught.value)
    assert "--gpu-memory GIB" in str(caught.value)
    assert "--endpoint URL" in str(caught.value)


def test_a_program_that_may_not_be_run_counts_as_none(nvidia_smi: Install, tmp_path: Path) -> None:
    """Also a folder on the path that may not be looked into; doctor broke off at either."""
    nvidia_smi(H100)
    (tmp_path / "nvidia-smi").chmod(0o644)
    assert read_gpus() == ()


def test_too_few_gpus_are_refused(nvidia_smi: Install) -> None:
    nvidia_smi(H100, H100)
    with pytest.raises(UsageError, match=r"only 2 can be used here .*give --gpus 2"):
        chosen(4)


def test_a_gpu_that_somebody_uses_is_passed_over_and_named(nvidia_smi: Install) -> None:
    """vLLM would refuse to start on it, after minutes."""
    nvidia_smi(BUSY, H100, H100)
    share = choose_gpus(2, memory_gib=None, utilization=0.9)
    assert share.ids == (1, 2)
    assert share.busy == ("GPU 0 is in use: 11.7 of 79.6 GiB are free",)


def test_too_few_free_gpus_are_refused_with_what_they_have(nvidia_smi: Install) -> None:
    nvidia_smi(BUSY, H100)
    with pytest.raises(UsageError, match=r"only 1 have 90% of their memory free: GPU 0 .*11\.7"):
        chosen(2)


def test_a_broken_driver_is_told_with_its_own_words(nvidia_smi: Install) -> None:
    nvidia_smi(said="Driver/library version mismatch", code=18)
    with pytest.raises(UsageError, match="Driver/library version mismatch"):
        chosen(1)


def test_memory_that_is_not_told_must_be_given(nvidia_smi: Install) -> None:
    """Machines whose GPU shares the processor's memory answer `[N/A]`."""
    nvidia_smi("[N/A], [N/A]")
    with pytest.raises(UsageError, match="give it with --gpu-memory GIB"):
        chosen(1)


@pytest.mark.parametrize(
    ("allowed", "ids"),
    [("2,0", (2, 0)), ("GPU-1a1", (1,)), ("0,-1,1", (0,)), ("", ()), (" 1 , 2 ", (1, 2))],
)
def test_only_gpus_that_the_variable_allows_are_used(
    allowed: str, ids: tuple[int, ...], nvidia_smi: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia_smi(H100, H100, H100)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert tuple(gpu.id for gpu in read_gpus()) == ids


def test_gpus_hidden_by_the_variable_are_told_so(
    nvidia_smi: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia_smi(H100)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(UsageError, match="CUDA_VISIBLE_DEVICES is ''"):
        chosen(1)


def test_a_part_of_a_gpu_is_left_to_the_person(
    nvidia_smi: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia_smi(H100)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-4711")
    with pytest.raises(UsageError, match="start `vllm serve` on it yourself"):
        chosen(1)


def test_given_memory_needs_no_gpu_here(nvidia_smi: Install) -> None:
    assert choose_gpus(4, memory_gib=80.0, utilization=0.9).ids == (0, 1, 2, 3)


def test_given_memory_keeps_to_the_variable(
    nvidia_smi: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert choose_gpus(2, memory_gib=80.0, utilization=0.9).ids == (2, 3)
    with pytest.raises(UsageError, match="CUDA_VISIBLE_DEVICES allows only 2,3"):
        choose_gpus(3, memory_gib=80.0, utilization=0.9)
