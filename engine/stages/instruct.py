"""Segments and what is known of them -> Instructions of one family."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from engine.families.family import RuleFamily, Subject
from engine.models.chat import Json
from engine.prompting import draw
from engine.stage import Item
from schemas import Instruction, Provenance, Record


@dataclass(frozen=True)
class InstructStage:
    """A family that rules make."""

    family: RuleFamily[Any]
    seed: int
    name: ClassVar[str] = "instruct"
    writes: ClassVar[type[Record]] = Instruction
    concurrency: ClassVar[int] = 1

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """The family, and the seed by which questions are drawn."""
        return {**self.family.fingerprint_parts(), "seed": self.seed}

    def process(self, item: Item[Subject]) -> Iterable[Record]:
        """One Instruction; none where what is known holds no answer."""
        turns = self.family.turns(item.body, self._draw)
        if not turns:
            return ()
        subject = item.body
        start, end = subject.interval_seconds
        instruction = Instruction(
            id=item.id,
            video_id=subject.video_id,
            start_seconds=start,
            end_seconds=end,
            segment_id=subject.segment_id,
            granularity=subject.granularity,
            family=self.family.name,
            is_anomalous=subject.verdict,
            turns=turns,
            provenance=Provenance(made_by="rule", name=f"rule/instruct-{self.family.name}"),
        )
        return (instruction,)

    def _draw(self, pool: str, key: str) -> str:
        return draw(pool, f"{self.seed}/{key}")
