"""`[mix]`: which instructions of the training split an export takes, and how many at most.

Each instruction, or each answer where a task is named, has a number in [0, 1) that depends on the
seed and its id. It is taken where the number lies below its family's (its task's) bound: the
weight, or less where a limit would be passed. So a smaller weight or limit takes a part of what a
larger one takes.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

import msgspec

from engine.draws import draw_of
from engine.tree import VideoNode
from schemas import Instruction, Turn

Nodes = Callable[[], Iterable[VideoNode]]


@dataclass
class Tally:
    """Family -> answers for training, before and after."""

    offered: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)

    def changed(self) -> dict[str, tuple[int, int]]:
        """Family -> (taken, offered), where not all were taken."""
        return {
            family: (self.taken[family], count)
            for family, count in sorted(self.offered.items())
            if self.taken[family] != count
        }


@dataclass(frozen=True)
class Mix:
    """Bounds by key: a family, or `family/task`."""

    seed: int
    bounds: Mapping[str, float]

    def applied(self, node: VideoNode, tally: Tally | None = None) -> VideoNode:
        """The video with what is taken of its instructions; all of them outside of training."""
        if not is_trained_on(node):
            return node
        rows = tuple(self._taken(node.instructions)) if self.bounds else node.instructions
        if tally is not None:
            _count(tally.offered, node.instructions)
            _count(tally.taken, rows)
        return replace(node, instructions=rows)

    def _taken(self, rows: Iterable[Instruction]) -> Iterator[Instruction]:
        for row in rows:
            places = self.places_taken(row)
            if len(places) == len(row.turns):
                yield row
            elif places:
                yield _with_turns(row, tuple(row.turns[place] for place in places))

    def places_taken(self, row: Instruction) -> list[int]:
        """Which of its turns are taken, by number; none where the whole is left out."""
        if not self._is_below(row.family, row.id):
            return []
        names = enumerate(_names_of_turns(row))
        return [place for place, (key, name) in names if self._is_below(key, name)]

    def _is_below(self, key: str, name: str) -> bool:
        bound = self.bounds.get(key)
        return bound is None or draw_of(self.seed, key, name) < bound


def plan_mix(
    weights: Mapping[str, float], limits: Mapping[str, int], *, seed: int, nodes: Nodes
) -> Mix:
    """Bounds that keep to weights and limits.

    `nodes` gives all videos anew each time: they are gone through once for limits of families,
    then once for those of tasks, and not at all where there are none.
    """
    mix = Mix(seed, dict(weights))
    for is_task in (False, True):
        wanted = {key: most for key, most in limits.items() if ("/" in key) == is_task}
        if wanted:
            found = _limited(mix, wanted, nodes())
            mix = Mix(seed, {**mix.bounds, **found})
    return mix


def _limited(mix: Mix, limits: Mapping[str, int], nodes: Iterable[VideoNode]) -> dict[str, float]:
    """Key -> the lowest number that its limit leaves out, where it leaves out any."""
    lowest: dict[str, list[float]] = {key: [] for key in limits}
    trained_on = (node for node in nodes if is_trained_on(node))
    for row in chain.from_iterable(node.instructions for node in trained_on):
        for key, name in _names(row, mix.places_taken(row)):
            if key in lowest:
                _keep_lowest(lowest[key], draw_of(mix.seed, key, name), limits[key] + 1)
    return {key: -kept[0] for key, kept in lowest.items() if len(kept) > limits[key]}


def _keep_lowest(kept: list[float], number: float, most: int) -> None:
    """`kept` is a heap of negated numbers, the highest number first."""
    if len(kept) < most:
        heapq.heappush(kept, -number)
    elif -number > kept[0]:
        heapq.heapreplace(kept, -number)


def _names(row: Instruction, places: list[int]) -> Iterator[tuple[str, str]]:
    """(key, what is drawn for it) of an instruction, and of these of its turns."""
    if places:
        yield row.family, row.id
    of_turns = list(_names_of_turns(row))
    yield from (of_turns[place] for place in places)


def _names_of_turns(row: Instruction) -> Iterator[tuple[str, str]]:
    for place, turn in enumerate(row.turns):
        yield f"{row.family}/{turn.task}", f"{row.id}/{place}"


def _with_turns(row: Instruction, turns: tuple[Turn, ...]) -> Instruction:
    """A record, or a view of one, with some of its turns."""
    if isinstance(row, Instruction):
        return row.model_copy(update={"turns": turns})
    changed: Instruction = msgspec.structs.replace(row, turns=turns)
    return changed


def is_trained_on(node: VideoNode) -> bool:
    """Whether its rows stand in the training file: what is held out is never mixed."""
    return node.video.split in (None, "train")


def _count(counts: Counter[str], rows: Iterable[Instruction]) -> None:
    for row in rows:
        counts[row.family] += len(row.turns)
