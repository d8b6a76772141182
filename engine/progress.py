"""Saying how far a long job is: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TextIO

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 10.0


@dataclass
class Progress:
    """Counts finished items of one stage; shows rate and remaining time on standard error."""

    label: str
    total: int
    is_quiet: bool = False
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    clock: Callable[[], float] = time.monotonic

    def __enter__(self) -> Self:
        self._done = 0
        self._rejected = 0
        self._started = self._last_line = self.clock()
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
        if self._bar is not None:
            self._bar.update()
            if self._rejected:
                self._bar.set_postfix_str(f"{self._rejected} rejected", refresh=False)
        elif not self.is_quiet and self.clock() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = self.clock()
            print(self.line(), file=self.stream, flush=True)

    def line(self) -> str:
        """`caption: 120/400 (2 rejected), 8.1/s, 0:35 left`."""
        rate = self._done / max(self.clock() - self._started, 1e-9)
        left = tqdm.format_interval((self.total - self._done) / rate) if rate else "?"
        rejected = f" ({self._rejected} rejected)" if self._rejected else ""
        return f"{self.label}: {self._done}/{self.total}{rejected}, {rate:.1f}/s, {left} left"
