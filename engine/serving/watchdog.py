"""Does a server that lives get on with its work? From the counters that vLLM gives at `/metrics`.

Names of vLLM 0.32: gauges `vllm:num_requests_running` and `…_waiting`, counters
`vllm:prompt_tokens_total`, `vllm:generation_tokens_total` and `vllm:request_success_total`.
"""

import http.client
from collections import defaultdict
from dataclasses import dataclass

from engine.serving.ports import HOST

METRICS_SECONDS = 10.0
"""How long one look at the counters may take."""
MOST_METRICS_BYTES = 8 << 20
_IN_FLIGHT = ("vllm:num_requests_running", "vllm:num_requests_waiting")
_TOKENS = ("vllm:prompt_tokens_total", "vllm:generation_tokens_total")
_FINISHED = "vllm:request_success_total"
_NO_WORK_DONE = ('finished_reason="abort"', 'finished_reason="error"')
"""A stuck engine's front end counts requests that clients gave up as finished so."""


@dataclass(frozen=True)
class Sample:
    """A server's counters at one moment, over all its engines."""

    num_in_flight: int
    """Running and waiting, by the engine's last word: a stuck one says what was true before."""
    num_finished: int
    """Since the server started; requests that were given up do not count."""
    num_tokens: int
    """Of prompts and replies, since the server started."""


def parse_metrics(text: str) -> Sample | None:
    """The counters in Prometheus' text format; None where vLLM's are missing."""
    totals: dict[str, float] = defaultdict(float)
    for line in text.splitlines():
        if not line.startswith("vllm:"):
            continue
        series, _, value = line.rpartition(" ")
        if not any(reason in series for reason in _NO_WORK_DONE):
            totals[series.partition("{")[0]] += float(value)
    if not totals.keys() >= {*_IN_FLIGHT, *_TOKENS, _FINISHED}:
        return None
    return Sample(
        num_in_flight=int(sum(totals[name] for name in _IN_FLIGHT)),
        num_finished=int(totals[_FINISHED]),
        num_tokens=int(sum(totals[name] for name in _TOKENS)),
    )


def read_metrics(port: int) -> str | None:
    """What `/metrics` says now; None where nothing sane comes in time.

    Past any proxy: it is this machine that is asked.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=METRICS_SECONDS)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read(MOST_METRICS_BYTES).decode("utf-8", errors="replace")
        return text if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def counters_in(text: str) -> str:
    """The lines of a `/metrics` text that a person wants to see: no histograms, no comments."""
    lines = [line for line in text.splitlines() if line.startswith("vllm:")]
    return "\n".join(line for line in lines if "_bucket{" not in line and "_created{" not in line)


@dataclass
class Watchdog:
    """What a server has shown since it was ready."""

    first: Sample
    moved_at: float
    """On the monotonic clock: when its counters last moved, or it last showed life."""
    last: Sample | None = None
    last_text: str = ""

    def note(self, text: str | None, *, now: float) -> None:
        """Take in a look at `/metrics`, None where it gave no answer."""
        sample = None if text is None else parse_metrics(text)
        if text is None or sample is None:
            return
        before = self.last or self.first
        if (sample.num_tokens, sample.num_finished) != (before.num_tokens, before.num_finished):
            self.moved_at = now
        self.last, self.last_text = sample, text

    def show_life(self, *, now: float) -> None:
        """It answered a request of ours."""
        self.moved_at = now

    def still_seconds(self, *, now: float) -> float:
        """For how long it has finished nothing and made no token, or not even said so."""
        return now - self.moved_at

    def describe(self) -> str:
        """What it says of itself, or that it says nothing."""
        if self.last is None:
            return "no counters to be had"
        return f"requests running or waiting, by its own word: {self.last.num_in_flight}"

    @property
    def num_finished(self) -> int:
        """Requests done since it was ready; our own questions among them."""
        return 0 if self.last is None else self.last.num_finished - self.first.num_finished
