"""Stages whose items say how they go wrong; picklable, so that decoding processes can run them."""

import ctypes
import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from engine.errors import ItemError, MediaError, ServiceError, UsageError
from engine.models.chat import Json
from engine.stage import Item
from schemas import Caption, Record
from tests.builders import a_caption


@dataclass(frozen=True)
class LoadingStage:
    """Loads each item by its body: a word that says what happens, or a path to write its pid to."""

    concurrency: int = 1
    deadline: float = 20.0
    name: ClassVar[str] = "caption"
    writes: ClassVar[type[Record]] = Caption

    def fingerprint_parts(self) -> Mapping[str, Json]:
        return {"version": 1}

    def load(self, items: Sequence[Item[Any]]) -> Iterator[Item[Any] | tuple[str, ItemError]]:
        for item in items:
            misbehave(item.body)
            if item.body == "reject":
                yield item.id, MediaError("media_empty", f"{item.id}: no frame")
            else:
                yield item.with_loaded((os.getpid(), len(items)))

    def deadline_seconds(self, items: Sequence[Item[Any]]) -> float:
        return self.deadline

    def process(self, item: Item[Any]) -> Iterable[Record]:
        return [a_caption(item.id, text=f"{item.loaded}")]


@dataclass(frozen=True)
class ComputingStage:
    """Computes each item by its body; needs no process."""

    concurrency: int = 1
    version: int = 1
    name: ClassVar[str] = "caption"
    writes: ClassVar[type[Record]] = Caption

    def fingerprint_parts(self) -> Mapping[str, Json]:
        return {"version": self.version}

    def process(self, item: Item[Any]) -> Iterable[Record]:
        if item.body == "reject":
            raise ItemError("reply_empty", f"{item.id}: nothing was said")
        if item.body == "service":
            raise ServiceError("the endpoint is gone")
        if item.body == "usage":
            raise UsageError("no prompt 'x'")
        if item.body == "interrupt":
            raise KeyboardInterrupt
        if item.body == "fault":
            raise ZeroDivisionError("division by zero")
        return [a_caption(item.id, text=f"{item.body or 'Said'} {self.version}.")]


def misbehave(word: object) -> None:
    """What may go wrong while a video is read."""
    if isinstance(word, Path):
        word.write_text(str(os.getpid()))
        word = "hang"
    if word == "hang":
        time.sleep(1000)
    elif word == "hang in C":
        ctypes.PyDLL(None).sleep(1000)  # keeps the interpreter's lock, as a stuck decoder may
    elif word == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif word == "segfault":
        ctypes.string_at(0)
    elif word == "exit":
        os._exit(3)
    elif word == "memory":
        bytearray(8 << 30)
    elif word == "bad media":
        raise MediaError("media_unreadable", "no moov atom")
    elif word == "fault":
        raise ZeroDivisionError("division by zero")
    elif word == "service":
        raise ServiceError("the disk is full")
