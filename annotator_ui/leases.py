"""Who is at work on which video now, so that two do not take the same one from an open list.

A lease is a courtesy: it ends by itself, and one that has ended never keeps anybody from saving.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

LEASE_SECONDS = 150.0
"""Two and a half heartbeats of a page."""


@dataclass(frozen=True)
class Lease:
    """One person's hold on one video."""

    user: str
    until: float
    """Seconds since the epoch."""


@dataclass
class Leases:
    """All leases of one server; a restart forgets them, and pages ask again."""

    now: Callable[[], float] = time.time
    _held: dict[str, Lease] = field(default_factory=dict)
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, video_id: str, user: str) -> Lease:
        """The lease that holds after asking: the person's own, or that of who was first."""
        with self._mutex:
            held = self._held.get(video_id)
            if held is not None and held.user != user and held.until > self.now():
                return held
            self._give_back(user)
            lease = Lease(user, self.now() + LEASE_SECONDS)
            self._held[video_id] = lease
            return lease

    def held_by_others(self, user: str) -> set[str]:
        """Ids of the videos on which somebody else is at work."""
        with self._mutex:
            now = self.now()
            leases = self._held.items()
            return {id_ for id_, held in leases if held.user != user and held.until > now}

    def _give_back(self, user: str) -> None:
        """A person is at one video at a time."""
        mine = [id_ for id_, lease in self._held.items() if lease.user == user]
        for video_id in mine:
            del self._held[video_id]
