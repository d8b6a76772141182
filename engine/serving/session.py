"""Servers for one stage of one dataset, for as long as a run of it lasts."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from engine.dataset import Dataset
from engine.errors import ServiceError, UsageError, VauDataError
from engine.serving.fleet import Fleet
from engine.serving.keeper import FleetSettings
from engine.serving.plan import ServePlan
from engine.serving.spans import ServingSpan, new_span, note_serving

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_NOTES = 60.0


@contextmanager
def serving(
    dataset: Dataset,
    stage_name: str,
    plan: ServePlan,
    settings: FleetSettings,
    *,
    say: Callable[[str], None],
) -> Iterator[Fleet]:
    """Run the plan's servers while the caller uses their `urls`; ends them, whatever happens.

    Logs go to `runs/servers/<server>.log`. Raises `UsageError` where another process serves this
    stage, `ServiceError` where a server cannot be started. A `ServiceError` from inside says why
    the servers were given up, if they were.
    """
    with _sole_server(dataset, stage_name):
        log_dir_path = dataset.dir_path / "runs" / "servers"
        with (
            _accounted(dataset, stage_name, plan),
            Fleet(plan.servers, log_dir_path=log_dir_path, settings=settings, say=say) as fleet,
        ):
            try:
                yield fleet
            except ServiceError as error:
                reason = fleet.failure()
                if reason is None or reason == str(error):
                    raise
                raise ServiceError(reason) from error


@contextmanager
def _accounted(dataset: Dataset, stage_name: str, plan: ServePlan) -> Iterator[None]:
    """Note for `vau-data stats` for how long the GPUs are held, also if this process is killed."""
    num_gpus = sum(len(server.gpu_ids) for server in plan.servers)
    model = f"openai/{plan.servers[0].served_model_name}"
    span = new_span(stage=stage_name, model=model, num_gpus=num_gpus)
    note_serving(dataset, span)
    has_ended = threading.Event()
    noting = threading.Thread(target=_note_on, args=(dataset, span, has_ended), daemon=True)
    noting.start()
    try:
        yield
    finally:
        has_ended.set()
        noting.join()
        note_serving(dataset, span)


def _note_on(dataset: Dataset, span: ServingSpan, has_ended: threading.Event) -> None:
    while not has_ended.wait(_SECONDS_BETWEEN_NOTES):
        try:
            note_serving(dataset, span)
        except VauDataError as error:
            logger.warning("cannot note how long GPUs are held: %s", error)


@contextmanager
def _sole_server(dataset: Dataset, stage_name: str) -> Iterator[None]:
    """Two runs of a stage would fight for GPUs for minutes before one finds its ledger locked."""
    lock_path = dataset.dir_path / ".locks" / f"servers-{stage_name}.lock"
    lock = FileLock(lock_path, timeout=0)
    try:
        lock_path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise UsageError(
            f"another process has servers running for {stage_name} of {dataset.dir_path}; wait for "
            "it to end, or stop it"
        ) from error
    except PermissionError as error:
        raise UsageError(f"cannot write {lock_path}: {error.strerror}") from error
    except OSError as error:
        raise ServiceError(f"cannot write {lock_path} ({error.strerror})") from error
    try:
        yield
    finally:
        lock.release()
