"""Captions and summaries -> Instructions: each text becomes the answer to a drawn question."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from engine.instruct_rows import turns_for_clip, turns_for_summary
from engine.models.chat import Json
from engine.prompting import draw, question_pools, questions
from engine.stage import Item, digest
from schemas import Instruction, Provenance, Record, Summary
from schemas.base import Granularity


class InstructItem(NamedTuple):
    """A segment and what is known of it."""

    segment_id: str
    video_id: str
    granularity: Granularity
    interval_seconds: tuple[float, float]
    is_anomalous: bool | None
    """The segment's label; None for clips and where nobody said."""
    text: str | Summary
    """A clip's caption; an event's or a video's summary."""


@dataclass(frozen=True)
class InstructStage:
    """HIVAU-70k's scheme: clips get captions; events and videos the three summary tasks."""

    seed: int
    name: ClassVar[str] = "instruct"
    writes: ClassVar[type[Record]] = Instruction
    concurrency: ClassVar[int] = 1

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """The seed and the question pools."""
        pools = "\0".join("\n".join((pool, *questions(pool))) for pool in question_pools())
        return {
            "version": 1,
            "family": "hivau",
            "seed": self.seed,
            "questions_sha256": digest(pools.encode()).hex(),
        }

    def process(self, item: Item[InstructItem]) -> Iterable[Record]:
        """One Instruction; none where the texts hold no answer."""
        body = item.body
        if isinstance(body.text, str):
            turns = turns_for_clip(body.segment_id, body.text, self._draw)
        else:
            turns = turns_for_summary(body.text, body.is_anomalous, self._draw)
        if not turns:
            return ()
        instruction = Instruction(
            id=item.id,
            video_id=body.video_id,
            start_seconds=body.interval_seconds[0],
            end_seconds=body.interval_seconds[1],
            segment_id=body.segment_id,
            granularity=body.granularity,
            family="hivau",
            is_anomalous=_is_anomalous(body),
            turns=turns,
            provenance=_PROVENANCE,
        )
        return (instruction,)

    def _draw(self, pool: str, key: str) -> str:
        return draw(pool, f"{self.seed}/{key}")


def _is_anomalous(body: InstructItem) -> bool | None:
    """The label, or the summarizer's judgement where there is none."""
    if body.is_anomalous is None and not isinstance(body.text, str):
        return body.text.is_anomalous
    return body.is_anomalous


_PROVENANCE = Provenance(made_by="rule", name="rule/instruct-hivau")
