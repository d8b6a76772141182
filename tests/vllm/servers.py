"""Real `vllm serve` processes for tests: a model folder in, an endpoint out, no process left."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

REPOSITORY = Path(__file__).resolve().parents[2]
VLLM_BIN = REPOSITORY / ".venv-vllm" / "bin"
CONTEXT_TOKENS = 4096
START_SECONDS = 300.0
"""Starting takes 40 s of processor time, most of it imports in three processes one after the other;
on busy cores it took 150 s."""
STOP_SECONDS = 10.0

FLAGS = (
    *("--host", "127.0.0.1", "--enforce-eager", "--dtype", "float32"),
    *("--max-model-len", str(CONTEXT_TOKENS), "--disable-uvicorn-access-log"),
    # With a prompt cut into chunks, a request that has a seed kills the CPU engine ("CPU Generator
    # does not use offset").
    *("--no-enable-chunked-prefill", "--max-num-batched-tokens", str(CONTEXT_TOKENS)),
)
CAPTION_FLAGS = (
    *("--limit-mm-per-prompt", '{"image": 0, "video": 1}'),
    # Without it, a request with `media_io_kwargs` is refused.
    "--trust-request-mm-kwargs",
)
# By default each server binds its threads to the same first core; OpenMP's own default is a thread
# for each core, in each server.
ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}


@dataclass(frozen=True)
class VllmServer:
    """A server process, the first of a process group of its own."""

    model: str
    port: int
    process: subprocess.Popen[bytes]
    log_path: Path

    @property
    def url(self) -> str:
        """The base URL of its OpenAI-compatible API."""
        return f"http://127.0.0.1:{self.port}/v1"

    def wait_until_healthy(self, *, timeout_seconds: float = START_SECONDS) -> None:
        """Return when it answers; else raise `RuntimeError` with the end of its log."""
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.is_healthy():
                return
            time.sleep(0.25)
        raise RuntimeError(
            f"{self.model} did not come up (exit status {self.process.poll()}); the end of "
            f"{self.log_path}:\n{self.log_path.read_text(errors='replace')[-4000:]}"
        )

    def is_healthy(self) -> bool:
        """Whether it answers; not whether its engine moves."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=2).status_code == 200
        except httpx.RequestError:
            return False

    def kill(self) -> None:
        """End the whole group at once: killed alone, the server leaves its engine behind."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Ask it to end, then end what is left of its group."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=STOP_SECONDS)
        self.kill()


@contextmanager
def serving(
    model_dir: Path, *, name: str, log_path: Path, flags: Sequence[str] = ()
) -> Iterator[VllmServer]:
    """A server on a free port while the block runs; it may still be starting."""
    port = _free_port()
    command = [str(VLLM_BIN / "vllm"), "serve", str(model_dir), "--served-model-name", name]
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port), *FLAGS, *flags],
            env=_environment(),
            cwd=log_path.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = VllmServer(name, port, process, log_path)
    try:
        yield server
    finally:
        server.stop()


def build_model(kind: str, folder: Path, *, num_layers: int = 2) -> Path:
    """Build a tiny model (`llama` or `llava`) with the Python that has transformers."""
    script = Path(__file__).with_name("tiny_models.py")
    done = subprocess.run(
        [VLLM_BIN / "python", script, kind, folder, str(num_layers)],
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"building the tiny {kind} failed:\n{done.stderr[-4000:]}")
    return folder


def _environment() -> dict[str, str]:
    # Our packages are none of its business.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return inherited | ENVIRONMENT


def _free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])
