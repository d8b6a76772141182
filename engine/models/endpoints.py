"""Which endpoint takes the next request, and whose it is: the least loaded, first come."""

import hashlib
import itertools
import math
import random
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.errors import ServiceError
from engine.progress import Vitals

Probe = Callable[[str], str | None]
"""Asks the endpoint at a URL for a sign of life: None, or what was seen instead."""

LONGEST_PAUSE_SECONDS = 30.0
_LEANING = 16
"""Where loads are high, one request in so many more may lie at an endpoint for its own videos'
sake: always the least loaded would be whichever has just answered, and no video would stay."""
_EVENT_OR_CLIP_PART = re.compile(r"_E\d+(C\d+)?$")


@dataclass
class _Endpoint:
    url: str
    in_flight: int = 0
    most_in_flight: float = math.inf
    """Less after it asked for fewer requests; one more with each answer."""
    opens_at: float = 0.0
    """On the monotonic clock; nothing is sent before."""
    is_down: bool = False
    """It failed, and must show a sign of life before it is used again."""
    is_probed: bool = False
    num_pauses: int = 0
    """In a row, since it last answered."""
    served_at: float = -math.inf
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
        self._places = itertools.count()
        self._line: set[int] = set()
        """The places of those that wait."""
        self._num_tokens = 0
        self._is_closed = False

    def place_in_line(self) -> int:
        """An item's place, for all its attempts: an item put off must not start at the end."""
        return next(self._places)

    def acquire(self, item_id: str, *, avoid: str | None = None, place: int | None = None) -> str:
        """The URL that takes this item now; waits for one. Pair it with `release`.

        First come, first served. Least outstanding first; where loads are about equal, all items
        of a video go to the same one, so that its caches serve. `avoid` is taken only if no other
        is usable. Raises `ServiceError` when none was usable, and nothing served, for
        `patience_seconds`, and once the pool is closed.
        """
        asked_at = time.monotonic()
        place = self.place_in_line() if place is None else place
        while True:
            endpoint, must_probe = self._next_usable(item_id, avoid, asked_at, place)
            if not must_probe:
                return endpoint.url
            self._revive(endpoint)

    def release(self, url: str) -> None:
        """A request sent to `url` is over, well or not."""
        with self._changed:
            self._endpoints[url].in_flight -= 1
            self._changed.notify_all()

    def close(self) -> None:
        """End all waiting, now and later, with a `ServiceError`."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def served(self, url: str, *, num_tokens: int = 0) -> None:
        """`url` answered, in so many tokens: whatever was held against it is forgotten."""
        with self._changed:
            endpoint = self._endpoints[url]
            if endpoint.is_down:
                endpoint.is_down, endpoint.opens_at = False, 0.0
            endpoint.num_pauses, endpoint.seen = 0, "it answered"
            endpoint.most_in_flight += 1
            self._num_tokens += num_tokens
            endpoint.served_at = time.monotonic()
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
        """`url` is alive but wants fewer requests: leave it in peace for a growing time.

        Half as many go there afterwards, in the order of their places: else all that wait would
        rush there at once, and the unlucky would be put off for ever.
        """
        with self._changed:
            endpoint = self._endpoints[url]
            endpoint.seen = seen
            if endpoint.opens_at <= time.monotonic():
                most = min(endpoint.most_in_flight, endpoint.in_flight + 1)
                endpoint.most_in_flight = max(1, most // 2)
            self._pause(endpoint, max(self._grown_pause(endpoint.num_pauses), pause_seconds))

    def has_served_since(self, moment: float, url: str | None = None) -> bool:
        """Whether `url`, or any endpoint, answered anything after `moment` (monotonic clock)."""
        with self._changed:
            asked = [self._endpoints[url]] if url else self._endpoints.values()
            return any(endpoint.served_at > moment for endpoint in asked)

    def vitals(self) -> Vitals:
        """How the endpoints are right now, in the order of the settings."""
        now = time.monotonic()
        with self._changed:
            loads = [
                None if e.is_down or e.opens_at > now else e.in_flight
                for e in self._endpoints.values()
            ]
            return Vitals(self._num_tokens, tuple(loads))

    def _next_usable(
        self, item_id: str, avoid: str | None, asked_at: float, place: int
    ) -> tuple[_Endpoint, bool]:
        """An endpoint to use (counted as in flight) and False, or one to probe first and True."""
        with self._changed:
            self._line.add(place)
            try:
                while (found := self._take(item_id, avoid, place)) is None:
                    self._wait(asked_at)
                return found
            finally:
                self._line.remove(place)
                self._changed.notify_all()

    def _take(self, item_id: str, avoid: str | None, place: int) -> tuple[_Endpoint, bool] | None:
        if self._is_closed:
            raise ServiceError("the endpoints were closed while items waited for one")
        now = time.monotonic()
        due = [e for e in self._endpoints.values() if e.opens_at <= now and not e.is_probed]
        # A dead one that is due comes first: otherwise it would stay aside for as long as any
        # other is well.
        if to_probe := next((e for e in due if e.is_down), None):
            to_probe.is_probed = True
            return to_probe, True
        with_room = [e for e in due if e.in_flight < e.most_in_flight]
        if not with_room or place > min(self._line):
            return None
        endpoint = _least_loaded(with_room, item_id, avoid)
        endpoint.in_flight += 1
        return endpoint, False

    def _wait(self, asked_at: float) -> None:
        """Until something changes; raises when nothing can, or did for too long."""
        now = time.monotonic()
        endpoints = self._endpoints.values()
        give_up_at = max(asked_at, *(e.served_at for e in endpoints)) + self._patience_seconds
        opening = [e.opens_at for e in endpoints if e.opens_at > now and not e.is_probed]
        # Others before this item in the line are about to be answered, well or not.
        if any(not e.is_down and (e.in_flight or e.opens_at <= now) for e in endpoints):
            self._changed.wait(min(opening) - now if opening else None)
            return
        is_hopeless = len(opening) == len(endpoints) and min(opening) > give_up_at
        if now >= give_up_at or is_hopeless:
            raise ServiceError(self._obituary())
        self._changed.wait(min([give_up_at, *opening]) - now)

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
    least = min(endpoint.in_flight for endpoint in others)
    near = [endpoint for endpoint in others if endpoint.in_flight <= least + least // _LEANING]
    return min(near, key=lambda endpoint: _affinity(endpoint.url, video_id))


def _affinity(url: str, video_id: str) -> bytes:
    """Rendezvous hashing: losing one endpoint moves only the videos that it had."""
    return hashlib.blake2b(f"{url}\n{video_id}".encode(), digest_size=8).digest()
