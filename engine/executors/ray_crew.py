"""The workers of one run on a Ray cluster: which there are, what each has, what was lost.

A worker is an actor with some of a node's CPUs. Whoever dies, its items that have no outcome yet
go to others. Where the node died, or was lost sight of, that is all. Where only the worker's own
process died, one of its items may have killed it: these are done again alone, one at a time, and
what kills a worker then is rejected.
"""

import logging
import math
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.errors import ItemError, ServiceError, UsageError, VauDataError
from engine.executors.local import CHUNK_ITEMS, LocalExecutor
from engine.executors.ray_node import (
    MOST_CALLS_AT_ONCE,
    Given,
    Greeting,
    NodeWorker,
    Parcel,
    Taken,
    kit_here,
)
from engine.runner import Outcome
from engine.stage import MediaStage, Stage

if TYPE_CHECKING:
    from ray.exceptions import RayError

logger = logging.getLogger(__name__)

MOST_CPUS_PER_WORKER = 8
"""More would leave one Python process too much to do; and a block must fit beside other jobs."""
_MOST_DEATHS_ALONE = 2
_MOST_DEATHS_IN_A_ROW = 8
"""And one more per worker, with no outcome in between: then no worker can live there."""
_SECONDS_BETWEEN_ROLL_CALLS = 5.0
PATIENCE_SECONDS = 120.0
"""How long a run waits for any node that can work before it stops."""


@dataclass(frozen=True)
class CrewSettings:
    """What every worker of a run is made with."""

    make_local: Callable[..., LocalExecutor]
    """Takes `workers`, how many CPUs it has, and `most_requests`, its share of those at once."""
    workers_per_node: int | None = None
    """CPUs to use of each node; None: all."""
    shared_paths: tuple[Path, ...] = ()
    """What every node must see under the same path."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Credentials, for nodes that have none of their own."""


class Block(NamedTuple):
    """A worker's place: some of a node's CPUs."""

    node_id: str
    number: int
    num_cpus: int


@dataclass(eq=False)
class Hand:
    """One worker, as the run's own process sees it."""

    actor: Any
    block: Block
    is_known: bool = False
    """It has answered, and has the same code as this machine."""
    has_shift: bool = False
    is_ending: bool = False
    """It was told that the shift has no more items."""
    is_giving: bool = False
    has: dict[str, Given] = field(default_factory=dict)
    """Item id -> what it was given and has no outcome for."""
    is_alone: bool = False
    """Its one item is suspected of having killed a worker."""


@dataclass
class Crew:
    """Workers come and go; items stay until they have an outcome."""

    stage: Stage[Any]
    settings: CrewSettings
    source: Iterator[Parcel]
    again: deque[Parcel] = field(default_factory=deque)
    """What was with workers that are gone."""
    suspects: deque[Parcel] = field(default_factory=deque)
    """One item each."""
    _hands: list[Hand] = field(default_factory=list)
    _calls: dict[Any, tuple[Hand, str]] = field(default_factory=dict)
    """Ray's reference of an answer to come -> who was asked, and what."""
    _deaths: Counter[str] = field(default_factory=Counter)
    """Item id -> how many workers died that had it alone."""
    _num_deaths_in_a_row: int = 0
    _is_source_over: bool = False
    _next_roll_call: float = 0.0
    _last_seen_working: float = field(default_factory=time.monotonic)

    @property
    def has_work(self) -> bool:
        """Whether any item has no outcome yet."""
        waits = self.again or self.suspects or any(hand.has for hand in self._hands)
        return bool(waits) or not self._is_source_over

    def feed(self) -> None:
        """Give every worker that has room its next parcel."""
        for hand in self._hands:
            if hand.is_known and not hand.is_giving and not hand.is_ending:
                self._feed_one(hand)

    def _next_parcel(self) -> Parcel | None:
        if self.again:
            return self.again.popleft()
        parcel = next(self.source, None)
        self._is_source_over = parcel is None
        return parcel

    def _feed_one(self, hand: Hand) -> None:
        if (parcel := self._next_parcel()) is not None:
            self._give(hand, parcel, is_last=False)
        elif hand.has_shift:
            self._give(hand, [], is_last=True)
        elif self.suspects:
            hand.is_alone = True
            self._give(hand, self.suspects.popleft(), is_last=True)

    def _give(self, hand: Hand, parcel: Parcel, *, is_last: bool) -> None:
        hand.has |= {given[0].id: given for given in parcel}
        hand.is_giving, hand.is_ending = True, is_last
        self._calls[hand.actor.give.remote(parcel, is_last)] = hand, "give"
        if not hand.has_shift:
            hand.has_shift = True
            self._ask_for_outcomes(hand)

    def _ask_for_outcomes(self, hand: Hand) -> None:
        self._calls[hand.actor.take.remote()] = hand, "take"

    def outcomes(self, *, wait_seconds: float) -> Iterator[Outcome]:
        """What came in. Raises what stops the run, after everything that came with it."""
        import ray

        self._call_the_roll()
        pending = list(self._calls)
        ready, _ = ray.wait(pending, timeout=wait_seconds) if pending else ([], [])
        if ready:
            ready, _ = ray.wait(pending, num_returns=len(pending), timeout=0)
        else:
            time.sleep(0 if pending else min(wait_seconds, 0.5))
        errors: list[VauDataError] = []
        for reference in ready:
            if reference in self._calls:
                yield from self._hear(reference, errors)
        if errors:
            raise errors[0]

    def _hear(self, reference: Any, errors: list[VauDataError]) -> Iterator[Outcome]:
        """Read one answer."""
        import ray
        from ray.exceptions import ActorUnschedulableError, RayActorError

        hand, what = self._calls.pop(reference)
        try:
            answer = ray.get(reference)
        except (RayActorError, ActorUnschedulableError) as error:
            yield from self._lost(hand, error)
            return
        if what == "greet":
            self._meet(hand, answer)
        elif what == "give":
            hand.is_giving = False
        else:
            yield from self._received(hand, answer, errors)

    def _received(self, hand: Hand, taken: Taken, errors: list[VauDataError]) -> Iterator[Outcome]:
        for level, text in taken.remarks:
            logger.log(level, "on node %s: %s", hand.block.node_id[:8], text)
        for outcome in taken.outcomes:
            del hand.has[outcome.item_id]
            self._num_deaths_in_a_row = 0
            yield outcome
        if taken.error is not None:
            errors.append(taken.error)
        if taken.is_over:
            hand.has_shift = hand.is_ending = hand.is_alone = False
        else:
            self._ask_for_outcomes(hand)

    def _meet(self, hand: Hand, greeting: Greeting) -> None:
        """Raises `UsageError` where the node would make other records than this machine."""
        mine = kit_here()
        other = {name: theirs for name, theirs in greeting.kit.items() if theirs != mine[name]}
        if other:
            found = ", ".join(
                f"{name} {theirs}, here {mine[name]}" for name, theirs in other.items()
            )
            raise UsageError(
                f"node {greeting.host} has {found}; install the same vau-data with the same "
                "constraints.txt on every node, and restart Ray there"
            )
        if greeting.unseen:
            raise UsageError(
                f"node {greeting.host} does not see {greeting.unseen[0]}; put the videos and, for "
                "`export --media`, the dataset on a disk that all nodes mount under the same path, "
                "or name the videos by a URL such as s3://bucket/prefix"
            )
        hand.is_known = True

    def _call_the_roll(self) -> None:
        """Every few seconds: workers for nodes that lack some. Raises where there is no node."""
        now = time.monotonic()
        if any(hand.is_known for hand in self._hands):
            self._last_seen_working = now
        if now - self._last_seen_working > PATIENCE_SECONDS:
            raise ServiceError(
                f"no node of the Ray cluster could start a worker within {PATIENCE_SECONDS:.0f} s; "
                "`ray status` shows which nodes there are and whether their CPUs are free"
            )
        if now < self._next_roll_call:
            return
        self._next_roll_call = now + _SECONDS_BETWEEN_ROLL_CALLS
        blocks = _blocks(self.settings.workers_per_node)
        for block in blocks - {hand.block for hand in self._hands}:
            self._recruit(block, num_blocks=len(blocks))

    def _recruit(self, block: Block, *, num_blocks: int) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        node_id, _, num_cpus = block
        share = math.ceil(self.stage.concurrency / num_blocks)
        make_local = partial(self.settings.make_local, workers=num_cpus, most_requests=share)
        actor = (
            ray.remote(NodeWorker)
            .options(
                num_cpus=num_cpus,
                max_concurrency=MOST_CALLS_AT_ONCE,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=False),
            )
            .remote(self.stage, make_local, dict(self.settings.environment))
        )
        hand = Hand(actor, block)
        self._hands.append(hand)
        self._calls[actor.greet.remote(self._paths)] = hand, "greet"

    @property
    def _paths(self) -> tuple[Path, ...]:
        return self.settings.shared_paths if isinstance(self.stage, MediaStage) else ()

    def _lost(self, hand: Hand, error: "RayError") -> Iterator[Outcome]:
        """See to the items of a worker that is gone, or cannot be reached."""
        import ray
        from ray.exceptions import ActorDiedError

        self._hands.remove(hand)
        self._calls = {ref: call for ref, call in self._calls.items() if call[0] is not hand}
        ray.kill(hand.actor)  # what cannot be reached may still be at work
        is_its_own_death = (
            isinstance(error, ActorDiedError) and hand.block.node_id in _alive_nodes()
        )
        if not is_its_own_death:
            logger.warning(
                "node %s was lost; its %d items go to others", hand.block.node_id[:8], len(hand.has)
            )
            self.again.extend(as_parcels(hand.has.values(), is_media=True))
            return
        self._refuse_if_hopeless(hand, error)
        if hand.is_alone:
            yield from self._blamed(next(iter(hand.has.values())), error)
        else:
            self.suspects.extend([given] for given in hand.has.values())

    def _refuse_if_hopeless(self, hand: Hand, error: "RayError") -> None:
        cause = _cause(error)
        if not hand.is_known and getattr(error, "actor_init_failed", False):
            raise UsageError(
                f"node {hand.block.node_id[:8]} cannot start a worker of vau-data: {cause}; "
                "install the same vau-data and Python on every node, and restart Ray there"
            )
        self._num_deaths_in_a_row += 1
        if self._num_deaths_in_a_row > _MOST_DEATHS_IN_A_ROW + len(self._hands):
            raise ServiceError(
                f"{self._num_deaths_in_a_row} workers died with nothing done in between; the last: "
                f"{cause}. Are the nodes out of memory? Lower --workers, or mend that, and run the "
                "same command again"
            )

    def _blamed(self, given: Given, error: "RayError") -> Iterator[Outcome]:
        """An item that a worker died of which had nothing else."""
        item_id = given[0].id
        self._deaths[item_id] += 1
        if self._deaths[item_id] < _MOST_DEATHS_ALONE:
            self.suspects.append([given])
            return
        detail = (
            f"{item_id}: {_MOST_DEATHS_ALONE} workers died of it alone ({_cause(error)}); "
            "look at the item, or give the nodes more memory, and run again with --retry-rejects"
        )
        logger.error("%s", detail)
        self._num_deaths_in_a_row = 0
        yield Outcome(item_id, ItemError("internal", detail))

    def last_outcomes(self, *, wait_seconds: float) -> Iterator[Outcome]:
        """What is in, or about to come: replies are paid for."""
        import ray

        takes = [reference for reference, (_, what) in self._calls.items() if what == "take"]
        ready = ray.wait(takes, num_returns=len(takes), timeout=wait_seconds)[0] if takes else []
        for reference in ready:
            yield from self._hear(reference, [])

    def dismiss(self) -> None:
        """End all workers, whatever they do."""
        import ray

        for hand in self._hands:
            ray.kill(hand.actor)
        self._hands.clear()
        self._calls.clear()


def as_parcels(given: Iterable[Given], *, is_media: bool) -> Iterator[Parcel]:
    """Neighbours of one video together, up to a chunk; where no video is read, any neighbours."""
    runs = (list(run) for _, run in groupby(given, key=itemgetter(1))) if is_media else [given]
    for run in runs:
        items = iter(run)
        while parcel := list(islice(items, CHUNK_ITEMS)):
            yield parcel


def _blocks(workers_per_node: int | None) -> set[Block]:
    """What workers the nodes that are there now have room for."""
    blocks = set()
    for node_id, num_cpus in _alive_nodes().items():
        num_used = min(num_cpus, workers_per_node or num_cpus)
        num_workers = math.ceil(num_used / MOST_CPUS_PER_WORKER)
        blocks |= {
            Block(node_id, number, num_used // num_workers + (number < num_used % num_workers))
            for number in range(num_workers)
        }
    return blocks


def _alive_nodes() -> dict[str, int]:
    """Node id -> its CPUs, whoever uses them."""
    import ray

    return {
        node["NodeID"]: int(node["Resources"].get("CPU", 0))
        for node in ray.nodes()
        if node["Alive"]
    }


def _cause(error: "RayError") -> str:
    """What of Ray's long messages tells what happened: an error of ours, or how it ended."""
    text = str(error)
    if found := re.search(r"Worker exit detail: ([^.]*)", text):
        return f"its process died: {found[1]}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"\w*(Error|Exception)\b", line)]
    return (named or lines or [type(error).__name__])[-1][:300]
