"""Logs of servers that ended: the reason is found and comes with what to do."""

import pytest

from engine.serving.diagnosis import Diagnosis, diagnose, how_it_ended, tail

HEAD = "(EngineCore pid=42) ERROR 11-21 19:13:24 [core.py:1012] "
SETTINGS = (
    "(APIServer pid=41) INFO 11-21 19:13:20 [api_utils.py:286] non-default args: "
    "{'trust_remote_code': True, 'note': 'CUDA out of memory'}\n"
)
FRAMES = (
    HEAD + "Traceback (most recent call last):\n"
    f'{HEAD}  File "/venv/vllm/v1/engine/core.py", line 1000, in run\n'
    f"{HEAD}    raise ImportError('set trust_remote_code=True')\n"
)
POINTER = (
    "(APIServer pid=41) RuntimeError: Engine core initialization failed. See root cause above. "
    "Failed core proc(s): {'EngineCore_DP0': 1}\n"
)


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a "
            "total capacity of 79.11 GiB of which 1.12 GiB is free.",
            "gpu_memory_utilization",
        ),
        (
            "ValueError: Free memory on device cuda:0 (1.12/79.11 GiB) on startup is less than "
            "desired GPU memory utilization (0.9, 71.2 GiB).",
            "nvidia-smi",
        ),
        ("ValueError: No available memory for the cache blocks. Try increasing", "max_model_len"),
        (
            "OSError: You are trying to access a gated repo. Make sure to have access to it at "
            "https://huggingface.co/meta-llama/Meta-Llama-3-70B-Instruct.",
            "hf auth login",
        ),
        (
            "OSError: We couldn't connect to 'https://huggingface.co' to load the files, and "
            "couldn't find them in the cached files.",
            "hf download",
        ),
        (
            "OSError: nobody/nothing is not a local folder and is not a valid model identifier "
            "listed on 'https://huggingface.co/models'",
            "spelling",
        ),
        (
            "ValueError: Model architectures ['NewForCausalLM'] are not supported for now. "
            "Supported architectures: dict_keys(['LlamaForCausalLM'])",
            "make install-vllm",
        ),
        ("OSError: [Errno 28] No space left on device: '/root/.cache/huggingface'", "HF_HOME"),
        ("OSError: [Errno 98] Address already in use", "took its port"),
        ("RuntimeError: Failed to infer device type, please set VLLM_LOGGING_LEVEL", "nvidia-smi"),
        ("ModuleNotFoundError: No module named 'torchvision'", "make install-vllm"),
        ("warden: cannot run /nowhere/vllm: No such file or directory", "make install-vllm"),
    ],
)
def test_a_known_reason_is_found_among_pages_of_other_lines(line: str, advice: str) -> None:
    found = diagnose(SETTINGS + FRAMES + HEAD + line + "\n" + POINTER)
    assert found.line is not None
    assert found.line[:60] == line[:60]
    assert found.what_to_do is not None
    assert advice in found.what_to_do


def test_a_full_disk_comes_before_the_errors_that_follow_from_it() -> None:
    log = f"{HEAD}RuntimeError: CUDA out of memory\nOSError: No space left on device\n"
    assert diagnose(log).line == "OSError: No space left on device"


def test_settings_and_quoted_code_are_no_reasons() -> None:
    assert diagnose(SETTINGS + FRAMES) == Diagnosis(None, None)


def test_of_unknown_errors_the_last_that_tells_something_is_shown() -> None:
    log = f"{HEAD}KeyError: 'first'\n{HEAD}ZeroDivisionError: division by zero\n{POINTER}"
    assert diagnose(log) == Diagnosis("ZeroDivisionError: division by zero", None)


def test_the_tail_has_the_last_lines_and_cuts_long_ones() -> None:
    shown = tail("\n".join(f"line {number}" for number in range(50)) + "\n\n" + "x" * 5000)
    assert shown.splitlines()[0] == "  | line 39"
    assert len(shown) < 1000


def test_exit_codes_are_put_in_words() -> None:
    assert "signal 9" in how_it_ended(137)
    assert "memory" in how_it_ended(137)
    assert how_it_ended(139) == "it was ended by signal 11"
    assert how_it_ended(1) == "it ended with exit code 1"
