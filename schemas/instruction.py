"""Instructions: questions and answers about one segment, ready for a trainer."""

from pydantic import Field

from schemas.base import Frozen, Granularity, NonEmptyText, Provenance, Span, Task


class Turn(Frozen):
    """One question and its answer."""

    task: Task
    question: NonEmptyText
    answer: NonEmptyText


class Instruction(Span):
    """All turns of one family about one clip, event or video; id `{family}:{segment_id}`."""

    segment_id: NonEmptyText
    granularity: Granularity
    family: NonEmptyText
    is_anomalous: bool | None
    turns: tuple[Turn, ...] = Field(min_length=1)
    provenance: Provenance
