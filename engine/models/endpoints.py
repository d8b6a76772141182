"""Which endpoint takes the next request: the least loaded of those that are usable."""

import hashlib
import random
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.errors import ServiceError

Probe = Callable[[str], str | None]
"""Asks the endpoint at a URL for a sign of life: None, or what was seen instead."""

LONGEST_PAUSE_SECONDS = 30.0
_EVENT_OR_CLIP_PART = re.compile(r"_E\d+(C\d+)?$")


@dataclass
class _Endpoint:
    url: str
    in_flight: int = 0
    opens_at: float = 0.0
    """On the monotonic clock; nothing is sent before."""
    is_down: bool = False
    """It failed, and must show a sign of life before it is used again."""
    is_probed: bool = False
    num_pauses: int = 0
    """In a row, since it last answered."""
    seen: str = "nothing sent yet"


class EndpointPool:
    """Endpoints shared by many threads, with what is known of their health."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        probe: Probe,
        patience_seconds: float,
        first_pause_seconds: float,
    ) -> None:
        self._endpoints = {url: _Endpoint(url) for url in urls}
        self._probe = probe
        self._patience_seconds = patience_seconds
        self._first_pause_seconds = first_pause_seconds
        self._changed = threading.Condition()
        self._last_served_at = float("-inf")

    def acquire(self, item_id: str, *, avoid: str | None = None) -> str:
        """The URL that takes this item now; waits for one. Pair it with `release`.

        Least outstanding first; where loads are equal, all items of a video go to the same one,
        so that its caches serve. `avoid` is taken only if no other is usable. Raises
        `ServiceError` when none was usable for `patience_seconds`.
        """
        give_up_at = time.monotonic() + self._patience_seconds
        while True:
            endpoint, must_probe = self._next_usable(item_id, avoid, give_up_at)
            if not must_probe:
                return endpoint.url
            self._revive(endpoint)

    def release(self, url: str) -> None:
        """A request sent to `url` is over, well or not."""
        with self._changed:
            self._endpoints[url].in_flight -= 1

    def served(self, url: str) -> None:
        """`url` answered: whatever was held against it is forgotten."""
        with self._changed:
            endpoint = self._endpoints[url]
            if endpoint.is_down:
                endpoint.is_down, endpoint.opens_at = False, 0.0
            endpoint.num_pauses, endpoint.seen = 0, "it answered"
            self._last_served_at = time.monotonic()
            self._changed.notify_all()

    def down(self, url: str, seen: str, *, pause_seconds: float = 0.0) -> None:
        """`url` looks dead: it is probed before it is used again, and ever later as probes fail.

        The first probe comes at once, since a lone dropped connection is mostly an idle one that
        the server closed.
        """
        with self._changed:
            endpoint = self._endpoints[url]
            endpoint.seen = seen
            # All that was under way there fails together: one death, one pause.
            if not endpoint.is_down:
                endpoint.is_down = True
                self._pause(endpoint, pause_seconds)

    def busy(self, url: str, seen: str, *, pause_seconds: float = 0.0) -> None:
        """`url` is alive but wants fewer requests: leave it in peace for a growing time."""
        with self._changed:
            endpoint = self._endpoints[url]
            endpoint.seen = seen
            self._pause(endpoint, max(self._grown_pause(endpoint.num_pauses), pause_seconds))

    def has_served_since(self, moment: float) -> bool:
        """Whether any endpoint answered anything after `moment` (monotonic clock)."""
        with self._changed:
            return self._last_served_at > moment

    def _next_usable(
        self, item_id: str, avoid: str | None, give_up_at: float
    ) -> tuple[_Endpoint, bool]:
        """An endpoint to use (counted as in flight) and False, or one to probe first and True."""
        with self._changed:
            while True:
                now = time.monotonic()
                due = [e for e in self._endpoints.values() if e.opens_at <= now and not e.is_probed]
                # A dead one that is due comes first: otherwise it would stay aside for as long
                # as any other is well.
                if to_probe := next((e for e in due if e.is_down), None):
                    to_probe.is_probed = True
                    return to_probe, True
                if due:
                    endpoint = _least_loaded(due, item_id, avoid)
                    endpoint.in_flight += 1
                    return endpoint, False
                self._wait(now, give_up_at)

    def _wait(self, now: float, give_up_at: float) -> None:
        opens_at = min(
            (e.opens_at for e in self._endpoints.values() if not e.is_probed), default=give_up_at
        )
        is_hopeless = opens_at > give_up_at and not any(
            e.is_probed for e in self._endpoints.values()
        )
        if now >= give_up_at or is_hopeless:
            raise ServiceError(self._obituary())
        self._changed.wait(min(opens_at, give_up_at) - now)

    def _revive(self, endpoint: _Endpoint) -> None:
        seen: str | None = "the probe was interrupted"
        try:
            seen = self._probe(endpoint.url)
        finally:
            with self._changed:
                endpoint.is_probed = False
                if seen is None:
                    self.served(endpoint.url)
                else:
                    endpoint.seen = seen
                    self._pause(endpoint, self._grown_pause(endpoint.num_pauses - 1))

    def _pause(self, endpoint: _Endpoint, pause_seconds: float) -> None:
        now = time.monotonic()
        # Requests that were under way together fail together: that is one pause, not many.
        if endpoint.opens_at <= now:
            endpoint.num_pauses += 1
        endpoint.opens_at = max(endpoint.opens_at, now + pause_seconds)
        self._changed.notify_all()

    def _grown_pause(self, num_before: int) -> float:
        longest = min(LONGEST_PAUSE_SECONDS, max(self._patience_seconds / 4, 0.01))
        return pause_before_retry(num_before, first=self._first_pause_seconds, longest=longest)

    def _obituary(self) -> str:
        seen = "; ".join(f"{e.url}: {e.seen}" for e in self._endpoints.values())
        first_url = next(iter(self._endpoints))
        return (
            f"no endpoint was usable within {self._patience_seconds:g} s ({seen}). "
            f"Is the server up? Try `curl {first_url}/models`, look at its log, and run the same "
            "command again: what is done is kept"
        )


def pause_before_retry(num_before: int, *, first: float, longest: float) -> float:
    """Seconds to wait after `num_before` earlier failures: doubling, with jitter, up to a bound."""
    grown = min(first * 2.0 ** min(num_before, 30), longest)
    return grown * random.uniform(0.75, 1.25)


def video_part(item_id: str) -> str:
    """The video that a clip's, an event's or a video's id is about."""
    return _EVENT_OR_CLIP_PART.sub("", item_id)


def _least_loaded(endpoints: list[_Endpoint], item_id: str, avoid: str | None) -> _Endpoint:
    others = [endpoint for endpoint in endpoints if endpoint.url != avoid] or endpoints
    video_id = video_part(item_id)
    return min(others, key=lambda e: (e.in_flight, _affinity(e.url, video_id)))


def _affinity(url: str, video_id: str) -> bytes:
    """Rendezvous hashing: losing one endpoint moves only the videos that it had."""
    return hashlib.blake2b(f"{url}\n{video_id}".encode(), digest_size=8).digest()
