"""Instructions: questions and answers about one segment, ready for a trainer."""

from pydantic import Field

from schemas.base import Frozen, Granularity, Id, NonEmptyText, Provenance, Span, Task, Usage


class Turn(Frozen):
    """One question and its answer."""

    task: Task
    question: NonEmptyText
    answer: NonEmptyText


class Instruction(Span):
    """All turns of one family about one clip, event or video; id `{family}:{segment_id}`."""

    segment_id: Id
    granularity: Granularity
    family: Id
    is_anomalous: bool | None
    turns: tuple[Turn, ...] = Field(min_length=1)
    provenance: Provenance
    usage: Usage | None = None
    """What a model that wrote it took; None: no model did, or it counts no tokens."""
