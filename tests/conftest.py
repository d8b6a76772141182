"""Rules for all tests: an unexpected ERROR log fails the test that caused it."""

import logging
import os
import signal
from collections.abc import Iterator

import pytest

from engine.executors.local import LocalExecutor

# Tests run one process for each core: more threads in each would wait for one another. Read when
# torch is first imported, in tests and in the programs that they start.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _no_error_logs(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    yield
    if request.node.get_closest_marker("expects_error_log"):
        return
    errors = [
        record.getMessage()
        for when in ("setup", "call")
        for record in caplog.get_records(when)
        if record.levelno >= logging.ERROR
    ]
    assert not errors, f"ERROR logs: {errors}"


@pytest.fixture(scope="session")
def executor() -> Iterator[LocalExecutor]:
    """This machine, with decoding processes that all tests share."""
    with LocalExecutor(workers=2) as local:
        yield local


@pytest.fixture(autouse=True, scope="session")
def _heard_ctrl_c() -> Iterator[None]:
    """Ctrl-C is heard here and by the programs that tests start.

    A shell that runs the tests in the background has it ignored, for all that descend from it.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
