"""Runs one server for as long as its own standard input stays open, then ends all of it.

`warden.py GRACE_SECONDS COMMAND …`: the server's pid goes to standard output, what the server
says to standard error, and its exit code is passed on (128 + n where signal n ended it).

Whoever starts the warden holds the other end of its standard input. The kernel closes it however
they end, `kill -9` included, so a server never outlives them and no GPU stays taken. A line
`kill` on it ends the server without grace. Only the standard library, for it must start anywhere.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

KILL_SECONDS = 10.0
"""How long killed processes may take to vanish; one that waits for a GPU's driver cannot."""
CANNOT_RUN = 127
"""The exit code where there is no such command, as of a shell."""
_LOOK_SECONDS = 0.1
_PROC = Path("/proc")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def main(arguments: list[str]) -> int:
    """Run the command; its exit code."""
    grace_seconds, command = float(arguments[0]), arguments[1:]
    ask_kernel = _prctl()
    # Orphans of the server then become children of ours, where they can be found: vLLM's engine
    # outlives its front end, in possession of the GPU, where that one is killed.
    ask_kernel(_PR_SET_CHILD_SUBREAPER, 1)
    requests = _Requests()
    try:
        # A session of its own: neither Ctrl-C nor the end of a terminal reaches it past us.
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            stderr=sys.stderr,
            start_new_session=True,
            preexec_fn=lambda: ask_kernel(_PR_SET_PDEATHSIG, signal.SIGTERM),
        )
    except OSError as error:
        print(f"warden: cannot run {command[0]}: {error.strerror}", file=sys.stderr)
        return CANNOT_RUN
    family = _Family(server)
    try:
        print(server.pid, flush=True)
        while family.exit_code is None and not requests.should_end():
            family.are_gone()
    finally:
        # Orphans have nobody left to tidy up for.
        is_tidy = family.exit_code is None and not requests.is_urgent
        family.end(grace_seconds if is_tidy else 0.0)
    return family.exit_code or 0


class _Requests:
    """What the outside wants: an end of standard input, a signal, or the loss of the parent."""

    def __init__(self) -> None:
        self.is_urgent = False
        self._is_over = False
        self._parent_id = os.getppid()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._note)

    def should_end(self) -> bool:
        """Whether the server is wanted no more; waits a moment for the answer."""
        if select.select([sys.stdin], [], [], _LOOK_SECONDS)[0]:
            said = os.read(sys.stdin.fileno(), 64)
            self.is_urgent |= said.startswith(b"kill")
            self._is_over = True
        # A copy of the other end in a forked process must not keep the server alive.
        return self._is_over or os.getppid() != self._parent_id

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._is_over = True


class _Family:
    """The server and all that descends from it, whatever sessions they made."""

    def __init__(self, server: "subprocess.Popen[bytes]") -> None:
        self._server = server
        self.exit_code: int | None = None

    def are_gone(self) -> bool:
        """Whether nobody is left; takes note of who has ended.

        The kernel's word: a process without children has no descendants either, since orphans
        became its children. A look through `/proc` could miss one that changes its parent.
        """
        while True:
            try:
                ended_id, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if ended_id == 0:
                return False
            if ended_id == self._server.pid:
                code = os.waitstatus_to_exitcode(status)
                self._server.returncode = code
                self.exit_code = code if code >= 0 else 128 - code

    def end(self, grace_seconds: float) -> None:
        """Ask all to end, then kill those that did not."""
        self._send_all(signal.SIGTERM)
        deadline = time.monotonic() + grace_seconds
        while not self.are_gone() and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS / 2)
        deadline = time.monotonic() + KILL_SECONDS
        # Again and again: a process may have made another one meanwhile.
        while not self.are_gone() and time.monotonic() < deadline:
            self._send_all(signal.SIGKILL)
            time.sleep(_LOOK_SECONDS / 2)
        if not self.are_gone():
            print(
                f"warden: processes {_descendants(os.getpid())} cannot be killed: the kernel does "
                "not let them go, and a GPU that they use stays taken",
                file=sys.stderr,
            )

    def _send_all(self, number: signal.Signals) -> None:
        if not _PROC.is_dir():
            with suppress(ProcessLookupError):  # it has ended, which is what is wanted
                os.killpg(self._server.pid, number)
        for process_id in _descendants(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(process_id, number)


def _descendants(ancestor_id: int) -> list[int]:
    """Living processes below one, as far as `/proc` tells at this moment."""
    children: dict[int, list[int]] = {}
    for path in _PROC.glob("[0-9]*/stat"):
        try:
            state, parent_id = path.read_text(errors="replace").rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it ended while we looked
        if state not in "ZX":
            children.setdefault(int(parent_id), []).append(int(path.parent.name))
    found = list(children.get(ancestor_id, []))
    for process_id in found:  # grows as it goes
        found += children.get(process_id, [])
    return found


def _prctl() -> Callable[[int, int], object]:
    """Linux's prctl with one argument; elsewhere something that does nothing."""
    if not sys.platform.startswith("linux"):
        return lambda _option, _value: None
    call = ctypes.CDLL(None, use_errno=True).prctl
    return lambda option, value: call(option, int(value), 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
