"""What a person sees of a long job."""

import io
from dataclasses import dataclass, field

import pytest

from engine.progress import Progress, Vitals


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Watched:
    """A job of 100 items on a clock that the test moves."""

    loads: tuple[int | None, ...] | None = None
    stream: io.StringIO = field(default_factory=io.StringIO)
    clock: Clock = field(default_factory=Clock)
    num_tokens: int = 0

    def start(self, *, is_quiet: bool = False) -> Progress:
        return Progress(
            "caption", 100, is_quiet, vitals=self.vitals, stream=self.stream, clock=self.clock
        )

    def vitals(self) -> Vitals | None:
        return None if self.loads is None else Vitals(self.num_tokens, self.loads)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def advance(watched: Watched, progress: Progress, num_items: int, *, to_seconds: float) -> None:
    watched.clock.now = to_seconds
    for number in range(num_items):
        progress.advance(is_reject=number == 0)


def test_a_job_without_servers_says_rate_and_time_left() -> None:
    watched = Watched()
    with watched.start() as progress:
        advance(watched, progress, 20, to_seconds=10.0)
        assert progress.line() == "caption: 20/100, 2.0/s, 00:40 left, 1 rejected"


def test_a_job_with_servers_also_says_tokens_per_second_and_what_each_server_has() -> None:
    watched = Watched(loads=(32, None, 31))
    with watched.start() as progress:
        advance(watched, progress, 20, to_seconds=5.0)
        watched.num_tokens = 12_800
        watched.clock.now = 10.0
        assert progress.line().endswith("1,280 tokens/s, 63 in flight (32+down+31)")


def test_tokens_per_second_are_those_since_the_last_look() -> None:
    watched = Watched(loads=(1,))
    with watched.start() as progress:
        for seconds, num_tokens in ((10.0, 1000), (20.0, 5000)):
            watched.num_tokens = num_tokens
            advance(watched, progress, 1, to_seconds=seconds)
    first, second = watched.stream.getvalue().splitlines()
    assert "100 tokens/s" in first
    assert "400 tokens/s" in second


def test_without_a_terminal_a_line_comes_every_ten_seconds_and_none_when_quiet() -> None:
    for is_quiet, num_lines in ((False, 3), (True, 0)):
        watched = Watched()
        with watched.start(is_quiet=is_quiet) as progress:
            for seconds in range(1, 39):
                advance(watched, progress, 1, to_seconds=float(seconds))
        assert len(watched.stream.getvalue().splitlines()) == num_lines


@pytest.mark.parametrize("loads", [(5, 6), (5, None)])
def test_on_a_terminal_the_bar_says_it(loads: tuple[int | None, ...]) -> None:
    watched = Watched(loads=loads, stream=Terminal())
    with watched.start() as progress:
        advance(watched, progress, 1, to_seconds=3.0)
        assert progress._bar is not None
        shown = str(progress._bar)
    assert "tokens/s" in shown
    assert f"({'+'.join('down' if load is None else str(load) for load in loads)})" in shown
