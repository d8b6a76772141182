"""Runs items on a Ray cluster: whole nodes read videos and call models; this process writes.

Every node works as this machine would, with a `LocalExecutor` of its own: deadlines, memory and
retries are its. What travels is items on their way out and records on their way back, a bounded
number of them; frames stay where they were decoded.
"""

import signal
import socket
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from engine.errors import UsageError, VauDataError
from engine.executors.ray_crew import Crew, CrewSettings, as_parcels
from engine.runner import Outcome, attempt
from engine.stage import MediaStage, Pending, Stage

_CONNECT_SECONDS = 10.0
_SECONDS_BETWEEN_LOOKS = 2.0
_SECONDS_FOR_LAST_REPLIES = 1.0
"""How long a run that must stop waits for replies that are about to come; they are paid for."""


@dataclass
class RayExecutor:
    """A cluster that is there already. A context manager: connected inside it."""

    address: str
    """`auto` (the one that this machine belongs to), `HOST:PORT` or `ray://HOST:PORT`."""
    settings: CrewSettings

    def __enter__(self) -> Self:
        with _own_signals_kept(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Ray's; what goes wrong is an error here
            _connect(self.address)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        import ray

        ray.shutdown()

    def run(self, stage: Stage[Any], items: Iterable[Pending[Any]]) -> Iterator[Outcome]:
        """Outcomes as they come. Raises `ServiceError` as soon as an item does.

        Stages that neither read videos nor wait for a model are done here: sending their items
        away would take longer.
        """
        is_media = isinstance(stage, MediaStage)
        if not is_media and stage.concurrency == 1:
            return (attempt(stage, pending.ready()) for pending in items)
        given = ((pending.ready(), pending.group) for pending in items)
        crew = Crew(stage, self.settings, as_parcels(given, is_media=is_media))
        return self._outcomes(crew)

    def _outcomes(self, crew: Crew) -> Iterator[Outcome]:
        try:
            while crew.has_work:
                crew.feed()
                yield from crew.outcomes(wait_seconds=_SECONDS_BETWEEN_LOOKS)
        except VauDataError:
            yield from crew.last_outcomes(wait_seconds=_SECONDS_FOR_LAST_REPLIES)
            raise
        except KeyboardInterrupt:
            yield from crew.last_outcomes(wait_seconds=0)
            raise
        finally:
            crew.dismiss()


def _connect(address: str) -> None:
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "--ray needs Ray, which is not installed here: `make install-ray`, or pip install "
            "'vau-data[ray]', on this machine and on every node"
        ) from error
    # Ray prints news of the cluster to standard output, which is for results, and has no setting
    # for it; what matters of them is logged here.
    ray._private.worker._worker_logs_enabled = False
    try:
        _check_that_something_listens(address)
        ray.init(address, log_to_driver=False, configure_logging=False, logging_level="ERROR")
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        said = " ".join(str(error).split())[:300]
        raise UsageError(
            f"--ray {address}: no Ray cluster can be reached there ({said}); start one with `ray "
            "start --head`, and name it as auto (on one of its machines), HOST:6379 (likewise) or "
            "ray://HOST:10001 (from anywhere)"
        ) from error


def _check_that_something_listens(address: str) -> None:
    """Ray itself would go on trying for two minutes. Raises `OSError` or `ValueError`."""
    place = urlsplit(address if "://" in address else f"ray://{address}")
    if address != "auto":
        if place.hostname is None or place.port is None:
            raise ValueError("it is neither auto nor HOST:PORT")
        socket.create_connection((place.hostname, place.port), _CONNECT_SECONDS).close()


@contextmanager
def _own_signals_kept() -> Iterator[None]:
    """Connecting to Ray puts its own answer to SIGTERM in the place of ours."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
