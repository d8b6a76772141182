"""Models without a model: a fake OpenAI-compatible server with faults, and scripted chat objects.

`FakeOpenAiServer` is reached over real sockets and can read the pictures it is sent.
`ScriptedCaptioner` and `ScriptedSummarizer` need no network: for tests of stages.
"""

import random
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

import orjson

from tests.fake_replies import Behavior, Fault, ReceivedRequest, completion, said

if TYPE_CHECKING:
    from engine.media.frames import Frame
    from engine.models.chat import CaptionReply, CaptionRequest, Json, SummaryReply, SummaryRequest

__all__ = [
    "Behavior",
    "FakeOpenAiServer",
    "Fault",
    "ReceivedRequest",
    "ScriptedCaptioner",
    "ScriptedSummarizer",
]


class FakeOpenAiServer:
    """An OpenAI-compatible server on a local port, by default a free one; a context manager."""

    def __init__(
        self, behavior: Behavior | None = None, *, keep_requests: int = 1000, port: int = 0
    ) -> None:
        self.behavior = behavior or Behavior()
        self.requests: deque[ReceivedRequest] = deque(maxlen=keep_requests)
        self.num_completions = 0
        """Chat completions received, probes apart."""
        self.num_probes = 0
        self.num_answered = 0
        """With a good reply, whoever asked."""
        self.most_in_flight = 0
        self.errors: list[BaseException] = []
        """What went wrong in the server itself."""
        self.lock = threading.Lock()
        self.connections: set[socket.socket] = set()
        self._in_flight = 0
        self._batch = _Batch()
        self._http: ThreadingHTTPServer | None = None
        self._port = port

    @property
    def url(self) -> str:
        """The base URL, with `/v1`."""
        return f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> Self:
        self.come_back()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.die()
        if self.errors and error is None:
            raise RuntimeError(f"the fake server failed: {self.errors[0]!r}") from self.errors[0]

    def come_back(self) -> None:
        """Listen (again) on the same port."""
        self._http = _quiet_server(self, self._port)
        self._port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def die(self) -> None:
        """Stop listening and drop every connection; `come_back` revives it."""
        if self._http is None:
            return
        self._http.shutdown()
        self._http.server_close()
        self._http = None
        with self.lock:
            for connection in self.connections:
                _reset(connection)

    def received(self, item_id: str) -> list[ReceivedRequest]:
        """The requests about one item, in order of arrival."""
        with self.lock:
            return [request for request in self.requests if request.item_id == item_id]

    def admit(self, request: ReceivedRequest) -> Fault | None:
        """Record a request, wait as the behavior says, and choose its fault."""
        behavior = self.behavior
        with self.lock:
            self.requests.append(request)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            self.num_probes += request.is_probe
            self.num_completions += not request.is_probe
            scripted = bool(behavior.script) and not request.is_probe
            fault = behavior.script.popleft() if scripted else None
        if not scripted:
            fault = behavior.fault_for(request)
        draw = random.Random(f"{behavior.seed}:{request.item_id}")
        time.sleep(draw.uniform(*behavior.latency_seconds))
        if not request.is_probe:
            self._batch.wait_turn(behavior.reverse_batch)
        return fault

    def metrics(self) -> str:
        """Its counters, as vLLM's `/metrics` gives them; each reply counts as ten tokens."""
        label = f'engine="0",model_name="{self.behavior.models[0]}"'
        with self.lock:
            return (
                f"# TYPE vllm:num_requests_running gauge\n"
                f"vllm:num_requests_running{{{label}}} {float(self._in_flight)}\n"
                f"vllm:num_requests_waiting{{{label}}} 0.0\n"
                f"vllm:prompt_tokens_total{{{label}}} {10.0 * self.num_answered}\n"
                f"vllm:generation_tokens_total{{{label}}} {10.0 * self.num_answered}\n"
                f'vllm:request_success_total{{{label},finished_reason="stop"}} '
                f"{float(self.num_answered)}\n"
                f'vllm:request_success_total{{{label},finished_reason="abort"}} 0.0\n'
            )

    def dismiss(self) -> None:
        """A request is over."""
        with self.lock:
            self._in_flight -= 1


class _Batch:
    """Gathers arrivals and lets them go in reverse."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._num_arrived = 0

    def wait_turn(self, size: int) -> None:
        if size <= 1:
            return
        with self._changed:
            place = self._num_arrived
            self._num_arrived += 1
            self._changed.notify_all()
            last = place - place % size + size
            self._changed.wait_for(lambda: self._num_arrived >= last, timeout=0.5)
        time.sleep((last - 1 - place) * 0.02)


def _quiet_server(fake: FakeOpenAiServer, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Header and body are written apart; without this each reply waits 40 ms for an ACK.
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            with fake.lock:
                fake.connections.add(self.connection)

        def finish(self) -> None:
            with fake.lock:
                fake.connections.discard(self.connection)
            self.rfile.close()
            self.wfile.close()

        def log_message(self, *_args: object) -> None:
            return None

        def do_GET(self) -> None:
            _answer_get(self, fake)

        def do_POST(self) -> None:
            try:
                _answer_post(self, fake)
            except (ConnectionError, OSError):
                # The client went away, or a fault closed the connection under us.
                self.close_connection = True

    class Server(ThreadingHTTPServer):
        request_queue_size = 256
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_args: object) -> None:
            # Mostly a test's own hook; `__exit__` raises it, else it looks like a dropped line.
            error = sys.exc_info()[1]
            # The client may go away between two requests as well as within one.
            if error is not None and not isinstance(error, ConnectionError):
                fake.errors.append(error)

    return Server(("127.0.0.1", port), Handler)


def _answer_get(http: BaseHTTPRequestHandler, fake: FakeOpenAiServer) -> None:
    if not _is_let_in(http, fake):
        return
    if http.path == "/metrics":
        _send_bytes(http, 200, fake.metrics().encode(), {"Content-Type": "text/plain"})
        return
    if http.path != "/v1/models":
        _send(http, 404, {"detail": "Not Found"})
        return
    listed: list[Json] = [{"id": name, "object": "model"} for name in fake.behavior.models]
    _send(http, 200, {"object": "list", "data": listed})


def _answer_post(http: BaseHTTPRequestHandler, fake: FakeOpenAiServer) -> None:
    tag = http.headers.get("X-Request-Id", "vau:unnamed:00000000")
    headers = {name.lower(): value for name, value in http.headers.items()}
    item_id = unquote(tag.split(":")[1])
    early = fake.behavior.script[0] if fake.behavior.script and item_id != "probe" else None
    if early is not None and early.kind == "drop_unread":
        fake.admit(ReceivedRequest(item_id, {}, headers, time.monotonic()))
        fake.dismiss()
        _reset(http.connection)
        http.close_connection = True
        return
    num_bytes = int(headers["content-length"])
    content = http.rfile.read(num_bytes)
    if len(content) < num_bytes:
        raise ConnectionError("the client broke off while it was sending")
    body = orjson.loads(content)
    if not _is_let_in(http, fake):
        return
    request = ReceivedRequest(item_id, body, headers, time.monotonic())
    try:
        _answer_completion(http, fake, request, fake.admit(request))
    finally:
        fake.dismiss()


def _answer_completion(
    http: BaseHTTPRequestHandler,
    fake: FakeOpenAiServer,
    request: ReceivedRequest,
    fault: Fault | None,
) -> None:
    body, tag = request.body, request.headers.get("x-request-id", "none")
    kind = fault.kind if fault else "none"
    if fault and kind == "status":
        extra = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
        _send(http, fault.status, {"error": {"message": fault.text, "type": "fake"}}, extra)
    elif kind in ("drop", "drop_unread"):
        _reset(http.connection)
        http.close_connection = True
    elif body.get("model") not in fake.behavior.models:
        text = f"The model `{body.get('model')}` does not exist."
        _send(http, 404, {"error": {"message": text, "type": "NotFoundError"}})
    else:
        if fault and kind == "late":
            time.sleep(fault.seconds)
        if fault and kind == "wrong_id":
            tag = f"vau:{fault.text}:00000000"
        reply = completion(body, tag, said(fake.behavior, request, fault), fault)
        with fake.lock:
            fake.num_answered += 1
        _write_reply(http, reply, kind)


def _write_reply(http: BaseHTTPRequestHandler, reply: dict[str, Any], kind: str) -> None:
    payload = orjson.dumps(reply)
    if kind == "broken_json":
        payload = payload[: len(payload) // 2]
    http.send_response(200)
    http.send_header("Content-Type", "application/json")
    http.send_header("Content-Length", str(len(payload)))
    http.end_headers()
    if kind == "half_closed":
        http.wfile.write(payload[: len(payload) // 2])
        http.connection.shutdown(socket.SHUT_WR)
        http.close_connection = True
    elif kind == "trickle":
        for index in range(len(payload)):
            http.wfile.write(payload[index : index + 1])
            time.sleep(0.02)
    else:
        http.wfile.write(payload)


def _is_let_in(http: BaseHTTPRequestHandler, fake: FakeOpenAiServer) -> bool:
    key = fake.behavior.key
    offered = http.headers.get("Authorization")
    if key is None or offered == f"Bearer {key}":
        return True
    _send(http, 401, {"error": {"message": f"Incorrect API key provided: {offered}"}})
    return False


def _send(
    http: BaseHTTPRequestHandler,
    status: int,
    body: "dict[str, Json]",
    extra: Mapping[str, str] | None = None,
) -> None:
    _send_bytes(http, status, orjson.dumps(body), extra or {})


def _send_bytes(
    http: BaseHTTPRequestHandler, status: int, payload: bytes, headers: Mapping[str, str]
) -> None:
    http.send_response(status)
    http.send_header("Content-Length", str(len(payload)))
    for name, value in headers.items():
        http.send_header(name, value)
    http.end_headers()
    http.wfile.write(payload)


def _reset(connection: socket.socket) -> None:
    """Close so that the peer sees a reset, not an end."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already, which is what is wanted
    connection.close()


@dataclass(frozen=True)
class ScriptedCaptioner:
    """A captioner that says what `reply` makes of the request; `prepare` keeps the frames."""

    reply: "Callable[[CaptionRequest], str | CaptionReply]"
    name: str = "openai/scripted"
    num_frames: int = 4
    max_side_px: int = 320
    concurrency: int = 4
    settings: "Mapping[str, Json]" = field(default_factory=dict)
    """Goes into the fingerprint."""

    def fingerprint_parts(self) -> "Mapping[str, Json]":
        return {"model": self.name, "num_frames": self.num_frames, **self.settings}

    def prepare(self, frames: "tuple[Frame, ...]") -> object:
        return frames

    def caption(self, request: "CaptionRequest") -> "CaptionReply":
        from engine.models.chat import CaptionReply

        said = self.reply(request)
        return CaptionReply(request.id, said, None) if isinstance(said, str) else said


@dataclass(frozen=True)
class ScriptedSummarizer:
    """A summarizer that says what `reply` makes of the request."""

    reply: "Callable[[SummaryRequest], SummaryReply]"
    name: str = "openai/scripted"
    concurrency: int = 4
    settings: "Mapping[str, Json]" = field(default_factory=dict)
    """Goes into the fingerprint."""

    def fingerprint_parts(self) -> "Mapping[str, Json]":
        return {"model": self.name, **self.settings}

    def summarize(self, request: "SummaryRequest") -> "SummaryReply":
        return self.reply(request)
