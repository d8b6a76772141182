"""Chat completions over HTTP: one item's body in, one checked envelope out, whatever happens."""

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import orjson
from pydantic import ValidationError

from engine.errors import ReplyError, ServiceError, UsageError
from engine.models.chat import Json
from engine.models.connections import Connections
from engine.models.endpoints import LONGEST_PAUSE_SECONDS, EndpointPool, pause_before_retry
from engine.models.openai_faults import Answer, Fault, KeySource, fault_of
from engine.models.openai_settings import OpenAiSettings
from engine.models.replies import ChatReply, ModelList, check_ids, is_about, request_tag
from engine.progress import Vitals
from engine.prompting import prompt_body

PROBE_SECONDS = 30.0


@dataclass(frozen=True)
class Completion:
    """A reply whose envelope is sound and whose id is not another item's."""

    reply: ChatReply
    seconds: float
    """Wall time of the attempt that succeeded."""
    url: str
    """The endpoint that it came from."""
    is_named: bool
    """Whether its id repeats the request's; else it is an id that the server made up."""


@dataclass
class _Strikes:
    """What one item has gone through so far."""

    num_left: int
    first_failed_at: float | None = None
    num_seen: int = 0


class ChatClient:
    """Sends bodies to the settings' endpoints; made once, shared by all threads."""

    def __init__(self, settings: OpenAiSettings) -> None:
        self._settings = settings
        self._keys = _key_from_environment(settings.api_key_env)
        self.urls = tuple(url.rstrip("/") for url in settings.endpoints)
        self._connections = Connections(
            self.urls,
            headers={"Content-Type": "application/json"} | self._keys.headers(),
        )
        self._pool = EndpointPool(
            self.urls,
            probe=self.sign_of_life,
            patience_seconds=settings.patience_seconds,
            first_pause_seconds=settings.first_pause_seconds,
        )
        self._closing = threading.Event()

    @property
    def keys(self) -> KeySource:
        """Where the key comes from; scrubs it from texts."""
        return self._keys

    def describe(self, error: httpx.RequestError) -> str:
        """What went wrong on the way, in words fit for a message."""
        return self._keys.scrubbed(f"{type(error).__name__}: {error}".rstrip(": "))

    def close(self) -> None:
        """Break off what is under way and end all pauses; its items raise `ServiceError`."""
        self._closing.set()
        self._pool.close()
        self._connections.close()

    def vitals(self) -> Vitals:
        """How the endpoints are."""
        return self._pool.vitals()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called: it sends nothing any more."""
        return self._closing.is_set()

    def complete(self, item_id: str, body: Mapping[str, Json]) -> Completion:
        """Get the completion for one item, over as many attempts and endpoints as allowed.

        Raises `ReplyError` when this item is at fault or out of attempts, `ServiceError` when
        nothing can be had from any endpoint.
        """
        content = orjson.dumps(body)
        strikes = _Strikes(num_left=self._settings.max_retries)
        last_url: str | None = None
        place = self._pool.place_in_line()
        while True:
            last_url = self._pool.acquire(item_id, avoid=last_url, place=place)
            started_at = time.monotonic()
            try:
                outcome = self._attempt(last_url, content, item_id)
            finally:
                self._pool.release(last_url)
            if isinstance(outcome, ChatReply):
                usage = outcome.usage
                self._pool.served(last_url, num_tokens=usage.completion_tokens if usage else 0)
                seconds = time.monotonic() - started_at
                return Completion(outcome, seconds, last_url, is_about(item_id, outcome.id))
            self._after_fault(last_url, outcome, item_id, strikes, started_at)

    def complete_at(self, url: str, item_id: str, body: Mapping[str, Json]) -> ChatReply | Fault:
        """One attempt at one endpoint, past the pool; for checks at the start."""
        return self._attempt(url, orjson.dumps(body), item_id)

    def served_models(self, url: str) -> tuple[str, ...] | Answer:
        """The ids that GET /models lists, or the answer that is no such list.

        Raises `httpx.RequestError` where there is no answer.
        """
        answer = self._connections.exchange(url, "/models", None, timeout_seconds=PROBE_SECONDS)
        if answer.status != 200:
            return answer
        try:
            return tuple(model.id for model in ModelList.model_validate_json(answer.body).data)
        except ValidationError:
            return answer

    def sign_of_life(self, url: str) -> str | None:
        """None if the endpoint's engine answers a one-token request in any sane way.

        A list of models is no such sign: it is answered by servers whose engine has died. Raises
        `ServiceError` where the answer is that no request can be served.
        """
        outcome = self._ask_one_token(url)
        if isinstance(outcome, Fault) and outcome.kind != "busy":
            return f"to a one-token request: {outcome.seen}"
        return None

    def _ask_one_token(self, url: str) -> ChatReply | ReplyError | Fault:
        body = self._settings.sampling_fields() | {
            self._settings.max_tokens_field: 1,
            "messages": [{"role": "user", "content": prompt_body("check_alive")}],
        }
        seconds = min(PROBE_SECONDS, self._settings.timeout_seconds)
        try:
            return self._attempt(url, orjson.dumps(body), "probe", seconds=seconds)
        except ReplyError as error:
            return error

    def _attempt(
        self, url: str, content: bytes, item_id: str, *, seconds: float | None = None
    ) -> ChatReply | Fault:
        tag = request_tag(item_id)
        seconds = seconds or self._settings.timeout_seconds
        try:
            answer = self._connections.exchange(
                url, "/chat/completions", content, timeout_seconds=seconds, tag=tag
            )
        except (httpx.ReadTimeout, httpx.WriteTimeout):
            return Fault("timed_out", f"no reply within {seconds:g} s")
        except httpx.DecodingError as error:
            return Fault("garbled", self.describe(error))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Fault("unreachable", self.describe(error))
        except httpx.TransportError as error:
            return Fault("down", self.describe(error))
        if answer.status == 404:
            raise ServiceError(self._not_found(answer))
        if answer.status != 200:
            return fault_of(answer, item_id, self._keys)
        return self._read(answer, item_id)

    def _read(self, answer: Answer, item_id: str) -> ChatReply | Fault:
        try:
            reply = ChatReply.model_validate_json(answer.body)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in problem["loc"]) or "the whole"
            text = self._keys.scrubbed(answer.body.decode("utf-8", errors="replace"))
            return Fault(
                "garbled", f"HTTP 200 with no chat completion ({where}: {problem['msg']}): {text}"
            )
        if reply.choices[0].finish_reason == "abort":
            return Fault("down", "HTTP 200 with a reply that was broken off: the server is ending")
        check_ids(item_id, (reply.id, answer.headers.get("x-request-id")))
        return reply

    def _after_fault(
        self, url: str, fault: Fault, item_id: str, strikes: _Strikes, started_at: float
    ) -> None:
        """Pause, set the endpoint aside, or raise when this item has had its share."""
        strikes.num_seen += 1
        strikes.first_failed_at = strikes.first_failed_at or started_at
        if fault.kind == "busy":
            self._pool.busy(url, fault.seen, pause_seconds=fault.pause_seconds)
            self._check_never_admitted(url, fault, item_id, strikes.first_failed_at)
            return
        # A hung engine must not take attempt after attempt: it shows a sign of life first.
        is_hung = fault.kind == "timed_out" and not self._pool.has_served_since(started_at, url)
        if is_hung or fault.kind in ("unreachable", "down"):
            self._pool.down(url, fault.seen, pause_seconds=fault.pause_seconds)
        elif fault.kind == "timed_out":
            # It serves others, so it has more than it can do in the time: send it less.
            self._pool.busy(url, fault.seen)
        if fault.kind == "unreachable":
            return
        strikes.num_left -= 1
        if strikes.num_left < 0 and self._is_item_guilty(url, fault, strikes.first_failed_at):
            raise _out_of_attempts(fault, item_id, strikes.num_seen)
        if fault.kind != "down":
            self._pause(fault, strikes.num_seen)

    def _is_item_guilty(self, url: str, fault: Fault, first_failed_at: float) -> bool:
        """Whether the failures are this item's doing, not the endpoint's.

        An engine that dies or hangs takes everything under way with it, and its rejects would
        look like bad clips. So an item is given up only if the endpoint served others in the
        meantime, or shows a sign of life right after; else the endpoint is set aside.
        """
        if self._pool.has_served_since(first_failed_at, url):
            return True
        if fault.kind == "down":
            return False
        seen = self.sign_of_life(url)
        if seen is not None:
            self._pool.down(url, seen)
        return seen is None

    def _check_never_admitted(self, url: str, fault: Fault, item_id: str, since: float) -> None:
        """Go on waiting while others are served: how long a line is says nothing about an item.

        Where nothing was served for as long as patience lasts, a one-token request tells an
        account that is exhausted from an item that is too large for it.
        """
        patience_seconds = self._settings.patience_seconds
        now = time.monotonic()
        if now - since <= patience_seconds or self._pool.has_served_since(now - patience_seconds):
            return
        waited = f"for {now - since:.0f} s ({fault.seen})"
        if not isinstance(self._ask_one_token(url), ChatReply):
            raise ServiceError(
                f"every request was put off {waited}; lower concurrency, raise the account's "
                "limits, or run the same command again later"
            )
        raise ReplyError(
            "request_rejected",
            f"{item_id}: put off {waited}, though a one-token request was admitted; it seems "
            "larger than the account's limit per minute",
        )

    def _pause(self, fault: Fault, num_seen: int) -> None:
        grown = pause_before_retry(
            num_seen - 1, first=self._settings.first_pause_seconds, longest=LONGEST_PAUSE_SECONDS
        )
        self._closing.wait(max(grown, min(fault.pause_seconds, self._settings.patience_seconds)))

    def _not_found(self, answer: Answer) -> str:
        said = self._keys.scrubbed(answer.body.decode("utf-8", errors="replace"))
        try:
            served = self.served_models(answer.url)
        except httpx.RequestError as error:
            return f"{answer.url} answered HTTP 404: {said}; GET /models: {self.describe(error)}"
        listed = f"it answers HTTP {served.status}" if isinstance(served, Answer) else served
        return (
            f"{answer.url} answered HTTP 404 ({said}) for the model {self._settings.model!r}; "
            f"GET /models there: {listed}. Set model to one that is served, or mend the URL "
            "(it mostly ends in /v1), and run the same command again"
        )


def _key_from_environment(variable: str) -> KeySource:
    key = os.environ.get(variable, "").strip()
    # An HTTP library would quote the whole header when it refuses such a key.
    if not key.isascii() or any(c.isspace() or not c.isprintable() for c in key):
        raise UsageError(
            f"the key in the environment variable {variable} has characters that no HTTP header "
            "can carry (a line break, a space, a letter outside ASCII); export it again"
        )
    return KeySource(variable, key)


def _out_of_attempts(fault: Fault, item_id: str, num_attempts: int) -> ReplyError:
    tried = f"{item_id}: {num_attempts} attempts failed, the last with: {fault.seen}"
    if fault.kind == "timed_out":
        return ReplyError(
            "engine_timeout", f"{tried}. Raise timeout_seconds or lower concurrency, then retry it"
        )
    if fault.kind == "garbled":
        return ReplyError("reply_not_json", f"{tried}. Look for a proxy that cuts replies")
    return ReplyError(
        "engine_dead",
        f"{tried}, while the endpoint serves other requests. Look for {item_id} in its log",
    )
