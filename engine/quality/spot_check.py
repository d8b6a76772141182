"""`vau-data check`: which answers a person looks at next, and what the verdicts say so far.

All answers of a round stand in one order, drawn from the round's seed. The leading ones, as far
as a person has judged them without a gap, are a uniform sample: whether an answer is among them
depends on nothing that is known of it. Those served because findings are about them are where
faults are looked for; they count towards the bound only when the order comes to them, since a
sample of suspects says nothing of the rest.

Mending what a check found must not make the sample look better than the dataset. So a verdict of
wrong stands for its round, whatever becomes of the answer; one of right counts as long as the
answer is what it was. A new round draws anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b, sha256
from typing import get_args

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.index import Index
from engine.quality.audit import findings_by_segment
from engine.quality.bounds import Aim, Bound, bound_of, next_look
from engine.store import JsonlWriter, dump_line, parse_record, read_lines
from schemas import CheckRound, Finding, Instruction, SpotCheck, Turn
from schemas.check import CheckReason

REASONS: tuple[str, ...] = get_args(CheckReason)
VERDICTS = ("right", "wrong", "unsure")


@dataclass(frozen=True)
class CheckItem:
    """One answer, as it is shown to a person."""

    id: str
    instruction: Instruction
    turn: Turn
    findings: tuple[Finding, ...]

    @property
    def answer_sha256(self) -> str:
        """Of all that the person judges by."""
        row = self.instruction
        told = [row.start_seconds, row.end_seconds, self.turn.question, self.turn.answer]
        return sha256("\0".join(map(str, told)).encode()).hexdigest()


@dataclass(frozen=True)
class Progress:
    """Where a round stands."""

    round: CheckRound
    num_items: int
    """Answers of the dataset."""
    num_judged: int
    """Verdicts of this round that count, wherever their answers stand in the order."""
    num_in_sample: int
    num_wrong_in_sample: int
    next_look: int
    bound: Bound | None

    @property
    def is_met(self) -> bool:
        """Whether the round has reached its aim."""
        return self.bound is not None and self.bound.is_met


def error_bound(dataset: Dataset) -> Bound | None:
    """What the newest round rules out, for the dataset card; None: nothing yet."""
    round_ = newest_round(dataset)
    return None if round_ is None else SpotChecks(dataset, round_).progress().bound


def newest_round(dataset: Dataset) -> CheckRound | None:
    """None: no check was ever begun."""
    path = dataset.record_path(CheckRound)
    rounds = [parse_record(CheckRound, line, path=path) for line in read_lines(path)]
    return max(rounds, key=lambda one: int(one.id), default=None)


def begin_round(dataset: Dataset, aim: Aim, *, is_new: bool) -> CheckRound:
    """The round that is under way, or a new one where there is none or `is_new`.

    Raises `UsageError` for another aim than the one it was begun with: an aim that follows from
    answers already seen would make the bound too low.
    """
    last = newest_round(dataset)
    if last is not None and not is_new:
        if (last.at_most, last.confidence) != (aim.at_most, aim.confidence):
            raise UsageError(
                f"round {last.id} was begun for at most {last.at_most:.1%} wrong at "
                f"{last.confidence:.0%}; keep to it, or begin another with --new-round"
            )
        return last
    number = 1 if last is None else int(last.id) + 1
    begun = CheckRound(
        id=str(number),
        at_most=aim.at_most,
        confidence=aim.confidence,
        seed=dataset.config.dataset.seed,
        at=_now(),
    )
    _append(dataset, begun)
    return begun


class SpotChecks:
    """One round over one reading of a dataset; verdicts are taken in as they come."""

    def __init__(self, dataset: Dataset, round_: CheckRound) -> None:
        self.dataset = dataset
        self.round = round_
        self._index = Index(dataset)
        self._verdicts = {one.item_id: one for one in self._stored() if self._counts(one)}

    @property
    def aim(self) -> Aim:
        """What the round is for."""
        return Aim(self.round.at_most, self.round.confidence)

    def _stored(self) -> Iterator[SpotCheck]:
        path = self.dataset.record_path(SpotCheck)
        for line in read_lines(path):
            check = parse_record(SpotCheck, line, path=path)
            if check.round_id == self.round.id:
                yield check

    def _counts(self, check: SpotCheck) -> bool:
        if check.verdict != "right":
            return True
        item = self.item(check.item_id)
        return item is not None and item.answer_sha256 == check.answer_sha256

    @cached_property
    def _item_ids(self) -> list[str]:
        """Every answer of the dataset, those of discarded or vanished texts left out."""
        return [
            f"{instruction_id}:{number}"
            for instruction_id in self._index.lines(Instruction)
            for number in range(len(self._index.fields(Instruction, instruction_id)["turns"]))
        ]

    @cached_property
    def _order(self) -> list[str]:
        gone = self._verdicts.keys() - set(self._item_ids)
        return sorted([*self._item_ids, *gone], key=self._lot)

    def _lot(self, item_id: str) -> bytes:
        drawn = f"{self.round.seed}/{self.round.id}/{item_id}"
        return blake2b(drawn.encode(), digest_size=12).digest()

    @cached_property
    def _findings(self) -> Mapping[str, tuple[Finding, ...]]:
        return findings_by_segment(self._index)

    def item(self, item_id: str) -> CheckItem | None:
        """None: there is no such answer now."""
        instruction_id, _, number = item_id.rpartition(":")
        if instruction_id not in self._index.lines(Instruction) or not number.isdecimal():
            return None
        row = self._index.get(Instruction, instruction_id)
        if int(number) >= len(row.turns):
            return None
        turn = row.turns[int(number)]
        return CheckItem(item_id, row, turn, self._about(row, turn))

    def _about(self, row: Instruction, turn: Turn) -> tuple[Finding, ...]:
        """Findings on the text that the answer was made from, or on this very question."""
        return tuple(
            one
            for one in self._findings.get(row.segment_id, ())
            if one.target != "instruction"
            or (one.target_id == row.id and one.part in (None, turn.task))
        )

    def sample(self) -> list[SpotCheck]:
        """The uniform sample: leading answers of the order that are judged without a gap."""
        leading: list[SpotCheck] = []
        for item_id in self._order:
            check = self._verdicts.get(item_id)
            if check is None:
                break
            leading.append(check)
        return leading

    def progress(self) -> Progress:
        """What is known now."""
        is_wrong = [check.verdict != "right" for check in self.sample()]
        num_items = len(self._order)
        return Progress(
            round=self.round,
            num_items=num_items,
            num_judged=len(self._verdicts),
            num_in_sample=len(is_wrong),
            num_wrong_in_sample=sum(is_wrong),
            next_look=next_look(len(is_wrong), self.aim, num_items=num_items),
            bound=bound_of(is_wrong, self.aim, num_items=num_items),
        )

    def upcoming(self) -> Iterator[CheckItem]:
        """In turn the next of the order and the most suspect one, until none is left.

        What a person says in between is taken into account.
        """
        suspects = iter(self._suspects())
        order = iter(self._order)
        sources = [order, suspects]
        while sources:
            for source in tuple(sources):
                open_one = next((id_ for id_ in source if id_ not in self._verdicts), None)
                item = None if open_one is None else self.item(open_one)
                if item is None:
                    sources.remove(source)
                else:
                    yield item

    def _suspects(self) -> list[str]:
        """Answers that findings are about, those with most first, then in the round's order."""
        counted: list[tuple[int, bytes, str]] = []
        for item_id in self._item_ids:
            instruction_id = item_id.rpartition(":")[0]
            if instruction_id.partition(":")[2] in self._findings:
                item = self.item(item_id)
                num = len(item.findings) if item is not None else 0
                counted.append((-num, self._lot(item_id), item_id))
        return [item_id for num, _, item_id in sorted(counted) if num]

    def enter(self, items: Sequence[tuple[CheckItem, str, str | None]], *, author: str) -> None:
        """Keep (answer, verdict, reason) of each, on disk before this returns.

        Raises `UsageError` for a verdict or a reason that there is not.
        """
        checks = [self._check(item, verdict, reason, author) for item, verdict, reason in items]
        _append(self.dataset, *checks)
        self._verdicts.update((check.item_id, check) for check in checks)

    def _check(self, item: CheckItem, verdict: str, reason: str | None, author: str) -> SpotCheck:
        if problem := problem_of(verdict, reason):
            raise UsageError(f"{item.id}: {problem}")
        return SpotCheck.model_validate(
            {
                "id": f"{self.round.id}:{item.id}",
                "round_id": self.round.id,
                "item_id": item.id,
                "video_id": item.instruction.video_id,
                "segment_id": item.instruction.segment_id,
                "answer_sha256": item.answer_sha256,
                "verdict": verdict,
                "reason": reason,
                "author": author,
                "at": _now(),
            }
        )


def problem_of(verdict: str, reason: str | None) -> str | None:
    """Why a verdict cannot be taken; None: it can."""
    if verdict not in VERDICTS:
        return f"verdict is {verdict!r}, expected one of {', '.join(VERDICTS)}"
    if verdict == "wrong" and reason not in REASONS:
        return f"a wrong answer needs a reason, one of {', '.join(REASONS)}; it has {reason!r}"
    if verdict != "wrong" and reason is not None:
        return f"only a wrong answer has a reason; this one is {verdict} and has {reason!r}"
    return None


def _append(dataset: Dataset, *records: CheckRound | SpotCheck) -> None:
    if not records:
        return
    with JsonlWriter(dataset.record_path(type(records[0])), wait_seconds=10.0) as writer:
        writer.append(dump_line(record) for record in records)
        writer.sync()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
