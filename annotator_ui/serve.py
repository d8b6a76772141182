"""Runs the server until it is told to stop: binds, opens the log, serves, publishes at the end."""

import ipaddress
import logging
import os
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path

import uvicorn

from annotator_ui.accounts import Accounts
from annotator_ui.office import open_office
from annotator_ui.server import build_app
from engine.dataset import Dataset
from engine.errors import UsageError

logger = logging.getLogger(__name__)

_STARTING_SECONDS = 30.0
_SWITCH_SECONDS = 0.001


@dataclass(frozen=True)
class ServeOptions:
    """Where to listen, and how."""

    host: str = "127.0.0.1"
    port: int = 7860
    """0: any that is free."""
    opens_browser: bool = True
    has_shell: bool = True
    tls_cert: Path | None = None
    tls_key: Path | None = None

    @property
    def is_secure(self) -> bool:
        """Whether it speaks TLS itself."""
        return self.tls_cert is not None


def serve(dataset: Dataset, options: ServeOptions, *, say: Callable[[str], None] = print) -> None:
    """Serve until interrupted. `say` is told the address once it answers.

    Raises `UsageError` where the port is taken, another server has the log, or people from
    elsewhere could come in without an account.
    """
    # A page waits for its answer while another thread publishes: have them take turns quickly.
    sys.setswitchinterval(_SWITCH_SECONDS)
    local_user = _local_user(dataset, options)
    listener = _listen(options)
    try:
        # Before Gradio is imported: it would report home.
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        with open_office(dataset, local_user=local_user) as office:
            app = build_app(office, has_shell=options.has_shell)
            config = uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                server_header=False,
                ssl_certfile=options.tls_cert,
                ssl_keyfile=options.tls_key,
                timeout_graceful_shutdown=3,
            )
            server = uvicorn.Server(config)
            announcer = threading.Thread(
                target=_announce, args=(server, _url(listener, options), options, say), daemon=True
            )
            announcer.start()
            server.run(sockets=[listener])
    finally:
        listener.close()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _local_user(dataset: Dataset, options: ServeOptions) -> str | None:
    """The one person of this machine; None: there are accounts, so everybody signs in."""
    if Accounts.of(dataset).all():
        return None
    if not is_loopback(options.host):
        raise UsageError(
            f"--host {options.host} lets others in, so they need accounts: add each with "
            "`vau-data annotators add NAME`, then start again; without --host the pages are for "
            "this machine alone and need none"
        )
    try:
        return getuser()
    except (KeyError, OSError):
        return "local"


def _listen(options: ServeOptions) -> socket.socket:
    with ExitStack() as closing:
        try:
            family = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)[0][0]
            listener = closing.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((options.host, options.port))
            listener.listen(2048)
        except OSError as error:
            raise UsageError(
                f"cannot listen on {options.host} port {options.port} ({error.strerror}); give "
                "another with --port, or stop what uses it"
            ) from error
        closing.pop_all()
        return listener


def _url(listener: socket.socket, options: ServeOptions) -> str:
    port = listener.getsockname()[1]
    host = f"[{options.host}]" if ":" in options.host else options.host
    if options.host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    return f"{'https' if options.is_secure else 'http'}://{host}:{port}/"


def _announce(
    server: uvicorn.Server, url: str, options: ServeOptions, say: Callable[[str], None]
) -> None:
    deadline = time.monotonic() + _STARTING_SECONDS
    while not server.started:
        if time.monotonic() > deadline or server.should_exit:
            return
        time.sleep(0.02)
    say(url)
    if options.opens_browser:
        webbrowser.open(url)
