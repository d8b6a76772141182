"""Instruction rows, ours or the published ones -> the defects found in them."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from engine.exporters.hivau import media_path
from engine.quality.defects import Defect
from engine.quality.polarity import judgement_polarity
from engine.sources.hivau_instructions import InstructionRow, read_instructions
from engine.sources.names import label_of_any_stem
from schemas import Instruction, Video

_FUSED = re.compile(r"[?.!][A-Z]")
_PRESUMES_ANOMALY = re.compile(r"\b(?:anomal|abnormal)", re.IGNORECASE)
_SEGMENT = re.compile(r"_E(?P<event>\d+)(?:C\d+)?$")


@dataclass(frozen=True)
class Rereadable:
    """The rows of a JSONL file, read anew each time they are gone through."""

    path: Path

    def __iter__(self) -> Iterator[InstructionRow]:
        return read_instructions(self.path)


LabelOf = Callable[[str], bool | None]
"""Segment id -> whether it is abnormal; None: not known."""


def validate_instruction_rows(
    rows: Collection[InstructionRow] | Rereadable,
    *,
    is_anomalous_of: LabelOf = lambda _segment_id: None,
) -> Iterator[Defect]:
    """Every defect of a file of instruction rows; defects name the segment.

    `rows` are gone through twice; a file's are read twice and not held.

    Whether a segment is normal is asked of `is_anomalous_of`, then of the file's name (UCF-Crime
    and XD-Violence names tell), then of the segment's own judgement.
    """
    judged = _judged(rows)
    seen: set[bytes] = set()
    clips = _ClipCounts()
    for row in rows:
        yield from _row(row, _label(row.segment_id, is_anomalous_of, judged))
        key = _digest(row)
        if key in seen and row.task is not None:
            yield Defect("duplicate-row", row.segment_id, f"row {row.id}: {row.task}, again")
        seen.add(key)
        clips.add(row)
    yield from clips.repeated()


def _digest(row: InstructionRow) -> bytes:
    told = f"{row.video}\0{row.clip}\0{row.task}\0{row.answer}"
    if row.task == "mcq":  # a letter is the answer to many questions
        told += f"\0{row.question}"
    return blake2b(told.encode(), digest_size=12).digest()


def rows_of_instruction(video: Video, instruction: Instruction) -> Iterator[InstructionRow]:
    """A record of ours as rows, so that both are held to the same rules."""
    path = media_path(video, granularity=instruction.granularity, segment_id=instruction.segment_id)
    for turn in instruction.turns:
        yield InstructionRow(
            id=instruction.id,
            granularity=instruction.granularity,
            task=turn.task,
            video=path,
            question=turn.question,
            answer=turn.answer,
            has_misspelt_key=False,
        )


def is_fused(question: str) -> bool:
    """Whether one sentence follows another without a space, as where a comma was missing."""
    return _FUSED.search(question) is not None


def presumes_anomaly(question: str, *, task: str | None) -> bool:
    """Whether a question makes no sense of a normal segment: it asks for its anomaly."""
    return task == "analysis" or (
        task == "description" and _PRESUMES_ANOMALY.search(question) is not None
    )


def _row(row: InstructionRow, is_anomalous: bool | None) -> Iterator[Defect]:
    where = f"row {row.id}"
    if not row.question.strip() or not row.answer.strip():
        yield Defect("empty-text", row.segment_id, f"{where}: question or answer is empty")
    if is_fused(row.question):
        yield Defect("fused-questions", row.segment_id, f"{where}: {row.question!r}")
    if row.has_misspelt_key:
        yield Defect("misspelt-answer-key", row.segment_id, where)
    if is_anomalous is False and presumes_anomaly(row.question, task=row.task):
        yield Defect("normal-asked-for-anomaly", row.segment_id, f"{where}: {row.question!r}")
    yield from _judgement(row, is_anomalous)


def _judgement(row: InstructionRow, is_anomalous: bool | None) -> Iterator[Defect]:
    if row.task != "judgement" or is_anomalous is None:
        return
    said = judgement_polarity(row.answer)
    if said is not None and said != is_anomalous:
        code = "abnormal-judged-normal" if is_anomalous else "normal-judged-abnormal"
        yield Defect(code, row.segment_id, f"row {row.id}: {row.answer[:120]!r}")


def _judged(rows: Iterable[InstructionRow]) -> dict[str, bool | None]:
    return {
        row.segment_id: judgement_polarity(row.answer) for row in rows if row.task == "judgement"
    }


def _label(
    segment_id: str, is_anomalous_of: LabelOf, judged: dict[str, bool | None]
) -> bool | None:
    known = is_anomalous_of(segment_id)
    if known is not None:
        return known
    by_name = label_of_any_stem(_SEGMENT.sub("", segment_id))
    return by_name.is_anomalous if by_name is not None else judged.get(segment_id)


@dataclass
class _ClipCounts:
    """Videos of several events where each clip stands as often as there are events."""

    num_rows_of: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    events_of: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, row: InstructionRow) -> None:
        match = _SEGMENT.search(row.segment_id)
        if match is None:
            return
        video_id = row.segment_id[: match.start()]
        self.events_of[video_id].add(match["event"])
        if row.granularity == "clip" and row.task == "caption":
            self.num_rows_of[video_id][row.segment_id] += 1

    def repeated(self) -> Iterator[Defect]:
        for video_id, counts in self.num_rows_of.items():
            num_events = len(self.events_of[video_id])
            if num_events > 1 and set(counts.values()) == {num_events}:
                detail = f"each of {len(counts)} clips stands {num_events} times"
                yield Defect("clips-repeated-under-each-event", video_id, detail)
