"""Saying how far a long job is: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TextIO

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BETWEEN_LOOKS = 2.0
"""At the servers, for the bar."""


@dataclass(frozen=True)
class Vitals:
    """How the servers behind a job are right now."""

    num_tokens: int
    """What they have said since the job began."""
    loads: tuple[int | None, ...]
    """Requests under way at each; None: it cannot be used now."""


@dataclass
class Progress:
    """Counts finished items of one stage; shows rate and remaining time on standard error."""

    label: str
    total: int
    is_quiet: bool = False
    vitals: Callable[[], Vitals | None] = lambda: None
    """Asked now and then; None: there are no servers."""
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    clock: Callable[[], float] = time.monotonic

    def __enter__(self) -> Self:
        self._done = 0
        self._rejected = 0
        self._num_tokens = 0
        self._started = self._last_look = self.clock()
        is_terminal = self.stream.isatty() and not self.is_quiet
        self._bar = (
            tqdm(total=self.total, desc=self.label, unit="item", file=self.stream, leave=False)
            if is_terminal
            else None
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, *, is_reject: bool) -> None:
        """One more item is finished."""
        self._done += 1
        self._rejected += is_reject
        since_look = self.clock() - self._last_look
        if self._bar is not None:
            self._bar.update()
            if since_look >= _SECONDS_BETWEEN_LOOKS:
                self._bar.set_postfix_str(", ".join(self._remarks()), refresh=False)
        elif not self.is_quiet and since_look >= _SECONDS_BETWEEN_LINES:
            print(self.line(), file=self.stream, flush=True)

    def line(self) -> str:
        """`caption: 120/400, 8.1/s, 0:35 left, 2 rejected, 980 tokens/s, 63 in flight (32+31)`."""
        rate = self._done / max(self.clock() - self._started, 1e-9)
        left = tqdm.format_interval((self.total - self._done) / rate) if rate else "?"
        counted = f"{self.label}: {self._done}/{self.total}"
        return ", ".join([counted, f"{rate:.1f}/s", f"{left} left", *self._remarks()])

    def _remarks(self) -> list[str]:
        """What is seen at this look; tokens per second since the last."""
        remarks = [f"{self._rejected} rejected"] if self._rejected else []
        now = self.clock()
        if vitals := self.vitals():
            new_tokens = vitals.num_tokens - self._num_tokens
            in_flight = sum(filter(None, vitals.loads))
            loads = "+".join("down" if load is None else str(load) for load in vitals.loads)
            remarks += [
                f"{new_tokens / max(now - self._last_look, 1e-9):,.0f} tokens/s",
                f"{in_flight} in flight ({loads})",
            ]
            self._num_tokens = vitals.num_tokens
        self._last_look = now
        return remarks
