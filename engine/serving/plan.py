"""Which servers to start on which GPUs, and the arithmetic behind it.

Copies before tensor parallelism: a model that fits on one GPU is served by one server for each, and
is divided only as far as it must be to fit, since what GPUs say to each other costs time.
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson

from engine.config import CaptionSection, ModelSection, VllmSection
from engine.errors import UsageError
from engine.serving.gpus import GpuShare
from engine.serving.installation import vllm_command
from engine.serving.ports import HOST
from engine.serving.presets import presets_for
from engine.serving.weights import find_weights

RESERVED_SHARE = 0.2
"""Of the memory that a server may take, kept for its KV cache and activations. With less, so few
requests run at once that the GPU waits for its own memory."""
OWN_ARGUMENTS = (
    *("--host", "--port", "--api-key", "--served-model-name", "--revision", "--max-model-len"),
    *(
        "--gpu-memory-utilization",
        "--tensor-parallel-size",
        "-tp",
        "--pipeline-parallel-size",
        "-pp",
    ),
    *("--data-parallel-size", "-dp"),
)
"""Arguments that the plan decides, or that would make it wrong."""
_SECRETS = ("TOKEN", "KEY", "SECRET", "PASSWORD")


@dataclass(frozen=True)
class ServerPlan:
    """One `vllm serve` process."""

    name: str
    """`caption-0`; its log is called so, too."""
    gpu_ids: tuple[int, ...]
    """For $CUDA_VISIBLE_DEVICES; none: the variable is left alone."""
    command: tuple[str, ...]
    """Up to but without `--host` and `--port`."""
    environment: Mapping[str, str]
    """Set on top of what this process has."""
    served_model_name: str


@dataclass(frozen=True)
class ServePlan:
    """All servers of one stage."""

    servers: tuple[ServerPlan, ...]
    arithmetic: tuple[str, ...]
    """Lines of text that explain it."""


@dataclass(frozen=True)
class _Split:
    """One copy of a model divided among GPUs."""

    tensor_parallel: int
    weights_gib: float
    """Of the whole copy."""
    usable_gib: float
    """On each GPU."""

    @property
    def needed_gib(self) -> float:
        return self.weights_gib / self.tensor_parallel + RESERVED_SHARE * self.usable_gib

    @property
    def fits(self) -> bool:
        return self.needed_gib <= self.usable_gib

    def __str__(self) -> str:
        return (
            f"TP {self.tensor_parallel}: {self.weights_gib:.1f} / {self.tensor_parallel} + "
            f"{RESERVED_SHARE * self.usable_gib:.1f} = {self.needed_gib:.1f} GiB on each GPU, of "
            f"{self.usable_gib:.1f}: {'fits' if self.fits else 'does not fit'}"
        )


def plan_servers(section: ModelSection, gpus: GpuShare, vllm: VllmSection) -> ServePlan:
    """As many servers as the GPUs hold copies of the section's model.

    Raises `UsageError` with the arithmetic where it cannot fit, or on too few GPUs.
    """
    _check_arguments(section, vllm)
    usable_gib = vllm.gpu_memory_utilization * gpus.memory_gib
    splits = list(_splits(section, usable_gib=usable_gib))
    split = splits[-1]
    head = (
        f"{section.model}: {split.weights_gib:.1f} GiB of weights",
        f"usable: {vllm.gpu_memory_utilization:g} × {gpus.memory_gib:.1f} = {usable_gib:.1f} GiB "
        f"on each GPU, {RESERVED_SHARE:.0%} of it kept for KV cache and activations",
        *map(str, splits),
    )
    num_servers = len(gpus.ids) // split.tensor_parallel
    if not split.fits or num_servers == 0:
        raise UsageError(_refusal(section, split, head, num_gpus=len(gpus.ids)))
    servers = tuple(
        _server(
            section, vllm, index, gpus.ids[index * split.tensor_parallel :][: split.tensor_parallel]
        )
        for index in range(num_servers)
    )
    return ServePlan(servers, (*head, *_tail(split, gpus)))


def command_line(server: ServerPlan, *, port: str = "{port}") -> str:
    """What one would type to start it; values that look like secrets are left out."""
    shown = {
        name: "…" if any(word in name.upper() for word in _SECRETS) else value
        for name, value in server.environment.items()
    }
    if server.gpu_ids:
        ids = ",".join(map(str, server.gpu_ids))
        shown = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ids, **shown}
    words = [f"{name}={shlex.quote(value)}" for name, value in shown.items()]
    return " ".join([*words, shlex.join(server.command), f"--host {HOST} --port {port}"])


def _splits(section: ModelSection, *, usable_gib: float) -> Iterator[_Split]:
    """Each way to divide the model, coarser first, up to the first that fits."""
    if section.weights_gib is None or section.num_attention_heads is None:
        raise UsageError(
            f"--gpus cannot plan for the model {section.model!r}: in [{section.stage}], set "
            "weights_gib (the sum of its weight files) and num_attention_heads (as in its "
            f"config.json), or preset to one of {', '.join(presets_for(section.stage))}"
        )
    tensor_parallel = 1
    while _divides(tensor_parallel, section):
        split = _Split(tensor_parallel, section.weights_gib, usable_gib)
        yield split
        if split.fits:
            return
        tensor_parallel *= 2


def _divides(tensor_parallel: int, section: ModelSection) -> bool:
    """vLLM's rule: heads are dealt out evenly; too few key-value heads are repeated."""
    num_heads = section.num_attention_heads or 1
    num_kv_heads = section.num_key_value_heads or num_heads
    is_even = num_kv_heads % tensor_parallel == 0 or tensor_parallel % num_kv_heads == 0
    return num_heads % tensor_parallel == 0 and is_even


def _refusal(
    section: ModelSection, split: _Split, arithmetic: tuple[str, ...], *, num_gpus: int
) -> str:
    steps = "\n".join(f"  {line}" for line in arithmetic)
    if split.fits:
        return (
            f"{section.model} needs {split.tensor_parallel} GPUs of this size, and --gpus is "
            f"{num_gpus}:\n{steps}\nGive --gpus {split.tensor_parallel}{_smaller(section)}"
        )
    return (
        f"{section.model} does not fit on GPUs of this size, however many:\n{steps}\n"
        f"Its heads cannot be divided further. Use GPUs with more memory{_smaller(section)}"
    )


def _smaller(section: ModelSection) -> str:
    names = [
        name
        for name, preset in presets_for(section.stage).items()
        if float(str(preset.settings["weights_gib"])) < (section.weights_gib or 0.0)
    ]
    return f", or a smaller model, such as --model {' or '.join(names)}" if names else ""


def _tail(split: _Split, gpus: GpuShare) -> Iterator[str]:
    num_servers, num_idle = divmod(len(gpus.ids), split.tensor_parallel)
    yield f"--gpus {len(gpus.ids)}: {num_servers} × TP {split.tensor_parallel}"
    if num_idle:
        idle = ", ".join(map(str, gpus.ids[-num_idle:]))
        yield f"idle: GPU {idle}; a server takes {split.tensor_parallel}"
    yield from gpus.busy


def _server(
    section: ModelSection, vllm: VllmSection, index: int, gpu_ids: tuple[int, ...]
) -> ServerPlan:
    return ServerPlan(
        name=f"{section.stage}-{index}",
        gpu_ids=gpu_ids,
        command=(vllm_command(vllm), "serve", *_arguments(section, vllm, len(gpu_ids))),
        environment=vllm.environment,
        served_model_name=section.model,
    )


def _arguments(section: ModelSection, vllm: VllmSection, tensor_parallel: int) -> Iterator[str]:
    weights = find_weights(section, vllm)
    yield weights.source
    if weights.revision is not None:
        yield from ("--revision", weights.revision)
    yield from ("--served-model-name", section.model)
    yield from ("--tensor-parallel-size", str(tensor_parallel))
    yield from ("--gpu-memory-utilization", f"{vllm.gpu_memory_utilization:g}")
    yield from ("--max-model-len", str(section.max_model_len or "auto"))
    # A repository's generation_config.json would sample in ways that no record tells of.
    yield from ("--generation-config", "vllm")
    # One line for each request would bury what a log is read for; records know the requests.
    yield "--disable-uvicorn-access-log"
    if isinstance(section, CaptionSection):
        yield from ("--limit-mm-per-prompt", _media_limit(section))
        # Requests say when each frame was; vLLM refuses that from clients that it may not trust.
        yield "--trust-request-mm-kwargs"
    yield from (*section.serve_args, *vllm.extra_args)


def _media_limit(section: CaptionSection) -> str:
    """What a request holds at most; vLLM would set memory aside for far more."""
    size = {"width": section.max_side_px, "height": section.max_side_px}
    if section.video_format == "video_url":
        limit = {"image": 0, "video": {"count": 1, "num_frames": section.num_frames, **size}}
    else:
        limit = {"image": {"count": section.num_frames, **size}, "video": 0}
    return orjson.dumps(limit).decode()


def _check_arguments(section: ModelSection, vllm: VllmSection) -> None:
    places = (
        (f"[{section.stage}] serve_args", section.serve_args),
        ("[vllm] extra_args", vllm.extra_args),
    )
    for place, arguments in places:
        for argument in arguments:
            name = argument.partition("=")[0].replace("_", "-")
            if name in OWN_ARGUMENTS:
                raise UsageError(
                    f"{place} may not have {argument!r}: the plan of --gpus sets it, from the "
                    "settings of the same name where there are any"
                )
