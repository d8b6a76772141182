"""An OpenAI-compatible server of known capacity and no model, to measure our client against.

Settings in, a process with one port per replica out. What it says is always the same; what is
real are the sockets, the bodies and how long a reply takes.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from subprocess import PIPE, Popen
from typing import cast

import orjson

from engine.errors import ServiceError

_SCRATCH = memoryview(bytearray(1 << 20))
"""Bodies are read into it and forgotten: whoever reads has done with it before the next reads."""
_END_OF_HEAD = b"\r\n\r\n"
_PROMPT_TOKENS = 1200
_WORDS = (
    "A person in a dark coat walks along the pavement past two parked cars, looks back once at "
    "the door of the shop, and goes on toward the crossing while a cyclist overtakes on the left. "
    "Behind them a van stops at the curb; its driver gets out, opens the rear door and lifts a "
    "box onto a trolley. Nobody else is near. The light does not change, and neither does the "
    "camera, which looks down on the street from about the height of the first floor."
)
"""About as long as a caption, since checking a reply takes time that grows with it."""


@dataclass(frozen=True)
class Simulated:
    """What the simulated engine can do. Raises `ServiceError` where a value makes no sense."""

    num_replicas: int = 4
    requests_per_second: float = 200.0
    """By all replicas together, as long as none of their places is empty."""
    latency_seconds: float = 0.64
    """From the last byte of a request to its reply, for a replica that is not full."""
    output_tokens: int = 128
    """Of each reply."""
    model: str = "simulated"

    def __post_init__(self) -> None:
        if min(self.num_replicas, self.requests_per_second, self.output_tokens) <= 0:
            raise ServiceError(f"a simulated engine needs values above 0, not {self}")

    @property
    def places_per_replica(self) -> float:
        """How many requests a replica works on at once when it is full."""
        return self.requests_per_second / self.num_replicas * self.latency_seconds


@dataclass
class Timetable:
    """When one replica replies: full, it finishes requests at even distances, as batches do."""

    seconds_between: float
    latency_seconds: float
    _last_due: float = float("-inf")

    def admit(self, now: float) -> float:
        """The moment at which a request that has just come is answered."""
        self._last_due = max(now + self.latency_seconds, self._last_due + self.seconds_between)
        return self._last_due


@contextmanager
def simulate(simulated: Simulated) -> Iterator[tuple[str, ...]]:
    """Run the server in a process of its own; its URLs, with `/v1`. It ends with the caller."""
    settings = orjson.dumps(asdict(simulated)).decode()
    command = [sys.executable, "-m", __name__, settings]
    with Popen(command, stdin=PIPE, stdout=PIPE) as process:
        assert process.stdout is not None
        try:
            ports = orjson.loads(process.stdout.readline() or b"[]")
            if not ports:
                raise ServiceError(f"the simulator ended at once ({process.wait()}); see above")
            yield tuple(f"http://127.0.0.1:{port}/v1" for port in ports)
        finally:
            process.kill()


@dataclass
class _Replica:
    """One port's counts."""

    simulated: Simulated
    timetable: Timetable
    num_under_way: int = 0
    num_done: int = 0

    def metrics(self) -> bytes:
        """In the words of vLLM's `/metrics`."""
        label = f'{{model_name="{self.simulated.model}"}}'
        num_running = min(self.num_under_way, int(self.simulated.places_per_replica))
        lines = {
            "num_requests_running": num_running,
            "num_requests_waiting": self.num_under_way - num_running,
            "prompt_tokens_total": self.num_done * _PROMPT_TOKENS,
            "generation_tokens_total": self.num_done * self.simulated.output_tokens,
        }
        return "".join(f"vllm:{name}{label} {n}\n" for name, n in lines.items()).encode()

    def models(self) -> bytes:
        return orjson.dumps({"object": "list", "data": [{"id": self.simulated.model}]})

    def reply(self, tag: str) -> bytes:
        message = {"role": "assistant", "content": _WORDS}
        usage = {
            "prompt_tokens": _PROMPT_TOKENS,
            "completion_tokens": self.simulated.output_tokens,
        }
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return orjson.dumps({"id": f"chatcmpl-{tag}", "choices": [choice], "usage": usage})


@dataclass
class _Conversation(asyncio.BufferedProtocol):
    """One connection: requests one after the other, bodies counted and not kept."""

    replica: _Replica
    head: bytearray = field(default_factory=bytearray)
    num_body_bytes_left: int = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def get_buffer(self, _sizehint: int) -> memoryview:
        return _SCRATCH

    def buffer_updated(self, num_bytes: int) -> None:
        if self.num_body_bytes_left:
            self.num_body_bytes_left -= num_bytes
        else:
            self.head += _SCRATCH[:num_bytes]
            end = self.head.find(_END_OF_HEAD)
            if end < 0:
                return
            num_behind = len(self.head) - end - len(_END_OF_HEAD)
            self.num_body_bytes_left = int(_header(self.head, b"content-length", "0")) - num_behind
        if not self.num_body_bytes_left:
            self._answer(bytes(self.head))
            self.head.clear()

    def _answer(self, head: bytes) -> None:
        path = head.split(b" ", 2)[1]
        if path.endswith(b"/chat/completions"):
            self._answer_later(_header(head, b"x-request-id", "none"))
        elif path.endswith(b"/models"):
            self._send(self.replica.models())
        else:
            self._send(self.replica.metrics())

    def _answer_later(self, tag: str) -> None:
        loop = asyncio.get_running_loop()
        self.replica.num_under_way += 1
        loop.call_at(self.replica.timetable.admit(loop.time()), self._finish, tag)

    def _finish(self, tag: str) -> None:
        self.replica.num_under_way -= 1
        self.replica.num_done += 1
        self._send(self.replica.reply(tag))

    def _send(self, body: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                + str(len(body)).encode()
                + _END_OF_HEAD
                + body
            )


def _header(head: bytes | bytearray, name: bytes, default: str) -> str:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip().decode("ascii")
    return default


async def _serve(simulated: Simulated) -> None:
    loop = asyncio.get_running_loop()
    per_second = simulated.requests_per_second / simulated.num_replicas
    ports: list[int] = []
    for _ in range(simulated.num_replicas):
        replica = _Replica(simulated, Timetable(1 / per_second, simulated.latency_seconds))
        server = await loop.create_server(
            lambda replica=replica: _Conversation(replica),  # type: ignore[misc]
            "127.0.0.1",
            0,
            backlog=1024,
        )
        ports.append(server.sockets[0].getsockname()[1])
    sys.stdout.buffer.write(orjson.dumps(ports) + b"\n")
    sys.stdout.flush()
    # Whoever started this process holds the other end: it closes with them, however they end.
    await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(_serve(Simulated(**orjson.loads(sys.argv[1]))))
