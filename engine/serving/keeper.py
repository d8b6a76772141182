"""Sees one server through its lives: start, signs of life, death, the next start, the last."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from engine.errors import ServiceError, VauDataError
from engine.models.endpoints import pause_before_retry
from engine.models.openai_client import ChatClient
from engine.models.openai_settings import OpenAiSettings
from engine.serving.diagnosis import diagnose, how_it_ended, tail
from engine.serving.server import Server
from engine.serving.watchdog import Sample, Watchdog, counters_in, parse_metrics, read_metrics

logger = logging.getLogger(__name__)

State = Literal["starting", "ready", "restarting", "gave up"]

LONGEST_PAUSE_SECONDS = 60.0
_MOST_QUESTIONS = 4
"""So few finished requests may all have been signs of life that somebody asked for: no work."""


@dataclass(frozen=True)
class FleetSettings:
    """How patient a fleet is with its servers."""

    start_seconds: float = 1800.0
    """How long a server may take until it answers, weights that it downloads included."""
    stall_seconds: float = 300.0
    """After so long without a token or a finished request a server must show a sign of life."""
    sign_of_life_seconds: float = 30.0
    """How long that may take: it is one token."""
    most_deaths: int = 3
    """So often may a server die with no work done in between; then it is given up."""
    first_pause_seconds: float = 1.0
    """Before it is started again; doubles with each death in a row."""
    seconds_between_looks: float = 1.0
    grace_seconds: float = 10.0
    """How long a server may take to end by itself before it is killed."""
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable with the key, where the servers were told to want one."""


@dataclass(frozen=True)
class ServerHealth:
    """One server at one moment."""

    name: str
    url: str
    state: State
    num_restarts: int
    pid: int | None
    """None before its first start."""


class Keeper:
    """One server and the thread that sees it through its lives."""

    def __init__(
        self,
        server: Server,
        settings: FleetSettings,
        changed: threading.Condition,
        *,
        when_given_up: Callable[[], None],
    ) -> None:
        self.server = server
        self.given_up: VauDataError | None = None
        """Why it will not be started again."""
        # A daemon: should nobody leave the fleet in order, the wardens see to the servers.
        self.thread = threading.Thread(target=self._run, name=server.plan.name, daemon=True)
        self._settings = settings
        self._changed = changed
        """Guards what others read: state, counts and reasons."""
        self._when_given_up = when_given_up
        self._ending = threading.Event()
        self._state: State = "starting"
        self._num_restarts = 0
        self._client = ChatClient(_asking(server, settings))

    def health(self) -> ServerHealth:
        """As it is now; the caller holds the lock that is shared by all keepers."""
        name, url = self.server.plan.name, self.server.url
        return ServerHealth(name, url, self._state, self._num_restarts, self.server.pid)

    def ask_to_end(self) -> None:
        """Have the thread end its server and itself; does not wait."""
        self._ending.set()
        self._client.close()

    def _run(self) -> None:
        try:
            self._keep()
        finally:
            self.server.stop()
            self._client.close()
            if not self._ending.is_set() and self.given_up is None:
                name = self.server.plan.name
                self._give_up(ServiceError(f"vau-data itself failed to keep {name}; see above"))
            if self.given_up is not None:
                self._when_given_up()

    def _keep(self) -> None:
        num_deaths = 0
        while not self._ending.is_set():
            dog: Watchdog | None = None
            try:
                dog = self._bring_up()
                why = self._watch(dog)
            except VauDataError as error:
                if self._state == "starting" and not self._ending.is_set():
                    self._give_up(error)
                    return
                why = str(error)
            self.server.stop()
            has_worked = dog is not None and dog.num_finished > _MOST_QUESTIONS
            num_deaths = 1 if has_worked else num_deaths + 1
            if not self._ending.is_set() and self._is_over(num_deaths, why):
                return

    def _bring_up(self) -> Watchdog:
        """Start it and wait until it answers. Raises `ServiceError` or `UsageError` with why not.

        A list of models, or `/health`, would be no answer: an engine may be dead behind them.
        """
        self.server.start()
        deadline = time.monotonic() + self._settings.start_seconds
        seen: str | None = "nothing yet"
        while not self._ending.wait(self._settings.seconds_between_looks):
            self._check_alive("while it started")
            seen = self._client.sign_of_life(self.server.url)
            counters = read_metrics(self.server.port) if seen is None else None
            if counters is not None:
                dog = Watchdog(first=self._sample(counters), moved_at=time.monotonic())
                self._become("ready")
                return dog
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"{self.server.plan.name} did not answer within "
                    f"{self._settings.start_seconds:g} s ({seen}). If it was still loading, raise "
                    "start_seconds in [vllm], or fetch the weights beforehand with `hf download`"
                )
        raise ServiceError("it was ended while it started")

    def _watch(self, dog: Watchdog) -> str:
        """Until it dies or stands still, or is wanted no more; why."""
        name = self.server.plan.name
        while not self._ending.wait(self._settings.seconds_between_looks):
            self._check_alive("while it served")
            dog.note(read_metrics(self.server.port), now=time.monotonic())
            still_seconds = dog.still_seconds(now=time.monotonic())
            if still_seconds < self._settings.stall_seconds:
                continue
            seen = self._ask_for_life()
            if seen is None:
                # Idle, or its gauges are stale: they are, where requests were given up by senders.
                dog.show_life(now=time.monotonic())
                continue
            self._check_alive("while it served")
            why = f"{name} stood still for {still_seconds:.0f} s ({dog.describe()}; {seen})"
            self.server.note(f"{why}; its last counters:\n{counters_in(dog.last_text)}")
            self.server.stop(is_urgent=True)
            return why
        return "it is wanted no more"

    def _check_alive(self, when: str) -> None:
        code = self.server.exit_code()
        if code is None:
            return
        found = diagnose(self.server.log_text())
        reason = f": {found.line}" if found.line else ""
        hint = f". What to do: {found.what_to_do}" if found.what_to_do else ""
        raise ServiceError(
            f"{self.server.plan.name} died {when}; {how_it_ended(code)}{reason}{hint}"
        )

    def _ask_for_life(self) -> str | None:
        try:
            return self._client.sign_of_life(self.server.url)
        except ServiceError as error:
            return str(error)

    def _sample(self, counters: str) -> Sample:
        sample = parse_metrics(counters)
        if sample is None:
            raise ServiceError(
                f"{self.server.plan.name} has no vLLM counters at /metrics, without which nobody "
                "notices when it stands still; is it vLLM, started without --disable-log-stats?"
            )
        return sample

    def _is_over(self, num_deaths: int, why: str) -> bool:
        """After a death: whether it was the last. Waits for the moment of the next start."""
        if num_deaths >= self._settings.most_deaths:
            often = f"{self.server.plan.name} died {num_deaths} times with no work done in between"
            self._give_up(ServiceError(f"{often}, the last time so: {why}"))
            return True
        pause_seconds = pause_before_retry(
            num_deaths - 1, first=self._settings.first_pause_seconds, longest=LONGEST_PAUSE_SECONDS
        )
        self._become("restarting")
        log_path = self.server.log_path
        logger.warning(
            "%s. Starting it again in %.0f s (its log: %s)", why, pause_seconds, log_path
        )
        self._ending.wait(pause_seconds)
        return False

    def _give_up(self, error: VauDataError) -> None:
        if self._state != "starting":  # else whoever waits for the start raises it
            logger.warning("%s is given up: %s", self.server.plan.name, error)
        lines = tail(self.server.log_text())
        ending = f"\nIts log {self.server.log_path} ends so:\n{lines}" if lines else ""
        with self._changed:
            self.given_up = type(error)(f"{error}{ending}")
        self._become("gave up")

    def _become(self, state: State) -> None:
        with self._changed:
            self._num_restarts += state == "restarting"
            self._state = state
            self._changed.notify_all()


def _asking(server: Server, settings: FleetSettings) -> OpenAiSettings:
    return OpenAiSettings(
        model=server.plan.served_model_name,
        endpoints=(server.url,),
        api_key_env=settings.api_key_env,
        timeout_seconds=settings.sign_of_life_seconds,
    )
