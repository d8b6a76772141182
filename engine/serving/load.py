"""Requests made beforehand, sent as fast as a server takes them: the ceiling to compare with."""

import asyncio
import itertools
import re
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

import orjson

from engine.errors import ServiceError
from engine.models.replies import request_tag

_PATIENCE_SECONDS = 300.0
_SECONDS_BETWEEN_LOOKS = 0.05
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Arrival(NamedTuple):
    """A reply that came."""

    moment: float
    """On the monotonic clock."""
    num_tokens: int
    """What the model said, as the server counts."""


@dataclass(frozen=True)
class Load:
    """What is sent where."""

    urls: tuple[str, ...]
    bodies: Sequence[bytes]
    """Complete; sent in turn, from the first again after the last."""
    concurrency: int
    """Connections over all URLs; each sends its next request as soon as it has its reply."""
    headers: Mapping[str, str]


def send_for(load: Load, *, seconds: float) -> list[Arrival]:
    """Keep every connection busy for so long after the first reply.

    Raises `ServiceError` at the first odd answer, and where no reply comes.
    """
    return asyncio.run(_send_all(load, seconds))


async def _send_all(load: Load, seconds: float) -> list[Arrival]:
    arrivals: list[Arrival] = []
    bodies = itertools.cycle(load.bodies)
    urls = itertools.islice(itertools.cycle(load.urls), load.concurrency)
    sending = [
        asyncio.create_task(_keep_sending(url, load.headers, bodies, arrivals)) for url in urls
    ]
    # A connection ends by an error only; the others go on until the time is over.
    failed, busy = await _wait_for_a_reply(sending, arrivals)
    if not failed and arrivals:
        failed, busy = await asyncio.wait(
            sending, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION
        )
    for task in busy:
        task.cancel()
    await asyncio.gather(*busy, return_exceptions=True)
    for error in [task.exception() for task in failed]:
        if not isinstance(error, OSError | EOFError | ServiceError):
            raise error or AssertionError("a connection ended without an error")
        raise ServiceError(
            f"a raw request to {', '.join(load.urls)} failed ({type(error).__name__}: {error}); is "
            "the server up, and does it take this model and these frames? See its log"
        ) from error
    if not arrivals:
        raise ServiceError(
            f"{', '.join(load.urls)}: no reply within {_PATIENCE_SECONDS:g} s; is it up and well?"
        )
    return arrivals


async def _wait_for_a_reply(
    sending: Sequence[asyncio.Task[None]], arrivals: Sequence[Arrival]
) -> tuple[set[asyncio.Task[None]], set[asyncio.Task[None]]]:
    """Until one has come, one has failed, or patience is at its end: (failed, still busy)."""
    gives_up_at = time.monotonic() + _PATIENCE_SECONDS
    while True:
        failed, busy = await asyncio.wait(
            sending, timeout=_SECONDS_BETWEEN_LOOKS, return_when=asyncio.FIRST_EXCEPTION
        )
        if failed or arrivals or time.monotonic() > gives_up_at:
            return failed, busy


async def _keep_sending(
    url: str, headers: Mapping[str, str], bodies: Iterator[bytes], arrivals: list[Arrival]
) -> None:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    encryption = ssl.create_default_context() if parts.scheme == "https" else None
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=encryption)
    lines = [f"POST {parts.path}/chat/completions HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    fixed_head = "\r\n".join([*lines, "Content-Type: application/json"]).encode()
    try:
        for body in bodies:
            tag = request_tag("raw")
            own_head = f"\r\nX-Request-Id: {tag}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            writer.writelines((fixed_head, own_head, body))
            await writer.drain()
            num_tokens = await _read_tokens(reader)
            arrivals.append(Arrival(time.monotonic(), num_tokens))
    finally:
        writer.close()


async def _read_tokens(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    body = await reader.readexactly(int(length[1])) if length else b""
    if not head.startswith(b"HTTP/1.1 200") or not body:
        status = head.splitlines()[0].decode("latin-1")
        raise ServiceError(f"{status}: {body.decode('utf-8', errors='replace'):.300}")
    counted = orjson.loads(body).get("usage") or {}
    if "completion_tokens" not in counted:
        raise ServiceError("the server does not say in `usage` how many tokens it made")
    return int(counted["completion_tokens"])
