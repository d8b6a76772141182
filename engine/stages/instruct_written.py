"""Segments and what is known of them -> Instructions that a model writes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from engine.families.family import Subject
from engine.families.written import AnyWrittenFamily
from engine.models.chat import Json
from engine.models.openai_forms import OpenAiWriter
from engine.progress import Vitals
from engine.prompting import draw
from engine.stage import Item
from schemas import Instruction, Provenance, Record


@dataclass(frozen=True)
class WrittenInstructStage:
    """A family that a model writes; its replies have a form, and are checked against the label."""

    family: AnyWrittenFamily
    writer: OpenAiWriter
    seed: int
    name: ClassVar[str] = "instruct"
    writes: ClassVar[type[Record]] = Instruction

    @property
    def concurrency(self) -> int:
        """As much as the model takes."""
        return self.writer.concurrency

    def check(self) -> None:
        """Ask the model's endpoint whether it can be used."""
        self.writer.check()

    def close(self) -> None:
        """Let its connections go."""
        self.writer.close()

    def vitals(self) -> Vitals | None:
        """How its servers are."""
        return self.writer.vitals()

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """The family, the model, and the seed by which questions of pools are drawn."""
        return {
            **self.family.fingerprint_parts(),
            "model": self.writer.name,
            "model_settings": dict(self.writer.fingerprint_parts()),
            "seed": self.seed,
        }

    def body(self, subject: Subject) -> dict[str, Json]:
        """Exactly what the model is sent."""
        return self.writer.body(self.family.prompt(subject), self.family.form(subject))

    def process(self, item: Item[Subject]) -> Iterable[Record]:
        """One Instruction; none, and nothing asked, where nobody could tell what it shows."""
        subject = item.body
        if subject.verdict is None:
            return
        prompt, form = self.family.prompt(subject), self.family.form(subject)
        parts, usage = self.writer.write(item.id, prompt, form)
        start, end = subject.interval_seconds
        yield Instruction(
            id=item.id,
            video_id=subject.video_id,
            start_seconds=start,
            end_seconds=end,
            segment_id=subject.segment_id,
            granularity=subject.granularity,
            family=self.family.name,
            is_anomalous=subject.verdict,
            turns=self.family.turns(subject, parts, self._draw),
            provenance=Provenance(made_by="model", name=self.writer.name),
            usage=usage,
        )

    def _draw(self, pool: str, key: str) -> str:
        return draw(pool, f"{self.seed}/{key}")
