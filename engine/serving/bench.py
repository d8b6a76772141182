"""How much of a server's speed our client reaches: output tokens per second, ours over raw.

Raw requests are complete before they are sent, from a loop that does nothing else: what they get
is all that the server has to give. Ours go the way of every run: decoding, executor, threads,
checks of the reply, records and ledger on the disk. Both sides take turns.
"""

import math
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

import orjson

from engine import flow
from engine.config import Config
from engine.dataset import CONFIG_NAME, Dataset
from engine.errors import ItemError, ServiceError
from engine.executors.local import LocalExecutor
from engine.models.openai_chat import OpenAiCaptioner
from engine.models.openai_client import ChatClient
from engine.progress import Vitals
from engine.runner import Outcome, RunOptions, run_stage
from engine.serving.footage import Stretch, clips_without_end
from engine.serving.load import Arrival, Load, send_for
from engine.serving.simulator import Simulated, simulate
from engine.stage import Item, Pending, Stage
from engine.stages.caption import CaptionItem, CaptionStage
from schemas import Caption, Record

DECODED_SHARE = 0.7
"""Of what the cores can decode, the simulated server takes so much."""
_NUM_READY = 64
"""Clips whose frames are made beforehand."""
_MOST_CLIPS_PER_SECOND = 1000
"""More than one process can ask about, so that clips never run out."""


@dataclass(frozen=True)
class Bench:
    """What is measured, on what footage, for how long."""

    config: Config
    """`[caption]` says the model, its endpoints, and what it is shown."""
    stretches: tuple[Stretch, ...]
    executor: LocalExecutor
    seconds: float
    """Of each side in each round, after warming up."""
    num_rounds: int
    warm_up_seconds: float
    """From the first reply, which takes as long as processes and servers take to start."""

    @property
    def all_seconds(self) -> float:
        """From the first reply to the end."""
        return self.warm_up_seconds + self.seconds


@dataclass(frozen=True)
class Rate:
    """What one side reached."""

    tokens_per_second: float
    clips_per_second: float
    cores: float
    """How much of one this process took; decoding processes are not in it."""
    rejects: Mapping[str, int] = field(default_factory=dict)
    """Reason -> clips whose reply was of no use; its tokens count all the same."""


@dataclass(frozen=True)
class Round:
    """Both sides, one after the other."""

    raw: Rate
    ours: Rate
    decoded_per_second: float
    """Clips that the cores decoded a moment before, with nothing else to do."""
    capacity_per_second: float | None
    """Requests that the servers can do; None: nobody knows."""

    @property
    def ratio(self) -> float:
        """Output tokens per second, ours over raw."""
        return self.ours.tokens_per_second / max(self.raw.tokens_per_second, 1e-9)


@dataclass(frozen=True)
class Case:
    """One comparison."""

    name: str
    num_servers: int
    concurrency: int
    rounds: tuple[Round, ...]

    @property
    def ratio(self) -> float:
        """The median over the rounds."""
        return median(each.ratio for each in self.rounds)


@dataclass(frozen=True)
class _Decoded:
    clips_per_second: float
    ready: tuple[Item[CaptionItem], ...]


@dataclass(frozen=True)
class _Servers:
    """Where a round is played."""

    open: Callable[[], AbstractContextManager[tuple[str, ...]]]
    num_servers: int
    capacity_per_second: float | None = None

    @classmethod
    def simulated(cls, simulated: Simulated) -> "_Servers":
        """Started anew for each side, so that none finds what the other left in line."""
        capacity = simulated.requests_per_second
        return cls(partial(simulate, simulated), simulated.num_replicas, capacity)


def measure_simulated(bench: Bench, simulated: Simulated) -> Iterator[Case]:
    """The client alone, frames ready; then with decoding, of a share of what can be decoded."""
    bench = _at(bench, (), simulated.model)
    decoded = _decode(bench)
    servers = _Servers.simulated(simulated)
    rounds = [_round(bench, servers, decoded, is_ready=True) for _ in range(bench.num_rounds)]
    yield _case(bench, "simulated server, frames ready", servers, rounds)
    rounds = []
    for _ in range(bench.num_rounds):
        # Anew for each round: what the cores can do changes with what else they do.
        decoded = _decode(bench)
        capacity = DECODED_SHARE * decoded.clips_per_second
        servers = _Servers.simulated(replace(simulated, requests_per_second=capacity))
        rounds.append(_round(bench, servers, decoded, is_ready=False))
    yield _case(bench, "simulated server, decoding", servers, rounds)


def measure_endpoints(bench: Bench) -> Iterator[Case]:
    """The same two against the servers that the settings name."""
    urls = bench.config.caption.endpoints
    servers = _Servers(lambda: nullcontext(urls), len(urls))
    decoded = _decode(bench)
    # The clips are few, so a server's caches come to know them: before either side is measured.
    _raw(bench, decoded.ready)
    for name, is_ready in (("real server, frames ready", True), ("real server, decoding", False)):
        rounds = [
            _round(bench, servers, decoded, is_ready=is_ready) for _ in range(bench.num_rounds)
        ]
        yield _case(bench, name, servers, rounds)


def _case(bench: Bench, name: str, servers: _Servers, rounds: Sequence[Round]) -> Case:
    some_urls = tuple(f"http://127.0.0.1:{port + 1}/v1" for port in range(servers.num_servers))
    concurrency = _stage(_at(bench, some_urls)).concurrency
    return Case(name, servers.num_servers, concurrency, tuple(rounds))


def _round(bench: Bench, servers: _Servers, decoded: _Decoded, *, is_ready: bool) -> Round:
    with servers.open() as urls:
        raw = _raw(_at(bench, urls), decoded.ready)
    with servers.open() as urls:
        ours = _ours(_at(bench, urls), decoded.ready if is_ready else None)
    return Round(raw, ours, decoded.clips_per_second, servers.capacity_per_second)


def _at(bench: Bench, urls: Sequence[str], model: str | None = None) -> Bench:
    section = bench.config.caption
    changes = {"endpoints": tuple(urls), "model": model or section.model}
    section = section.model_copy(update=changes)
    return replace(bench, config=bench.config.model_copy(update={"caption": section}))


def _stage(bench: Bench) -> CaptionStage:
    stage = flow.caption(bench.config)
    assert isinstance(stage, CaptionStage)
    return stage


def _captioner(stage: CaptionStage) -> OpenAiCaptioner:
    if not isinstance(stage.captioner, OpenAiCaptioner):
        raise ServiceError(f"{stage.captioner.name} has no server whose speed could be measured")
    return stage.captioner


def _raw(bench: Bench, ready: Sequence[Item[CaptionItem]]) -> Rate:
    stage = _stage(bench)
    captioner = _captioner(stage)
    load = Load(
        urls=bench.config.caption.endpoints,
        bodies=[orjson.dumps(captioner.body(stage.request(item))) for item in ready],
        concurrency=stage.concurrency,
        headers=ChatClient(captioner.settings).keys.headers(),
    )
    started, cpu_before = time.monotonic(), time.process_time()
    arrivals = send_for(load, seconds=bench.all_seconds)
    cores = (time.process_time() - cpu_before) / (time.monotonic() - started)
    return _rate(bench, arrivals, cores=cores)


def _ours(bench: Bench, ready: Sequence[Item[CaptionItem]] | None) -> Rate:
    """The whole way of a run, into a dataset that is thrown away."""
    stage = _stage(bench)
    items = clips_without_end(bench.stretches) if ready is None else _under_new_ids(ready)
    num_items = round(bench.all_seconds * _MOST_CLIPS_PER_SECOND)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / CONFIG_NAME).touch()
        started, cpu_before = time.monotonic(), time.process_time()
        timed = _Timed(bench.executor, bench.all_seconds)
        run_stage(
            Dataset.open(Path(folder)),
            stage if ready is None else _ReadyStage(stage),
            lambda _census: islice(items, num_items),
            executor=timed,
            options=RunOptions(is_quiet=True),
        )
        cores = (time.process_time() - cpu_before) / (time.monotonic() - started)
    rate = _rate(bench, timed.arrivals, cores=cores)
    return replace(rate, rejects=timed.rejects)


def _rate(bench: Bench, arrivals: Sequence[Arrival], *, cores: float) -> Rate:
    begins = arrivals[0].moment + bench.warm_up_seconds
    tokens = [a.num_tokens for a in arrivals if begins <= a.moment < begins + bench.seconds]
    return Rate(sum(tokens) / bench.seconds, len(tokens) / bench.seconds, round(cores, 3))


def _decode(bench: Bench) -> _Decoded:
    """As fast as the cores can, with nobody to send anything to."""
    stage = _DecodingStage(_stage(bench))
    begins = math.inf
    num_decoded = 0
    with closing(bench.executor.run(stage, clips_without_end(bench.stretches))) as outcomes:
        for outcome in outcomes:
            if isinstance(outcome.result, ItemError):
                raise ServiceError(f"the footage cannot all be decoded: {outcome.result}")
            now = time.monotonic()
            begins = min(begins, now + bench.warm_up_seconds)
            if now >= begins + bench.seconds:
                break
            num_decoded += now >= begins
    if not num_decoded:
        raise ServiceError(f"no clip was decoded in {bench.seconds:g} s; give more --seconds")
    return _Decoded(num_decoded / bench.seconds, tuple(stage.ready))


def _under_new_ids(ready: Sequence[Item[CaptionItem]]) -> Iterator[Pending[Item[CaptionItem]]]:
    for turn, item in enumerate(cycle(ready)):
        new_id = f"Ready{turn // len(ready)}_{item.id}"
        clip = item.body.clip.model_copy(update={"id": new_id})
        again = item._replace(id=new_id, body=replace(item.body, clip=clip))
        yield Pending(new_id, "0" * 64, new_id, lambda again=again: again)  # type: ignore[misc]


@dataclass(frozen=True)
class _ReadyStage:
    """Captions what was loaded long ago: the item's body is the loaded item itself."""

    inner: CaptionStage
    name: ClassVar[str] = CaptionStage.name
    writes: ClassVar[type[Record]] = Caption

    @property
    def concurrency(self) -> int:
        return self.inner.concurrency

    def fingerprint_parts(self) -> Mapping[str, Any]:
        return self.inner.fingerprint_parts()

    def process(self, item: Item[Item[CaptionItem]]) -> Iterable[Record]:
        return self.inner.process(item.body)

    def check(self) -> None:
        self.inner.check()

    def close(self) -> None:
        self.inner.close()

    def vitals(self) -> Vitals | None:
        return self.inner.vitals()


@dataclass(frozen=True)
class _DecodingStage:
    """Loads as captioning does, and asks nobody; the first loaded items are kept."""

    inner: CaptionStage
    ready: list[Item[CaptionItem]] = field(default_factory=list)
    name: ClassVar[str] = CaptionStage.name
    writes: ClassVar[type[Record]] = Caption
    concurrency: ClassVar[int] = 1

    def __reduce__(self) -> tuple[type["_DecodingStage"], tuple[CaptionStage]]:
        # A decoding process needs no list.
        return type(self), (self.inner,)

    def fingerprint_parts(self) -> Mapping[str, Any]:
        return self.inner.fingerprint_parts()

    def load(self, items: Sequence[Item[Any]]) -> Iterator[Item[Any] | tuple[str, ItemError]]:
        return self.inner.load(items)

    def deadline_seconds(self, items: Sequence[Item[Any]]) -> float:
        return self.inner.deadline_seconds(items)

    def process(self, item: Item[CaptionItem]) -> Iterable[Record]:
        if len(self.ready) < _NUM_READY:
            self.ready.append(item)
        return ()


@dataclass
class _Timed:
    """An executor that notes when how many tokens had come, and ends with the time."""

    inner: LocalExecutor
    seconds: float
    """From the first outcome."""
    arrivals: list[Arrival] = field(default_factory=list)
    rejects: dict[str, int] = field(default_factory=dict)

    def run(self, stage: Stage[Any], items: Iterable[Pending[Any]]) -> Iterator[Outcome]:
        assert isinstance(stage, CaptionStage | _ReadyStage)
        num_tokens = 0
        with closing(self.inner.run(stage, items)) as outcomes:
            for outcome in outcomes:
                yield outcome
                if isinstance(outcome.result, ItemError):
                    reason = outcome.result.reason
                    self.rejects[reason] = self.rejects.get(reason, 0) + 1
                now, vitals = time.monotonic(), stage.vitals()
                assert vitals is not None, "the model has servers"
                self.arrivals.append(Arrival(now, vitals.num_tokens - num_tokens))
                num_tokens = vitals.num_tokens
                if now >= self.arrivals[0].moment + self.seconds:
                    return
