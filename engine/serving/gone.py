"""Answers at the port of a server that was given up: every request gets 410 and the reason.

A client that waits for its server to come back asks it for a sign of life from time to time, and
takes this answer as final for all it has to do; a port where nobody listens it would wait for.
"""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from engine.serving.ports import HOST

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.1


@contextmanager
def answer_gone(port: int, reason: str) -> Iterator[None]:
    """Answer inside the context; where somebody else has the port, nothing is answered."""
    try:
        server = _Server((HOST, port), partial(_Gone, reason))
    except OSError as error:
        logger.warning("cannot say at port %d that its server is gone: %s", port, error)
        yield
        return
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class _Gone(BaseHTTPRequestHandler):
    def __init__(self, reason: str, *connection: Any) -> None:
        self._reason = reason
        super().__init__(*connection)

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        # Read to its end: closed before that, the sender would see a reset and no answer.
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer()

    def log_message(self, *_arguments: object) -> None:
        """Nothing: standard error is for people."""

    def _answer(self) -> None:
        payload = json.dumps({"error": {"message": self._reason}}).encode()
        self.send_response(HTTPStatus.GONE)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)
