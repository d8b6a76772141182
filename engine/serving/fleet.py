"""Servers of a plan, kept running: started together, watched, started again, ended together.

Each has a thread that sees it through its lives. Who sends requests is told nothing: a server that
died comes back at the same URL, and until then its requests go to the others.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.errors import UsageError
from engine.serving.gone import answer_gone
from engine.serving.keeper import LONGEST_PAUSE_SECONDS, FleetSettings, Keeper, ServerHealth
from engine.serving.plan import ServerPlan
from engine.serving.ports import choose_ports
from engine.serving.server import Server

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_NEWS = 15.0


class Fleet:
    """All servers of a plan. A context manager: inside, every one of them was ready once.

    Entering raises `ServiceError` or `UsageError` where one cannot be started; none is left
    running then.
    """

    def __init__(
        self,
        servers: Sequence[ServerPlan],
        *,
        log_dir_path: Path,
        settings: FleetSettings,
        say: Callable[[str], None] = logger.info,
    ) -> None:
        if not servers:
            raise UsageError("there is no server to start; plan at least one")
        self._log_dir_path = log_dir_path
        self._settings = settings
        self._say = say
        self._changed = threading.Condition()
        self._gone = ExitStack()
        """What answers at the ports in place of the servers, when all were given up."""
        self._has_told = False
        ports = choose_ports(len(servers))
        self._keepers = tuple(map(self._keeper, servers, ports))
        self.urls = tuple(keeper.server.url for keeper in self._keepers)
        """With `/v1`; the same for as long as the fleet lives."""

    def _keeper(self, plan: ServerPlan, port: int) -> Keeper:
        log_path = self._log_dir_path / f"{plan.name}.log"
        seconds = self._settings.grace_seconds
        server = Server(plan, port=port, log_path=log_path, grace_seconds=seconds)
        return Keeper(
            server, self._settings, self._changed, when_given_up=self._tell_if_all_are_gone
        )

    @property
    def longest_absence_seconds(self) -> float:
        """For how long all URLs may be dead before the fleet says that it has given them up.

        Who sends requests should wait as long: loading a large model takes its time.
        """
        settings = self._settings
        hung_seconds = settings.stall_seconds + settings.sign_of_life_seconds
        one_death_seconds = hung_seconds + settings.grace_seconds + LONGEST_PAUSE_SECONDS
        return settings.most_deaths * (one_death_seconds + settings.start_seconds)

    def __enter__(self) -> Self:
        try:
            for keeper in self._keepers:
                keeper.thread.start()
            self._wait_until_ready()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def health(self) -> tuple[ServerHealth, ...]:
        """Every server as it is now; from any thread."""
        with self._changed:
            return tuple(keeper.health() for keeper in self._keepers)

    def failure(self) -> str | None:
        """Why no server will come back; None as long as one serves or may serve again."""
        with self._changed:
            errors = [keeper.given_up for keeper in self._keepers]
        reasons = [str(error) for error in errors if error is not None]
        if len(reasons) < len(errors):
            return None
        count = "" if len(errors) == 1 else f"all {len(errors)} servers were given up; the last: "
        return f"{count}{reasons[-1]}"

    def _wait_until_ready(self) -> None:
        count = "1 server" if len(self._keepers) == 1 else f"{len(self._keepers)} servers"
        self._say(f"starting {count}; what they say goes to {self._log_dir_path}")
        started_at = told_at = time.monotonic()
        while late := self._not_ready():
            with self._changed:
                self._changed.wait(_SECONDS_BETWEEN_NEWS)
            now = time.monotonic()
            if now - told_at >= _SECONDS_BETWEEN_NEWS:
                told_at = now
                names = ", ".join(keeper.server.plan.name for keeper in late)
                self._say(
                    f"after {now - started_at:.0f} s not ready yet: {names}; "
                    f"{late[0].server.last_line()}"
                )
        self._say(f"{count} ready after {time.monotonic() - started_at:.0f} s")

    def _not_ready(self) -> list[Keeper]:
        """Who is still starting. Raises why one was given up."""
        with self._changed:
            for keeper in self._keepers:
                if keeper.given_up is not None:
                    raise keeper.given_up
            return [keeper for keeper in self._keepers if keeper.health().state == "starting"]

    def _tell_if_all_are_gone(self) -> None:
        """Else whoever sends requests would wait for servers that will not come back."""
        reason = self.failure()
        with self._changed:
            if reason is None or self._has_told:
                return
            self._has_told = True
            for keeper in self._keepers:
                self._gone.enter_context(answer_gone(keeper.server.port, reason))

    def _stop(self) -> None:
        for keeper in self._keepers:
            keeper.ask_to_end()
        for keeper in self._keepers:
            if keeper.thread.ident is not None:
                keeper.thread.join()
        self._gone.close()
