"""What an answer that is no reply means: try again, elsewhere or never."""

import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

import orjson

from engine.errors import ReplyError, ServiceError

_TOO_LONG = re.compile(
    r"context[ _](length|window|size)|too (long|many tokens)|max_model_len|longer than the maximum"
    r"|maximum (context|model|sequence|input|prompt|number of (input )?tokens|length|tokens)"
    r"|exceeds? the (maximum|available|context|limit)|string_above_max_length",
    re.IGNORECASE,
)
_OUT_OF_MONEY = re.compile(r"insufficient_quota|exceeded your current quota|billing", re.IGNORECASE)
_TOO_LARGE_FOR_ACCOUNT = re.compile(r"request too large", re.IGNORECASE)
"""With a 429, OpenAI and Groq mean one request beyond the account's limit per minute."""
_ENGINE_GONE = re.compile(r"EngineCore|EngineDead|engine is dead", re.IGNORECASE)
"""What vLLM says to all that is under way when its engine has died; it ends soon after."""
QUOTED_CHARACTERS = 300
GUILTY_STATUSES = (400, 413, 422)
"""The request itself is at fault: sending it again changes nothing."""
DOWN_STATUSES = (502, 503, 504)


@dataclass(frozen=True)
class Fault:
    """An attempt that failed in a way that may pass."""

    kind: Literal["unreachable", "down", "busy", "failed", "timed_out", "garbled"]
    """`unreachable`: the request never got there; `down`: the endpoint looks dead; `busy`: it asks
    for a pause; `failed`: it answered with an error of its own; `garbled`: HTTP 200 with something
    that is no reply."""
    seen: str
    pause_seconds: float = 0.0
    """What Retry-After asked for."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read to its end."""

    url: str
    status: int
    body: bytes
    headers: dict[str, str]
    """Names in lower case."""


@dataclass(frozen=True)
class KeySource:
    """Where the key comes from, and the key itself, which no message may show."""

    variable: str
    key: str

    def __repr__(self) -> str:
        return f"KeySource({self.variable})"

    def headers(self) -> dict[str, str]:
        """What carries the key; nothing where there is none."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def scrubbed(self, text: str) -> str:
        """The text on one line, shortened, without the key."""
        line = " ".join(text.split())
        if self.key:
            line = line.replace(self.key, "***")
        return line if len(line) <= QUOTED_CHARACTERS else line[:QUOTED_CHARACTERS] + " …"


def fault_of(answer: Answer, item_id: str, keys: KeySource) -> Fault:
    """Judge an answer whose status is not 200.

    Raises `ReplyError` where this request is at fault, `ServiceError` where every request is.
    404 is left to the caller, who can ask what is served.
    """
    said = keys.scrubbed(server_message(answer.body))
    seen = f"HTTP {answer.status}: {said or 'no message'}"
    if answer.status in GUILTY_STATUSES:
        raise _guilty(answer.status, item_id, said)
    if answer.status in (401, 403):
        raise ServiceError(refused_key(answer.url, seen, keys))
    if answer.status == 402 or (answer.status == 429 and _OUT_OF_MONEY.search(said)):
        raise ServiceError(f"{answer.url} says the account is used up ({seen}); top it up, re-run")
    if answer.status == 429 and _TOO_LARGE_FOR_ACCOUNT.search(said):
        raise _guilty(answer.status, item_id, said)
    pause_seconds = retry_after_seconds(answer.headers.get("retry-after"))
    if answer.status == 429:
        return Fault("busy", seen, pause_seconds)
    if answer.status in DOWN_STATUSES or (answer.status == 500 and _ENGINE_GONE.search(said)):
        return Fault("down", seen, pause_seconds)
    if answer.status in (408, 409, 425) or answer.status >= 500:
        return Fault("failed", seen, pause_seconds)
    raise ServiceError(
        f"{answer.url} answered {seen} to a chat completion for {item_id}; check that the "
        f"endpoint's URL is the base of an OpenAI-compatible API (location: "
        f"{answer.headers.get('location', 'none')})"
    )


def refused_key(url: str, seen: str, keys: KeySource) -> str:
    """The message for a 401 or 403: names the variable, never the key."""
    state = "is set but was refused" if keys.key else "is not set"
    return (
        f"{url} refused access ({seen}); the key is read from the environment variable "
        f"{keys.variable}, which {state}. Export the right key and run the same command again"
    )


def server_message(body: bytes) -> str:
    """The words in an error body: OpenAI's `error.message`, FastAPI's `detail`, or all of it."""
    text = body.decode("utf-8", errors="replace")
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return text
    if not isinstance(parsed, dict):
        return text
    error = parsed.get("error")
    if isinstance(error, dict):
        named = [error.get(key) for key in ("message", "code", "type")]
        return " ".join(str(part) for part in named if part is not None)
    found = error or parsed.get("message") or parsed.get("detail")
    return found if isinstance(found, str) else text


def retry_after_seconds(header: str | None) -> float:
    """Seconds that a Retry-After header asks for, given as a number or a date; 0 for none."""
    if header is None:
        return 0.0
    if re.fullmatch(r"\d+(\.\d+)?", header.strip()):
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0  # neither form the standard knows, so it says nothing


def _guilty(status: int, item_id: str, said: str) -> ReplyError:
    if status in (413, 429) or _TOO_LONG.search(said):
        return ReplyError(
            "request_too_long",
            f"{item_id}: HTTP {status}: {said}. Use fewer or smaller frames, a shorter prompt, "
            "or a server with a larger context",
        )
    return ReplyError(
        "request_rejected",
        f"{item_id}: HTTP {status}: {said}. The server refuses this request for good; "
        "compare the settings with what the model supports",
    )
