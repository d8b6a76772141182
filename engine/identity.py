"""Canaries in a caption run: a captioner's replies belong to the clips they are about, or it stops.

An executor goes in, the same one with canaries among its clips comes out. A canary takes the very
way of a clip: process, thread, connection, endpoint. It is known what each must say; so a reply
that reached another clip is seen in a canary without its code, or in a clip with a canary's code.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import orjson

from engine.dataset import Dataset
from engine.errors import ItemError, MixedUpError
from engine.models.canary import canary_id, code_of, codes_in, new_code, shows_code
from engine.models.connected import Connected
from engine.runner import Executor, Outcome, attempt
from engine.stage import Item, Pending, Stage
from engine.stages.caption import CanaryReply, CaptionStage, canary_item
from engine.store import JsonlWriter
from schemas import Caption

logger = logging.getLogger(__name__)

NUM_AT_START = 5
MOST_UNREAD_AT_START = 1
RECENT_CODES = 100
"""Codes that count as a canary's in a clip's caption: all ever shown would meet, in a corpus of
millions, a number plate that is read aloud."""
CHANCE_OF_FALSE_ALARM = 1e-6

Verdict = Literal["read", "not read", "another's code", "another's id", "no reply"]
_MIXED_UP: tuple[Verdict, ...] = ("another's code", "another's id")


def with_canaries(dataset: Dataset, stage: Stage[Any], executor: Executor) -> Executor:
    """The executor, with canaries where the stage asks a captioner over the network."""
    every = dataset.config.caption.canary_every
    if every and isinstance(stage, CaptionStage) and isinstance(stage.captioner, Connected):
        return CanaryExecutor(executor, every, dataset.canaries_path)
    return executor


@dataclass(frozen=True)
class CanaryExecutor:
    """Does items as `inner` does; stops with `MixedUpError` when replies change places."""

    inner: Executor
    every: int
    """Clips from one canary to the next; at the start of a run they are closer."""
    log_path: Path

    def run(self, stage: Stage[Any], items: Iterable[Pending[Any]]) -> Iterator[Outcome]:
        """Outcomes of the items alone. Asks some canaries one by one before the first item."""
        assert isinstance(stage, CaptionStage)
        items = iter(items)
        first = next(items, None)
        if first is None:
            return
        items = chain([first], items)
        watch = _Watch(stage, self.log_path)
        if not watch.can_be_kept():
            yield from self.inner.run(stage, items)
            return
        yield from self._watched(watch, watch.among(items, every=self.every))
        while watch.num_unread_in_a_row:
            yield from self._watched(watch, watch.one_more())

    def _watched(self, watch: "_Watch", items: Iterable[Pending[Any]]) -> Iterator[Outcome]:
        outcomes = self.inner.run(watch.stage, items)
        try:
            for outcome in outcomes:
                if code_of(outcome.item_id):
                    watch.judge(outcome)
                else:
                    watch.look_at(outcome)
                    yield outcome
        finally:
            if isinstance(outcomes, Generator):
                outcomes.close()


@dataclass
class _Watch:
    """What is known of one run's canaries."""

    stage: CaptionStage
    log_path: Path
    num_unread_in_a_row: int = 0
    _codes: deque[str] = field(default_factory=lambda: deque(maxlen=RECENT_CODES))
    _num_asked: int = 0
    _num_read: int = 0
    _since_good: deque[tuple[float, str]] = field(default_factory=deque)
    """Clips that came out since the last good canary was asked about: when, and their ids."""
    _num_owed: int = 0
    """Canaries to send at the next occasion, since one was not read."""

    def can_be_kept(self) -> bool:
        """Whether this model reads canaries, asked one by one; says so if it does not."""
        replies: list[CanaryReply] = []
        while self._num_asked < NUM_AT_START:
            pending = self._next()
            (loaded,) = self.stage.load([pending.ready()])
            assert isinstance(loaded, Item)
            outcome = attempt(self.stage, loaded)
            self._verdict(outcome, when="start")
            replies += [reply for reply in _records(outcome) if isinstance(reply, CanaryReply)]
            if self._num_asked - self._num_read > MOST_UNREAD_AT_START:
                logger.warning(self._cannot_read(replies))
                return False
        self.num_unread_in_a_row = 0
        return True

    def among(self, items: Iterable[Pending[Any]], *, every: int) -> Iterator[Pending[Any]]:
        """The items, with canaries before the 1st, 2nd, 4th, 8th …, then every so many, and last.

        So a short run has some, and a fault that is there from the start is seen soon.
        """
        for number, pending in enumerate(items, start=1):
            is_early = number < every and number & (number - 1) == 0
            self._num_owed += is_early or number % every == 0
            while self._num_owed:
                yield self._owed()
            yield pending
        yield self._owed()

    def one_more(self) -> Iterator[Pending[Any]]:
        """A canary for after the last item, where the last canaries were not read."""
        yield self._owed()

    def _owed(self) -> Pending[Any]:
        self._num_owed = max(0, self._num_owed - 1)
        return self._next()

    def _next(self) -> Pending[Any]:
        code = new_code(self._codes)
        self._codes.append(code)
        id_ = canary_id(code)
        build = partial(canary_item, id_, num_frames=self.stage.captioner.num_frames)
        return Pending(id_, input_sha256="", group=id_, build=build)

    def judge(self, outcome: Outcome) -> None:
        """Take a canary's outcome into account. Raises `MixedUpError`."""
        verdict = self._verdict(outcome, when="run")
        if verdict == "read":
            (reply,) = _records(outcome)
            asked_at = time.monotonic() - reply.seconds
            while self._since_good and self._since_good[0][0] < asked_at:
                self._since_good.popleft()
        elif verdict == "not read":
            if self.num_unread_in_a_row >= self._most_unread_in_a_row():
                raise self._alarm(
                    f"{self.num_unread_in_a_row} canaries in a row were answered without the code "
                    f"that they show, though the model read {self._num_read} of {self._num_asked}"
                )
            self._num_owed += 1

    def look_at(self, outcome: Outcome) -> None:
        """Take a clip's outcome into account. Raises `MixedUpError`."""
        for record in _records(outcome):
            if not isinstance(record, Caption) or record.provenance.made_by == "human":
                return
            if found := codes_in(record.text) & set(self._codes):
                raise self._alarm(
                    f"id_mismatch: the clip {record.id} was answered with {min(found)}, which "
                    "only a canary shows"
                )
        self._since_good.append((time.monotonic(), outcome.item_id))

    def _verdict(self, outcome: Outcome, *, when: Literal["start", "run"]) -> Verdict:
        code, result = code_of(outcome.item_id), outcome.result
        assert code is not None
        reply = next((one for one in _records(outcome) if isinstance(one, CanaryReply)), None)
        said = str(result) if reply is None else reply.text
        verdict = _verdict_on(result, code, others=set(self._codes) - {code})
        self._num_asked += 1
        self._num_read += verdict == "read"
        self.num_unread_in_a_row = self.num_unread_in_a_row + 1 if verdict == "not read" else 0
        endpoint = None if reply is None else reply.endpoint
        self._write_down(code, when, verdict, said, endpoint)
        if verdict in _MIXED_UP:
            at = f" by {endpoint}" if endpoint else ""
            raise self._alarm(f"the canary that shows {code} was answered{at} with {said!r:.200}")
        return verdict

    def _write_down(
        self, code: str, when: str, verdict: Verdict, said: str, endpoint: str | None
    ) -> None:
        line = {
            "id": canary_id(code),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "model": self.stage.captioner.name,
            "when": when,
            "code": code,
            "reply": said,
            "verdict": verdict,
            "endpoint": endpoint,
        }
        with JsonlWriter(self.log_path, wait_seconds=10.0) as writer:
            writer.append([orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)])

    def _most_unread_in_a_row(self) -> int:
        """As many as come about by chance once in a million, at the share seen before this row."""
        num_asked = self._num_asked - self.num_unread_in_a_row
        share_unread = (num_asked - self._num_read + 1) / (num_asked + 2)
        return math.ceil(math.log(CHANCE_OF_FALSE_ALARM) / math.log(share_unread))

    def _alarm(self, what: str) -> MixedUpError:
        taken_back = [item_id for _, item_id in self._since_good]
        lost = "No caption was written since the last good canary"
        if taken_back:
            lost = (
                "Captions made since the last good canary may lie on the wrong clips: all "
                f"{len(taken_back)} of them are taken back: {taken_back[0]} … {taken_back[-1]}"
            )
        return MixedUpError(
            f"replies are mixed up: {what}. {lost}. Restart the server or remove the proxy that "
            "does this, and run the same command again: it asks anew for all that is missing. "
            f"Every canary stands in {self.log_path}",
            tuple(taken_back),
        )

    def _cannot_read(self, replies: list[CanaryReply]) -> str:
        said = f"it said {replies[-1].text!r:.80}" if replies else "it gave no reply"
        ids = "identity rests on request ids alone"
        if not any(reply.is_named for reply in replies):
            ids = "and its server does not repeat request ids, so nothing checks identity"
        return (
            f"{self.stage.captioner.name} does not read the codes of canaries ({said}), so that "
            f"they cannot show whether replies reach their own clips: {ids}"
        )


def _records(outcome: Outcome) -> tuple[Any, ...]:
    return () if isinstance(outcome.result, ItemError) else outcome.result


def _verdict_on(result: object, code: str, *, others: set[str]) -> Verdict:
    if isinstance(result, ItemError):
        return "another's id" if result.reason == "id_mismatch" else "no reply"
    assert isinstance(result, tuple)
    (reply,) = result
    if codes_in(reply.text) & others:
        return "another's code"
    return "read" if shows_code(reply.text, code) else "not read"
