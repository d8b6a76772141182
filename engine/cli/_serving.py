"""`--gpus`: which servers a command would start, and whether it can."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from engine.cli._datasets import with_section
from engine.cli._output import remark
from engine.formats import WRITTEN_FAMILIES

if TYPE_CHECKING:
    from engine.config import ModelSection
    from engine.dataset import Dataset
    from engine.flow import Step
    from engine.runner import RunOptions
    from engine.serving.plan import ServePlan

_SECTION_OF = MappingProxyType(
    {"caption": "caption", "summarize": "summarize", "instruct": "summarize"}
)
"""Stage -> the section whose model it asks; instructions are written by the summarizer's."""
NO_PLANS: Mapping[str, "ServePlan"] = MappingProxyType({})


@dataclass(frozen=True)
class GpuFlags:
    """What a person said about GPUs."""

    num_gpus: int | None = None
    """None: no server is started."""
    memory_gib: float | None = None
    """None: read from this machine."""


def gpu_flags(
    num_gpus: int | None, memory_gib: float | None, *, endpoints: Sequence[str] | None = None
) -> GpuFlags:
    """Raises `UsageError` where flags contradict each other."""
    from engine.errors import UsageError

    if num_gpus is None and memory_gib is not None:
        raise UsageError("--gpu-memory is the size of the GPUs that --gpus N counts; give both")
    if num_gpus is not None and endpoints:
        raise UsageError(
            "--gpus starts servers here, --endpoint names servers that run already; give one of "
            "the two"
        )
    return GpuFlags(num_gpus, memory_gib)


def plan_serving(
    dataset: "Dataset", names: Sequence[str], flags: GpuFlags, *, is_dry_run: bool
) -> dict[str, "ServePlan"]:
    """A plan for each stage that `--gpus` shall serve; none without it.

    Raises `UsageError` where that cannot be done, so before any other work.
    """
    if flags.num_gpus is None:
        return {}
    from engine.serving.gpus import choose_gpus
    from engine.serving.plan import plan_servers

    sections = _sections_to_serve(dataset, names)
    vllm = dataset.config.vllm
    gpus = choose_gpus(
        flags.num_gpus, memory_gib=flags.memory_gib, utilization=vllm.gpu_memory_utilization
    )
    by_section = {section.stage: plan_servers(section, gpus, vllm) for section in sections}
    if not is_dry_run:
        _check_premises(dataset, sections)
    return {
        name: by_section[stage]
        for name, stage in _asking(dataset, names).items()
        if stage in by_section
    }


@contextmanager
def at_servers(
    dataset: "Dataset",
    steps: Sequence["Step"],
    plan: "ServePlan | None",
    options: "RunOptions",
    *,
    has_work: bool | None = None,
) -> Iterator["Dataset"]:
    """The dataset as if dataset.toml named the plan's servers, which run meanwhile.

    `steps` are those of one stage. Where none that asks a model has anything to do, no server is
    started; the caller may know what there is to do.
    """
    steps = [step for step in steps if step.family is None or step.family in WRITTEN_FAMILIES]
    if has_work is None:
        has_work = plan is not None and _has_work(dataset, steps, options)
    if plan is None or not has_work:
        yield dataset
        return
    from engine.serving.keeper import FleetSettings
    from engine.serving.session import serving

    section: ModelSection = getattr(dataset.config, _SECTION_OF[steps[0].name])
    vllm = dataset.config.vllm
    settings = FleetSettings(
        start_seconds=vllm.start_seconds,
        stall_seconds=vllm.stall_seconds,
        api_key_env=section.api_key_env,
    )
    say = _silent if options.is_quiet else remark
    with serving(dataset, steps[0].name, plan=plan, settings=settings, say=say) as fleet:
        patience_seconds = max(section.patience_seconds, fleet.longest_absence_seconds)
        changes = {"endpoints": fleet.urls, "patience_seconds": patience_seconds}
        yield with_section(dataset, section.model_copy(update=changes))


def serving_lines(dataset: "Dataset", plans: Mapping[str, "ServePlan"]) -> Iterator[str]:
    """The arithmetic, then one command line for each server, then what is not here yet."""
    from engine.serving.plan import command_line

    for name, plan in plans.items():
        yield f"{name} would be served by vLLM:"
        yield from (f"  {line}" for line in plan.arithmetic)
        yield from (f"  {server.name}: {command_line(server)}" for server in plan.servers)
        yield from (f"  note: {note}" for note in _notes(dataset, name))


def serving_rows(plans: Mapping[str, "ServePlan"]) -> list[dict[str, Any]]:
    """Plans as plain values."""
    from engine.serving.plan import command_line

    return [
        {
            "stage": name,
            "arithmetic": plan.arithmetic,
            "servers": [
                {"name": one.name, "gpu_ids": one.gpu_ids, "command_line": command_line(one)}
                for one in plan.servers
            ],
        }
        for name, plan in plans.items()
    ]


def _sections_to_serve(dataset: "Dataset", names: Sequence[str]) -> list["ModelSection"]:
    """One command's stage, as asked; of several stages, those that nothing else serves."""
    from engine.errors import UsageError

    asked = dict.fromkeys(_asking(dataset, names).values())
    sections: list[ModelSection] = [getattr(dataset.config, name) for name in asked]
    if not sections:
        raise UsageError(
            "--gpus has nothing to serve: no model is asked for the families "
            f"{', '.join(dataset.config.instruct.families)}; a model writes "
            f"{', '.join(sorted(WRITTEN_FAMILIES))}"
        )
    real = [section for section in sections if section.model != "baseline"]
    if not real:
        stages = " and ".join(section.stage for section in sections)
        raise UsageError(
            f"the model of {stages} is the baseline, which needs no GPU; name one that does with "
            "--model or preset, such as the presets in manifests/models.toml"
        )
    unserved = real if len(sections) == 1 else [one for one in real if not one.endpoints]
    if not unserved:
        raise UsageError(
            "--gpus has nothing to serve: dataset.toml names endpoints for the models of "
            f"{' and '.join(section.stage for section in real)}; remove them, or leave out --gpus"
        )
    return unserved


def _asking(dataset: "Dataset", names: Sequence[str]) -> dict[str, str]:
    """Those of the stages that ask a model -> the section that names it."""
    is_written = not WRITTEN_FAMILIES.isdisjoint(dataset.config.instruct.families)
    asking = (name for name in _SECTION_OF if name in names)
    return {name: _SECTION_OF[name] for name in asking if name != "instruct" or is_written}


def _has_work(dataset: "Dataset", steps: Sequence["Step"], options: "RunOptions") -> bool:
    from engine.flow import look_at

    return options.limit != 0 and any(
        look_at(dataset, step, retry_rejects=options.retry_rejects)[1] for step in steps
    )


def _silent(_text: str) -> None:
    """For `--quiet`."""


def _check_premises(dataset: "Dataset", sections: Sequence["ModelSection"]) -> None:
    from engine.serving.installation import check_installed
    from engine.serving.weights import check_weights, find_weights

    check_installed(dataset.config.vllm)
    for section in sections:
        weights = find_weights(section, dataset.config.vllm)
        check_weights(weights, weights_gib=section.weights_gib or 0.0)


def _notes(dataset: "Dataset", name: str) -> Iterator[str]:
    from engine.errors import UsageError
    from engine.serving.installation import check_installed
    from engine.serving.weights import find_weights

    vllm = dataset.config.vllm
    try:
        check_installed(vllm)
    except UsageError as error:
        yield str(error)
    weights = find_weights(getattr(dataset.config, _SECTION_OF[name]), vllm)
    if not weights.is_here:
        yield f"the weights are not here yet; to get them before it starts: {weights.how_to_get}"
