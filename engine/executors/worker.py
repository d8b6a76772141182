"""What runs inside a decoding process. Imported once by the fork server, so starting is quick."""

import fcntl
import multiprocessing
import os
import resource
import signal
import sys
from multiprocessing.connection import wait
from typing import Any

import av
import cv2

from engine.errors import ItemError
from engine.stage import Item, MediaStage

NICENESS = 5
"""Reading ahead is in less of a hurry than the servers and clients that live on the same cores."""


def confine(memory_bytes: int) -> None:
    """Limit this process's memory, its threads, and its life to that of the run."""
    if sys.platform == "linux":
        _die_with_the_run()
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    # None is the only quiet level that is safe: under every other one, PANIC too, a codec thread
    # that logs an error waits for the interpreter's lock, which whoever closes the codec holds.
    av.logging.set_level(None)


def _die_with_the_run() -> None:
    """Have the kernel kill this process when the run's process ends, even if it hangs in C code.

    The parent here is the fork server, and it outlives a run that was killed for as long as any
    worker holds its pipe; so the kernel's parent-death signal would never come. The sentinel is
    a pipe whose other end only the run itself holds.
    """
    run = multiprocessing.parent_process()
    if run is None:
        return
    sentinel = run.sentinel
    fcntl.fcntl(sentinel, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(sentinel, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(sentinel, fcntl.F_SETFL, fcntl.fcntl(sentinel, fcntl.F_GETFL) | os.O_ASYNC)
    if wait([sentinel], timeout=0):
        os.kill(os.getpid(), signal.SIGKILL)


def load_chunk(
    stage: MediaStage, chunk: list[Item[Any]]
) -> list[Item[Any] | tuple[str, ItemError]]:
    """Everything the stage reads for these items of one video."""
    return list(stage.load(chunk))
