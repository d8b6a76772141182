"""Small fleets of fake servers, and how to find the processes they leave."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from engine.serving.fleet import Fleet
from engine.serving.keeper import FleetSettings
from engine.serving.plan import ServePlan, ServerPlan

FAKE_VLLM = Path(__file__).with_name("fake_vllm.py")
MARK = "VAU_TEST_FLEET"
"""An environment variable by which the processes of a test's servers are found."""
QUICK = FleetSettings(
    start_seconds=60.0,
    stall_seconds=60.0,
    first_pause_seconds=0.05,
    seconds_between_looks=0.1,
    grace_seconds=2.0,
)
"""Quick where that does not depend on how busy this machine is."""
SUSPICIOUS = replace(QUICK, stall_seconds=1.0, sign_of_life_seconds=2.0, most_deaths=20)
"""Takes servers soon, and perhaps wrongly, for hung."""


def a_server(*faults: str, name: str = "caption-0", mark: object = "none") -> ServerPlan:
    """A fake vLLM that serves `tiny`."""
    return ServerPlan(
        name=name,
        gpu_ids=(),
        command=(sys.executable, str(FAKE_VLLM), "serve", "tiny", *faults),
        environment={MARK: str(mark)},
        served_model_name="tiny",
    )


def a_plan(*servers: ServerPlan) -> ServePlan:
    return ServePlan(servers, arithmetic=())


@contextmanager
def fleet_of(*servers: ServerPlan, logs: Path, settings: FleetSettings = QUICK) -> Iterator[Fleet]:
    with Fleet(servers, log_dir_path=logs, settings=settings) as fleet:
        yield fleet


def processes_of(mark: object) -> list[int]:
    """Living processes that servers with this mark consist of, their wardens included."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            continue  # it ended while we looked
    return found


def wait_until(look: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Until it is so; far longer than it should take."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)
