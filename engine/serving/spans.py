"""For how long servers of ours held GPUs: one line per fleet in `runs/serving.jsonl`.

GPU time is what a fleet held, not what requests took: a replica answers many requests at once, and
it holds its GPU while it loads weights, waits for decoding, or dies and comes back.
"""

from datetime import UTC, datetime
from uuid import uuid4

from pydantic import AwareDatetime, Field

from engine.dataset import Dataset
from engine.store import JsonlWriter, dump_line, parse_record, read_lines
from schemas import Record


class ServingSpan(Record):
    """One fleet, from the first server's start to the last one's end."""

    stage: str
    model: str
    """As records name it: `openai/<served model>`."""
    num_gpus: int = Field(ge=0)
    """Over all servers."""
    started_at: AwareDatetime
    ended_at: AwareDatetime
    num_requests: int | None = Field(default=None, ge=0)
    """Answered; None: not counted."""
    prompt_tokens: int | None = Field(default=None, ge=0)
    output_tokens: int | None = Field(default=None, ge=0)

    @property
    def hours(self) -> float:
        """On the wall clock; 0 where the clock was set back meanwhile."""
        return max(0.0, (self.ended_at - self.started_at).total_seconds()) / 3600


def new_span(*, stage: str, model: str, num_gpus: int) -> ServingSpan:
    """A span that starts and, for now, ends at this moment."""
    now = datetime.now(UTC)
    return ServingSpan(
        id=uuid4().hex[:12],
        stage=stage,
        model=model,
        num_gpus=num_gpus,
        started_at=now,
        ended_at=now,
    )


def note_serving(
    dataset: Dataset,
    span: ServingSpan,
    *,
    num_requests: int | None = None,
    prompt_tokens: int | None = None,
    output_tokens: int | None = None,
) -> None:
    """Write down that the span lasted until now, with what was done in it so far.

    May be called again and again: the last line of an id counts. So a fleet whose process is killed
    has cost at least what was noted last. Raises `ServiceError` when the disk is full.
    """
    changes = {
        "ended_at": datetime.now(UTC),
        "num_requests": num_requests,
        "prompt_tokens": prompt_tokens,
        "output_tokens": output_tokens,
    }
    with JsonlWriter(dataset.serving_path, wait_seconds=10.0) as writer:
        writer.append([dump_line(span.model_copy(update=changes))])


def serving_spans(dataset: Dataset) -> list[ServingSpan]:
    """All fleets so far, in order of their first lines."""
    newest: dict[str, ServingSpan] = {}
    for line in read_lines(dataset.serving_path):
        span = parse_record(ServingSpan, line, path=dataset.serving_path)
        newest[span.id] = span
    return list(newest.values())
