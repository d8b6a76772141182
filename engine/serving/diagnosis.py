"""What a server's log says about its end, and what a person can do about it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

NUM_TAIL_LINES = 12
_MOST_LINE_CHARACTERS = 400
_HEAD = re.compile(
    r"^(\([\w ]+ pid=\d+\) ?)?((?P<level>[A-Z]+) [\d-]+ [\d:.,]+ \[[\w./]+:\d+\] ?)?"
)
"""vLLM's mark of the process, then of the moment and the place in the code."""
_HARMLESS_LEVELS = ("DEBUG", "INFO", "WARNING")
"""A line that lists all settings names every trouble that there could be."""
_SOME_ERROR = re.compile(r"^[\w.]*(Error|Exception|Exit): ")
_SAYS_NOTHING = re.compile(r"Engine core initialization failed|See root cause above")


class _Known(NamedTuple):
    pattern: re.Pattern[str]
    what_to_do: str


def _known(pattern: str, what_to_do: str) -> _Known:
    return _Known(re.compile(pattern, re.IGNORECASE), what_to_do)


_KNOWN = (
    _known(
        r"No space left on device|Errno 28\b|Disk quota exceeded",
        "a disk is full: free space where model weights are kept (HF_HOME, by default "
        "~/.cache/huggingface), in /tmp and in /dev/shm",
    ),
    _known(
        r"Free memory on device .* is less than",
        "something else holds memory of that GPU: see `nvidia-smi`, end it, or leave more to it "
        "with gpu_memory_utilization in [vllm]",
    ),
    _known(
        r"No available memory for the cache blocks|larger than the available KV cache memory",
        "the weights leave too little of the GPU for requests: lower max_model_len in the model's "
        "section of dataset.toml, or use GPUs with more memory",
    ),
    _known(
        r"(CUDA|HIP|NPU) (error: )?out of memory|OutOfMemoryError|CUDA_ERROR_OUT_OF_MEMORY",
        "the GPU's memory does not suffice: end what else uses it (see `nvidia-smi`), or lower "
        "gpu_memory_utilization in [vllm] or max_model_len in the model's section of dataset.toml",
    ),
    _known(
        r"GatedRepoError|Cannot access gated repo|gated repo|Access to model .* is restricted",
        "the weights are given only to those who accept the license: do so on the model's page at "
        "huggingface.co, then `hf auth login`, or export HF_TOKEN",
    ),
    _known(
        r"RevisionNotFoundError|is not a valid git identifier",
        "the model has no such revision: mend revision in the model's section of dataset.toml",
    ),
    _known(
        r"couldn't connect to|LocalEntryNotFoundError|offline mode is enabled",
        "the weights are not on this machine and cannot be fetched: download them with `hf "
        "download MODEL` where there is a network, and copy that cache here, or set weights in the "
        "model's section of dataset.toml to a folder that holds them",
    ),
    _known(
        r"RepositoryNotFoundError|is not a valid model identifier|Repository Not Found"
        r"|Invalid repository ID or local directory|Cannot find any model weights"
        r"|Repo id must be in the form|does not appear to have a file named",
        "there are no weights under this name: check the spelling of model or weights in "
        "dataset.toml and, for a folder, that it holds config.json and the weight files",
    ),
    _known(
        r"Model architectures? .* (is|are) not supported|does not recognize this architecture",
        "this vLLM does not know the model: upgrade it (`make install-vllm`) or choose another",
    ),
    _known(
        r"address already in use|Errno 98\b",
        "another process took its port: run the same command again, which chooses other ports",
    ),
    _known(
        r"No CUDA GPUs are available|Failed to infer device type|invalid device ordinal"
        r"|NVIDIA driver on your system is too old|Found no NVIDIA driver|CUDA driver version is",
        "no usable GPU: see whether `nvidia-smi` shows it, whether its driver is recent enough "
        "for this vLLM, and --gpus",
    ),
    _known(
        r"no kernel image is available",
        "this vLLM was not built for this GPU: install a build that is",
    ),
    _known(
        r"error: unrecognized arguments|error: argument|invalid choice",
        "this version of vLLM does not know an option it was started with: upgrade it (`make "
        "install-vllm`), or mend serve_args or extra_args in dataset.toml",
    ),
    _known(
        r"trust_remote_code",
        "the model brings code of its own: read it, then allow it with serve_args = "
        '["--trust-remote-code"]',
    ),
    _known(
        r"NCCL error|ncclUnhandled|ncclSystemError",
        "the GPUs cannot talk to each other: see `nvidia-smi topo -m` and dmesg, or plan one GPU "
        "for each server",
    ),
    _known(
        r"^(ModuleNotFoundError|ImportError): |cannot open shared object file",
        "its environment is broken: `make install-vllm` makes it anew",
    ),
    _known(
        r"warden: cannot run",
        "there is no such program: `make install-vllm`, or set `command` in [vllm]",
    ),
)


@dataclass(frozen=True)
class Diagnosis:
    """Why a server ended, as far as its log tells."""

    line: str | None
    """The line that says why; None: no line looks like a reason."""
    what_to_do: str | None
    """None: the reason is not one of those known."""


def diagnose(log_text: str) -> Diagnosis:
    """Find the reason in what one start of a server wrote.

    Of reasons that are known, the first in our list: the more telling ones stand first, since a
    full disk, say, is followed by errors of all kinds. Of unknown errors the last that is not a
    mere pointer to another.
    """
    lines = list(_telling_lines(log_text))
    for known in _KNOWN:
        for line in lines:
            if known.pattern.search(line):
                return Diagnosis(_shortened(line), known.what_to_do)
    errors = [line for line in lines if _SOME_ERROR.match(line) and not _SAYS_NOTHING.search(line)]
    return Diagnosis(_shortened(errors[-1]) if errors else None, None)


def _telling_lines(log_text: str) -> Iterator[str]:
    """Lines that may give a reason: no frames of a traceback, which quote code, and no remarks."""
    for line in log_text.splitlines():
        head = _HEAD.match(line)
        assert head is not None  # it matches nothing at all, too
        said = line[head.end() :].rstrip()
        if said and not said[0].isspace() and head["level"] not in _HARMLESS_LEVELS:
            yield said


def tail(log_text: str) -> str:
    """The last lines, indented, as they stand in a message."""
    lines = [line.rstrip() for line in log_text.splitlines() if line.strip()]
    return "\n".join(f"  | {_shortened(line)}" for line in lines[-NUM_TAIL_LINES:])


def how_it_ended(exit_code: int) -> str:
    """An exit code in words: 128 + n stands for signal n, as in a shell."""
    if exit_code == 128 + 9:
        return "it was killed (signal 9; by the kernel, where the machine has no memory left)"
    if exit_code > 128:
        return f"it was ended by signal {exit_code - 128}"
    return f"it ended with exit code {exit_code}"


def _shortened(line: str) -> str:
    return line if len(line) <= _MOST_LINE_CHARACTERS else line[:_MOST_LINE_CHARACTERS] + " …"
