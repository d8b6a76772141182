"""`python -m tests.engine.serving.served_run DATASET FAULT …`: caption with two servers of ours.

Tests start it to interrupt or kill it. Faults are those of `fake_vllm.py`, for both servers.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from engine.dataset import Dataset
from engine.errors import ServiceError
from engine.executors.local import LocalExecutor
from engine.flow import run_step
from engine.serving.fleet import Fleet
from engine.serving.keeper import FleetSettings
from engine.serving.plan import ServePlan
from engine.serving.session import serving
from tests.builders import QUIET, step_named
from tests.engine.serving.fleets import QUICK, a_plan, a_server


def main(dir_path: Path, faults: list[str]) -> int:
    """Bring the captions up to date; 0, 3 for a service that is gone, 130 for an interrupt."""
    dataset = Dataset.open(dir_path)
    servers = [a_server(*faults, name=f"caption-{n}", mark=dir_path) for n in range(2)]
    try:
        caption(dataset, a_plan(*servers))
    except ServiceError as error:
        print(error, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    return 0


def caption(
    dataset: Dataset,
    plan: ServePlan,
    *,
    settings: FleetSettings = QUICK,
    meanwhile: Callable[[Fleet], None] | None = None,
) -> None:
    """Bring the captions up to date with the plan's servers; `meanwhile` must end, too."""
    with (
        ThreadPoolExecutor(1) as threads,
        serving(dataset, "caption", plan, settings, say=print) as fleet,
        LocalExecutor(workers=1) as executor,
    ):
        beside = threads.submit(meanwhile, fleet) if meanwhile else None
        run_step(at(dataset, fleet), step_named("caption"), executor=executor, options=QUIET)
        if beside is not None:
            beside.result()


def at(dataset: Dataset, fleet: Fleet) -> Dataset:
    """The dataset as if it named the fleet's endpoints."""
    changes = {
        "model": "tiny",
        "endpoints": fleet.urls,
        "patience_seconds": fleet.longest_absence_seconds,
        "concurrency": 8,
        "num_frames": 2,
        "max_side_px": 64,
    }
    section = dataset.config.caption.model_copy(update=changes)
    return replace(dataset, config=dataset.config.model_copy(update={"caption": section}))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
