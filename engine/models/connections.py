"""HTTP exchanges with the endpoints that another thread can break off at once."""

import ipaddress
import socket
import threading
import time
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx

from engine.errors import ServiceError
from engine.models.openai_faults import Answer

CONNECT_SECONDS = 10.0
KEEPALIVE_SECONDS = 3.0
"""Below the 5 s after which uvicorn closes idle connections, else requests run into the closing."""
MAX_ANSWER_BYTES = 16 * 2**20


class Connections:
    """One HTTP client per URL, shared by many threads."""

    def __init__(
        self, urls: Sequence[str], *, headers: Mapping[str, str], most_idle_per_url: int
    ) -> None:
        self._clients = {
            url: _http_client(url, headers=headers, most_idle=most_idle_per_url) for url in urls
        }
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._num_under_way = 0
        self._is_closed = False
        # Whoever forgets to close must not leave sockets behind.
        self._close_clients = weakref.finalize(self, _close_all, tuple(self._clients.values()))

    def exchange(
        self, url: str, path: str, content: bytes | None, *, timeout_seconds: float, tag: str = ""
    ) -> Answer:
        """One POST (GET without content), read to its end in time.

        Raises `httpx.RequestError`, and `ServiceError` once it is closed.
        """
        self._enter()
        try:
            return self._exchange(url, path, content, seconds=timeout_seconds, tag=tag)
        finally:
            self._leave()

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

    def _enter(self) -> None:
        with self._lock:
            if self._is_closed:
                raise ServiceError("the connections were closed while items were under way")
            self._num_under_way += 1

    def _leave(self) -> None:
        with self._lock:
            self._num_under_way -= 1
            is_last = self._is_closed and not self._num_under_way
        if is_last:
            self._close_clients()

    def _exchange(
        self, url: str, path: str, content: bytes | None, *, seconds: float, tag: str
    ) -> Answer:
        deadline = time.monotonic() + seconds
        request = self._clients[url].build_request(
            "GET" if content is None else "POST",
            url + path,
            content=content,
            headers={"X-Request-Id": tag} if tag else {},
            timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
            extensions={"trace": self._note_socket},
        )
        response = self._clients[url].send(request, stream=True)
        try:
            body = _read_body(response, deadline)
        finally:
            response.close()
        return Answer(url, response.status_code, body, dict(response.headers))

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


def _http_client(url: str, *, headers: Mapping[str, str], most_idle: int) -> httpx.Client:
    limits = httpx.Limits(
        max_connections=None,
        max_keepalive_connections=most_idle,
        keepalive_expiry=KEEPALIVE_SECONDS,
    )
    # A proxy from the environment is for the world outside, not for a server on this machine;
    # without TLS there, loading the certificates would be time lost.
    is_local = _is_loopback(url)
    needs_tls = url.startswith("https") or not is_local
    return httpx.Client(
        headers=dict(headers), limits=limits, trust_env=not is_local, verify=needs_tls
    )


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
