"""Instruction rows, ours or the published ones -> the defects found in them."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator

from engine.exporters.hivau import media_path
from engine.quality.findings import Finding
from engine.quality.polarity import judgement_polarity
from engine.sources.hivau_instructions import InstructionRow
from engine.sources.names import label_of_any_stem
from schemas import Instruction, Video

_FUSED = re.compile(r"[?.!][A-Z]")
_PRESUMES_ANOMALY = re.compile(r"\b(?:anomal|abnormal)", re.IGNORECASE)
_SEGMENT = re.compile(r"_E(?P<event>\d+)(?:C\d+)?$")
LabelOf = Callable[[str], bool | None]
"""Segment id -> whether it is abnormal; None: not known."""


def validate_instruction_rows(
    rows: Iterable[InstructionRow], *, is_anomalous_of: LabelOf = lambda _segment_id: None
) -> Iterator[Finding]:
    """Every defect of a file of instruction rows; findings name the segment.

    Whether a segment is normal is asked of `is_anomalous_of`, then of the file's name (UCF-Crime
    and XD-Violence names tell), then of the segment's own judgement.
    """
    all_rows = list(rows)
    judged = _judged(all_rows)
    seen: set[tuple[str, str | None, str]] = set()
    for row in all_rows:
        is_anomalous = _label(row.segment_id, is_anomalous_of, judged)
        yield from _row(row, is_anomalous)
        key = (row.video, row.task, row.answer)
        if key in seen and row.task is not None:
            yield Finding("duplicate-row", row.segment_id, f"row {row.id}: {row.task}, again")
        seen.add(key)
    yield from _repeated_clips(all_rows)


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


def _row(row: InstructionRow, is_anomalous: bool | None) -> Iterator[Finding]:
    where = f"row {row.id}"
    if not row.question.strip() or not row.answer.strip():
        yield Finding("empty-text", row.segment_id, f"{where}: question or answer is empty")
    if _FUSED.search(row.question):
        yield Finding("fused-questions", row.segment_id, f"{where}: {row.question!r}")
    if row.has_misspelt_key:
        yield Finding("misspelt-answer-key", row.segment_id, where)
    asks_for_one = row.task == "analysis" or (
        row.task == "description" and _PRESUMES_ANOMALY.search(row.question)
    )
    if asks_for_one and is_anomalous is False:
        yield Finding("normal-asked-for-anomaly", row.segment_id, f"{where}: {row.question!r}")
    yield from _judgement(row, is_anomalous)


def _judgement(row: InstructionRow, is_anomalous: bool | None) -> Iterator[Finding]:
    if row.task != "judgement" or is_anomalous is None:
        return
    said = judgement_polarity(row.answer)
    if said is not None and said != is_anomalous:
        code = "abnormal-judged-normal" if is_anomalous else "normal-judged-abnormal"
        yield Finding(code, row.segment_id, f"row {row.id}: {row.answer[:120]!r}")


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


def _repeated_clips(rows: Iterable[InstructionRow]) -> Iterator[Finding]:
    """Videos of several events where each clip stands as often as there are events."""
    num_rows_of: dict[str, Counter[str]] = defaultdict(Counter)
    events_of: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        match = _SEGMENT.search(row.segment_id)
        if match is None:
            continue
        video_id = row.segment_id[: match.start()]
        events_of[video_id].add(match["event"])
        if row.granularity == "clip" and row.task == "caption":
            num_rows_of[video_id][row.segment_id] += 1
    for video_id, counts in num_rows_of.items():
        num_events = len(events_of[video_id])
        if num_events > 1 and set(counts.values()) == {num_events}:
            detail = f"each of {len(counts)} clips stands {num_events} times"
            yield Finding("clips-repeated-under-each-event", video_id, detail)
