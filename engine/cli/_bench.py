"""What `bench serve` measures, and how it says what it found."""

import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli._datasets import local_executor, with_section
from engine.cli._output import counted, print_json, remark

if TYPE_CHECKING:
    from engine.config import CaptionSection
    from engine.dataset import Dataset
    from engine.serving.bench import Case

_GOAL = 0.95
_WARM_UP_SECONDS = 4.0


@dataclass(frozen=True)
class BenchFlags:
    """What a person asked for."""

    endpoints: list[str]
    model: str | None
    is_simulating: bool
    videos_dir_path: Path | None
    workers: int | None
    seconds: float
    num_rounds: int
    is_json: bool


def bench_serve(dataset_dir_path: Path | None, flags: BenchFlags) -> None:
    """Measure, and say each result as soon as it is there."""
    from engine.serving.bench import Bench, measure_endpoints, measure_simulated
    from engine.serving.footage import stretches_of
    from engine.serving.simulator import Simulated

    dataset = _dataset_or_defaults(dataset_dir_path)
    dataset = with_section(dataset, _section(dataset.config.caption, flags))
    cases: list[Case] = []
    with (
        _footage(dataset, flags) as videos_dir_path,
        local_executor(dataset, workers=flags.workers) as executor,
    ):
        bench = Bench(
            dataset.config,
            stretches_of(videos_dir_path),
            executor,
            seconds=flags.seconds,
            num_rounds=flags.num_rounds,
            warm_up_seconds=min(_WARM_UP_SECONDS, flags.seconds),
        )
        if flags.is_simulating or not flags.endpoints:
            cases += _said(measure_simulated(bench, Simulated()), flags)
        if flags.endpoints:
            cases += _said(measure_endpoints(bench), flags)
    if flags.is_json:
        print_json({"machine": _machine(), "cases": [_row(case) for case in cases]})


def _dataset_or_defaults(dir_path: Path | None) -> "Dataset":
    """The dataset that was named or that we are in; else one of default settings, on no disk."""
    from engine.config import Config
    from engine.dataset import CONFIG_NAME, Dataset

    here = Path.cwd()
    if dir_path is not None:
        return Dataset.open(dir_path)
    if any((folder / CONFIG_NAME).is_file() for folder in (here, *here.parents)):
        return Dataset.find(here)
    return Dataset(dir_path=here, config=Config())


def _section(section: "CaptionSection", flags: BenchFlags) -> "CaptionSection":
    from engine.errors import UsageError

    chosen = section if flags.model is None else section.with_model(flags.model)
    if flags.endpoints and chosen.model == "baseline":
        raise UsageError("name the model that the endpoint serves with --model")
    return chosen.model_copy(update={"endpoints": tuple(flags.endpoints)})


@contextmanager
def _footage(dataset: "Dataset", flags: BenchFlags) -> Iterator[Path]:
    from engine.dataset import CONFIG_NAME

    if flags.videos_dir_path is not None:
        yield flags.videos_dir_path
    elif (dataset.dir_path / CONFIG_NAME).is_file():
        yield dataset.dir_path / dataset.config.videos.path
    else:
        from engine.demo import render_corpus

        remark("rendering seven videos …")
        with tempfile.TemporaryDirectory() as folder:
            render_corpus(Path(folder))
            yield Path(folder) / "videos"


def _said(cases: Iterator["Case"], flags: BenchFlags) -> Iterator["Case"]:
    for case in cases:
        if not flags.is_json:
            print("\n".join(_lines(case)), flush=True)
        yield case


def _lines(case: "Case") -> Iterator[str]:
    yield (
        f"{case.name}: {case.num_servers} × {case.concurrency // case.num_servers} requests under "
        "way"
    )
    for each in case.rounds:
        ours, raw = each.ours, each.raw
        capacity = each.capacity_per_second
        known = "" if capacity is None else f"; the server can do {capacity:.1f}"
        rejected = f"; rejected: {counted(ours.rejects)}" if ours.rejects else ""
        yield (
            f"  {each.ratio:.3f} = {ours.tokens_per_second:,.0f} of {raw.tokens_per_second:,.0f} "
            f"output tokens/s; {ours.clips_per_second:.1f} clips/s for {ours.cores:.2f} of a core"
            f"{known}, the cores decode {each.decoded_per_second:.1f}{rejected}"
        )
    yield f"  ratio {case.ratio:.3f}, wanted {_GOAL}"


def _row(case: "Case") -> dict[str, Any]:
    return asdict(case) | {"ratio": case.ratio}


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f}"
