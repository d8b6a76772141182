"""Local TCP ports that stay free for a server also while it is being started again."""

import random
import socket

from engine.errors import ServiceError

HOST = "127.0.0.1"
"""Where our servers listen: they ask for no key, so nobody outside may reach them."""
_FIRST_PORT, _LAST_PORT = 20_000, 31_999
"""Below what systems give to outgoing connections (32768 and up on Linux, 49152 elsewhere): one
of those could else take a port for hours while its server restarts."""
_MOST_TRIES = 2000


def choose_ports(count: int) -> tuple[int, ...]:
    """Different ports on which nobody listens now. Raises `ServiceError` where there are none."""
    chosen: list[int] = []
    tried = random.sample(range(_FIRST_PORT, _LAST_PORT + 1), _MOST_TRIES)
    while len(chosen) < count:
        if not tried:
            raise ServiceError(
                f"found no {count} free ports on {HOST} from {_FIRST_PORT} to {_LAST_PORT}; end "
                "what listens there (`ss -ltn` lists it)"
            )
        if is_free(port := tried.pop()):
            chosen.append(port)
    return tuple(chosen)


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        # As servers do: connections that a dead one left behind are no hindrance.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except OSError:
            return False
    return True
