"""What a stage is: one item in, records out; and the fingerprint of how it does it."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import orjson

from engine.errors import ItemError
from engine.models.chat import Json
from engine.progress import Vitals
from schemas import Record

Body = TypeVar("Body")


class Item(NamedTuple, Generic[Body]):
    """One piece of work, complete: a stage needs nothing else to do it."""

    id: str
    body: Body
    loaded: object = None
    """What the stage's own `load` read from the video file; None for stages without one."""

    def with_loaded(self, loaded: object) -> "Item[Body]":
        """The same item with what was read for it."""
        return self._replace(loaded=loaded)


class Pending(NamedTuple, Generic[Body]):
    """An item that is to be done, not built yet."""

    id: str
    input_sha256: str
    group: str
    """Items of one video; neighbours of one group are decoded together."""
    build: Callable[[], Body]

    def ready(self) -> Item[Body]:
        """Build the item."""
        return Item(self.id, self.build())


@dataclass(frozen=True, slots=True)
class Deferred(Generic[Body]):
    """`partial(build, facts, id)` in a third of the memory: a million clips have as many items."""

    build: Callable[[Any, str], Body]
    facts: object
    segment_id: str

    def __call__(self) -> Body:
        """Build the body of an item."""
        return self.build(self.facts, self.segment_id)


class Stage(Protocol[Body]):
    """One arrow of the flow. A frozen dataclass; touches no dataset folder, catches nothing."""

    @property
    def name(self) -> str:
        """Also the ledger's and the config section's name."""
        ...

    @property
    def writes(self) -> type[Record]:
        """The one type of record it makes."""
        ...

    @property
    def concurrency(self) -> int:
        """How many `process` calls may wait at once; 1: it computes, so one by one."""
        ...

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """All that changes what it makes from the same item."""
        ...

    def process(self, item: Item[Body]) -> Iterable[Record]:
        """Do one item. Raises `ItemError` for this item, `ServiceError` for all."""
        ...


@runtime_checkable
class MediaStage(Protocol):
    """A stage that reads video files; `load` runs in a process that can be killed."""

    def load(self, items: Sequence[Item[Any]]) -> Iterator[Item[Any] | tuple[str, ItemError]]:
        """Read what items of one video need; per item the loaded one, or its id and error."""
        ...

    def deadline_seconds(self, items: Sequence[Item[Any]]) -> float:
        """After how long the process is taken for hung and killed."""
        ...


@runtime_checkable
class Weighed(Protocol):
    """Something loaded that is large enough to matter, and knows how large it is."""

    @property
    def num_bytes(self) -> int:
        """What it takes in memory, near enough."""
        ...


def loaded_bytes(item: Item[Any]) -> int:
    """What an item's frames take; 0 for what does not say."""
    return item.loaded.num_bytes if isinstance(item.loaded, Weighed) else 0


@runtime_checkable
class CheckedStage(Protocol):
    """A stage that leans on something outside: asked before its first item, let go after."""

    def check(self) -> None:
        """Raises `UsageError` or `ServiceError` where its model cannot be used."""
        ...

    def close(self) -> None:
        """Let connections go."""
        ...


@runtime_checkable
class LiveStage(Protocol):
    """A stage with servers behind it, which can say how they are while it works."""

    def vitals(self) -> Vitals | None:
        """None: there are none."""
        ...


def fingerprint_of(stage: Stage[Any]) -> str:
    """16 hex digits that change when the stage would make something else of the same item."""
    return digest(canonical_json(parts_of(stage))).hex()[:16]


def parts_of(stage: Stage[Any]) -> dict[str, Json]:
    """What the fingerprint is made of, readable: kept so that `status` can say what changed."""
    return {"stage": stage.name, **stage.fingerprint_parts()}


def canonical_json(value: Json) -> bytes:
    """Equal values give equal bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest(*parts: bytes) -> bytes:
    """SHA-256 over parts and their lengths, so that none can run into the next."""
    lengths = b"%d," * len(parts) % tuple(map(len, parts))
    return hashlib.sha256(lengths + b"".join(parts)).digest()
