"""One server of a plan: its port, its log and its processes; started, ended, started again."""

import os
import shlex
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from engine.errors import ServiceError, UsageError
from engine.serving import warden
from engine.serving.plan import ServerPlan
from engine.serving.ports import HOST, is_free

MARK = "VAU_DATA_SERVER"
"""An environment variable that tells one start's processes from all others."""
MOST_LOG_BYTES = 256 << 10
"""How much of a log is looked through for reasons: errors of several processes fill pages."""
_MOST_LINE_CHARACTERS = 160
_SPARE_SECONDS = 5.0


class Server:
    """A command at a port of its own. Used by one thread at a time."""

    def __init__(
        self, plan: ServerPlan, *, port: int, log_path: Path, grace_seconds: float
    ) -> None:
        self.plan = plan
        self.port = port
        self.log_path = log_path
        self.pid: int | None = None
        """Of the server itself, not of its warden; None before the first start."""
        self._grace_seconds = grace_seconds
        self._warden: subprocess.Popen[bytes] | None = None
        """None while nothing runs."""
        self._exit_code: int | None = None
        self._mark = ""
        self._log_start_bytes = 0

    @property
    def url(self) -> str:
        """The base URL of its API, with `/v1`."""
        return f"http://{HOST}:{self.port}/v1"

    @property
    def command(self) -> tuple[str, ...]:
        """The whole command line."""
        return (*self.plan.command, "--host", HOST, "--port", str(self.port))

    def start(self) -> None:
        """Run the command. Raises `ServiceError` where its port is taken, and as `note` does."""
        self.note(f"start: {shlex.join(self.command)}")
        self._log_start_bytes = self.log_path.stat().st_size
        if not is_free(self.port):
            raise ServiceError(
                f"{self.plan.name} cannot start: another process listens at {HOST}:{self.port} "
                f"(`ss -ltnp` shows which). End it, or run the same command again, which chooses "
                "other ports"
            )
        self._mark, self._exit_code = uuid.uuid4().hex, None
        with self.log_path.open("ab") as log:
            # A session of its own, else Ctrl-C would end the warden before it has ended the server.
            self._warden = subprocess.Popen(
                [sys.executable, "-IS", warden.__file__, str(self._grace_seconds), *self.command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=server_environment(self.plan, os.environ) | {MARK: self._mark},
                start_new_session=True,
            )
        assert self._warden.stdout is not None
        said = self._warden.stdout.readline()
        self.pid = int(said) if said else None

    def exit_code(self) -> int | None:
        """How its last life ended (128 + n: by signal n); None while it runs, or never did."""
        if self._warden is not None and self._warden.poll() is not None:
            self._clean_up(self._warden)
        return self._exit_code

    def stop(self, *, is_urgent: bool = False) -> None:
        """End it and all its processes, `is_urgent`: without time to tidy up. Waits for the end."""
        if self._warden is None:
            return
        assert self._warden.stdin is not None
        with suppress(BrokenPipeError):  # it has ended already
            if is_urgent:
                self._warden.stdin.write(b"kill\n")
            self._warden.stdin.close()
        most_seconds = warden.KILL_SECONDS + _SPARE_SECONDS
        try:
            self._warden.wait(most_seconds if is_urgent else most_seconds + self._grace_seconds)
        except subprocess.TimeoutExpired:
            self._warden.kill()
            self._warden.wait()
        self._clean_up(self._warden)

    def log_text(self) -> str:
        """What it said since its last start, at most the last part of that."""
        if not self.log_path.exists():
            return ""
        with self.log_path.open("rb") as log:
            size_bytes = os.fstat(log.fileno()).st_size
            log.seek(max(self._log_start_bytes, size_bytes - MOST_LOG_BYTES))
            return log.read().decode("utf-8", errors="replace")

    def last_line(self) -> str:
        """The last that it said."""
        lines = [line for line in self.log_text().splitlines() if line.strip()]
        return lines[-1].strip()[:_MOST_LINE_CHARACTERS] if lines else "it has said nothing yet"

    def note(self, text: str) -> None:
        """Add a remark of ours to its log, with the time.

        Raises `UsageError` or `ServiceError` where the log cannot be written.
        """
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            self.log_path.parent.mkdir(parents=True, exist_ok=True)
            with self.log_path.open("a", encoding="utf-8") as log:
                log.write(f"=== vau-data {moment} {self.plan.name} {text}\n")
        except PermissionError as error:
            raise UsageError(
                f"cannot write the log {self.log_path} of {self.plan.name}: {error.strerror}; make "
                "the folder writable for you"
            ) from error
        except OSError as error:
            raise ServiceError(
                f"cannot write the log {self.log_path} of {self.plan.name}: {error.strerror}; free "
                "some space and run the same command again"
            ) from error

    def _clean_up(self, ended: "subprocess.Popen[bytes]") -> None:
        """After the warden's end: close our ends, and kill what a killed warden left behind."""
        self._warden = None
        self._exit_code = ended.returncode if ended.returncode >= 0 else 128 - ended.returncode
        for pipe in (ended.stdin, ended.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        if ended.returncode < 0 and self.pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            for process_id in _marked(self._mark):
                with suppress(ProcessLookupError):
                    os.kill(process_id, signal.SIGKILL)


def server_environment(plan: ServerPlan, ours: Mapping[str, str]) -> dict[str, str]:
    """The environment a server gets, made from our own."""
    # Our folders' names are common ones; on the path of vLLM's own environment they would shadow
    # packages there.
    kept = {name: value for name, value in ours.items() if name != "PYTHONPATH"}
    if plan.gpu_ids:
        kept["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, plan.gpu_ids))
    return kept | dict(plan.environment)


def _marked(mark: str) -> Iterator[int]:
    """Processes, of one start of a server, at whatever remove; none where there is no `/proc`."""
    wanted = f"{MARK}={mark}".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in path.read_bytes().split(b"\0"):
                yield int(path.parent.name)
        except OSError:
            continue  # another user's, or it ended while we looked
