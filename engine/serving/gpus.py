"""Which GPUs may be used, and how much memory each has: read from `nvidia-smi`, or told."""

import csv
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import UsageError

_QUERY = "index,uuid,memory.total,memory.free"
_ANSWER_SECONDS = 30.0
_ON_PAPER = "to plan for a machine that is not this one, give --gpu-memory GIB as well"


@dataclass(frozen=True)
class Gpu:
    """One GPU of this machine."""

    id: int
    """As nvidia-smi counts, which is the order of the PCI bus."""
    uuid: str
    memory_gib: float
    free_gib: float


@dataclass(frozen=True)
class GpuShare:
    """The GPUs that servers may be started on."""

    ids: tuple[int, ...]
    memory_gib: float
    """Of the smallest of them."""
    busy: tuple[str, ...] = ()
    """GPUs that were passed over, each with why."""


def read_gpus() -> tuple[Gpu, ...]:
    """The GPUs that nvidia-smi lists and $CUDA_VISIBLE_DEVICES allows; none where there is none.

    Raises `UsageError` where nvidia-smi is there and fails, or says nothing about memory.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    command = [program, f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UsageError(
            f"nvidia-smi did not answer within {_ANSWER_SECONDS:g} s; a GPU of this machine hangs, "
            "and a restart of the machine mostly mends that"
        ) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise UsageError(f"nvidia-smi failed ({said}); mend the driver, or {_ON_PAPER}")
    listed = tuple(_gpu(row) for row in csv.reader(done.stdout.splitlines()) if row)
    return _visible(listed, os.environ.get("CUDA_VISIBLE_DEVICES"))


def choose_gpus(num_gpus: int, *, memory_gib: float | None, utilization: float) -> GpuShare:
    """`num_gpus` GPUs of this machine that are free; with `memory_gib`, any machine is assumed.

    Raises `UsageError` where there is none, too few, or too few that nobody else uses.
    """
    if memory_gib is not None:
        return GpuShare(_assumed_ids(num_gpus), memory_gib)
    gpus = read_gpus()
    if not gpus:
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        seen = "nvidia-smi finds none" if hidden is None else f"CUDA_VISIBLE_DEVICES is {hidden!r}"
        raise UsageError(
            f"--gpus {num_gpus}, but this machine has no GPU ({seen}). Run it on one that has, or "
            f"name a server with --endpoint URL; {_ON_PAPER}"
        )
    if len(gpus) < num_gpus:
        raise UsageError(
            f"--gpus {num_gpus}, but only {len(gpus)} can be used here ({_listed(gpus)}); give "
            f"--gpus {len(gpus)}, and {_ON_PAPER}"
        )
    free = [gpu for gpu in gpus if gpu.free_gib >= utilization * gpu.memory_gib]
    busy = tuple(
        f"GPU {gpu.id} is in use: {gpu.free_gib:.1f} of {gpu.memory_gib:.1f} GiB are free"
        for gpu in gpus
        if gpu not in free
    )
    if len(free) < num_gpus:
        raise UsageError(
            f"--gpus {num_gpus}, but only {len(free)} have {utilization:.0%} of their memory free: "
            f"{'; '.join(busy)}. `nvidia-smi` says by what; end that, give fewer --gpus, or lower "
            "gpu_memory_utilization in [vllm]"
        )
    chosen = free[:num_gpus]
    smallest_gib = min(gpu.memory_gib for gpu in chosen)
    return GpuShare(tuple(gpu.id for gpu in chosen), smallest_gib, busy)


def _gpu(row: Sequence[str]) -> Gpu:
    index, uuid, total_mib, free_mib = (field.strip() for field in row)
    try:
        return Gpu(int(index), uuid, int(total_mib) / 1024, int(free_mib) / 1024)
    except ValueError as error:
        raise UsageError(
            f"nvidia-smi does not say how much memory GPU {index} has ({total_mib!r}, free "
            f"{free_mib!r}); give it with --gpu-memory GIB"
        ) from error


def _visible(gpus: tuple[Gpu, ...], allowed: str | None) -> tuple[Gpu, ...]:
    """In the order in which the variable names them, as CUDA does; unset: all."""
    if allowed is None:
        return gpus
    chosen = []
    for name in (part.strip() for part in allowed.split(",") if part.strip()):
        if name.startswith("MIG-"):
            raise UsageError(
                f"CUDA_VISIBLE_DEVICES names {name}, a part of a GPU, which --gpus does not divide "
                "further: start `vllm serve` on it yourself, and name it with --endpoint URL"
            )
        found = [gpu for gpu in gpus if name == str(gpu.id) or gpu.uuid.startswith(name)]
        if len(found) != 1:  # CUDA stops at the first that is not there
            break
        chosen += found
    return tuple(chosen)


def _assumed_ids(num_gpus: int) -> tuple[int, ...]:
    allowed = [part.strip() for part in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    if not all(part.isdigit() for part in allowed):
        return tuple(range(num_gpus))
    if len(allowed) < num_gpus:
        raise UsageError(
            f"--gpus {num_gpus}, but CUDA_VISIBLE_DEVICES allows only {','.join(allowed)}; unset "
            "it, or give fewer --gpus"
        )
    return tuple(int(part) for part in allowed[:num_gpus])


def _listed(gpus: Sequence[Gpu]) -> str:
    return ", ".join(f"GPU {gpu.id}: {gpu.memory_gib:.1f} GiB" for gpu in gpus)
