"""HTTP exchanges with the endpoints that another thread can break off at once."""

import ipaddress
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from engine.errors import ServiceError
from engine.models.openai_faults import Answer

CONNECT_SECONDS = 10.0
KEEPALIVE_SECONDS = 3.0
"""Below the 5 s after which uvicorn closes idle connections, else requests run into the closing."""
MAX_ANSWER_BYTES = 16 * 2**20
_LIMITS = httpx.Limits(
    max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEPALIVE_SECONDS
)


class Connections:
    """HTTP connections to a few URLs, shared by many threads.

    Each lies in an httpx client of its own: one client for many looks at every connection it has
    before each request, 2.1 ms of this process for 64 of them against 0.5 ms (2026-11-21).
    """

    def __init__(self, urls: Sequence[str], *, headers: Mapping[str, str]) -> None:
        self._kinds = {url: _ClientKind.of(url, headers) for url in urls}
        self._idle: dict[str, list[httpx.Client]] = {url: [] for url in urls}
        """The last that was used is used first, so that those too many grow cold."""
        self._clients: list[httpx.Client] = []
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._num_under_way = 0
        self._is_closed = False
        # Whoever forgets to close must not leave sockets behind.
        self._close_clients = weakref.finalize(self, _close_all, self._clients)

    def exchange(
        self, url: str, path: str, content: bytes | None, *, timeout_seconds: float, tag: str = ""
    ) -> Answer:
        """One POST (GET without content), read to its end in time.

        Raises `httpx.RequestError`, and `ServiceError` once it is closed.
        """
        client = self._enter(url)
        try:
            request = client.build_request(
                "GET" if content is None else "POST",
                url + path,
                content=content,
                headers={"X-Request-Id": tag} if tag else {},
                timeout=httpx.Timeout(
                    timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds)
                ),
                extensions={"trace": self._note_socket},
            )
            return _exchange(client, request, url=url, seconds=timeout_seconds)
        finally:
            self._leave(url, client)

    def close(self) -> None:
        """Break off what is under way; nothing can be sent any more.

        Closing a socket does not wake the thread that reads from it; shutting it down does. The
        clients are closed when the last thread has left them: httpx blames its caller otherwise.
        """
        with self._lock:
            self._is_closed = True
            is_idle = not self._num_under_way
            for connected in list(self._sockets):
                _shut(connected)
        if is_idle:
            self._close_clients()

    def _enter(self, url: str) -> httpx.Client:
        with self._lock:
            if self._is_closed:
                raise ServiceError("the connections were closed while items were under way")
            if not self._idle[url]:
                client = self._kinds[url].make()
                self._clients.append(client)
                self._idle[url].append(client)
            self._num_under_way += 1
            return self._idle[url].pop()

    def _leave(self, url: str, client: httpx.Client) -> None:
        with self._lock:
            self._idle[url].append(client)
            self._num_under_way -= 1
            is_last = self._is_closed and not self._num_under_way
        if is_last:
            self._close_clients()

    def _note_socket(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by httpx at each step; a socket that opens, or changes for TLS, is noted."""
        if not event.endswith(("connect_tcp.complete", "start_tls.complete")):
            return
        connected = info["return_value"].get_extra_info("socket")
        with self._lock:
            self._sockets.add(connected)
            if self._is_closed:
                _shut(connected)


def _shut(connected: socket.socket) -> None:
    try:
        # Not the TLS socket's own method: that one drops what a reader is using right now.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
    except OSError:
        return  # it is not connected any more, which is what is wanted


def _close_all(clients: Iterable[httpx.Client]) -> None:
    for client in clients:
        client.close()


@dataclass(frozen=True)
class _ClientKind:
    """How clients for one URL are made."""

    headers: Mapping[str, str]
    is_local: bool
    """A proxy from the environment is for the world outside, not for a server on this machine."""
    encryption: ssl.SSLContext
    """Made once, since loading certificates takes 20 ms; without them where none is checked."""

    @classmethod
    def of(cls, url: str, headers: Mapping[str, str]) -> "_ClientKind":
        is_local = _is_loopback(url)
        needs_tls = url.startswith("https") or not is_local
        encryption = httpx.create_ssl_context(verify=needs_tls, trust_env=not is_local)
        return cls(headers, is_local, encryption)

    def make(self) -> httpx.Client:
        """A client that keeps one connection open."""
        return httpx.Client(
            headers=dict(self.headers),
            limits=_LIMITS,
            trust_env=not self.is_local,
            verify=self.encryption,
        )


def _exchange(client: httpx.Client, request: httpx.Request, *, url: str, seconds: float) -> Answer:
    deadline = time.monotonic() + seconds
    response = client.send(request, stream=True)
    try:
        body = _read_body(response, deadline)
    finally:
        response.close()
    return Answer(url, response.status_code, body, dict(response.headers))


def _read_body(response: httpx.Response, deadline: float) -> bytes:
    """The whole body; a server that trickles gets no more time than one that is silent."""
    parts: list[bytes] = []
    num_bytes = 0
    for part in response.iter_bytes():
        parts.append(part)
        num_bytes += len(part)
        if num_bytes > MAX_ANSWER_BYTES:
            raise httpx.ReadError(f"the answer passed {MAX_ANSWER_BYTES} bytes")
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the answer did not end in time")
    return b"".join(parts)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
