"""Instructions of multiple choice -> rows of the csv that VAU-R1 and evaluations read."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from engine.exporters.footage import source_path
from engine.mcq import LETTERS, Span, printed, read_option, span_in
from engine.tree import VideoNode
from schemas import Instruction, Summary, Turn

COLUMNS = (
    *("Video Name", "Question", "Option 1", "Option 2", "Option 3", "Option 4"),
    *("Correct Option (A-D)", "Key Object", "Description", "Reasoning"),
    *("Anomaly Class", "Start Time", "End Time", "Question Id"),
)
"""VAU-R1's, and an id by which `vau-data evaluate mcq` finds the answer."""


def csv_head() -> bytes:
    """The line of the columns' names."""
    return _csv_line(COLUMNS)


def csv_rows(node: VideoNode, kept: Sequence[Instruction]) -> Iterator[bytes]:
    """A line per question with four printed options; times in seconds from the first frame.

    Description and reasoning are those of the event that is asked about. Nothing here knows key
    objects: that column is empty.
    """
    turns = [turn for row in kept for turn in row.turns if turn.task == "mcq"]
    summaries = {span_in(node.video, one.event): one.summary for one in node.events}
    for number, turn in enumerate(turns, start=1):
        yield from _row(node, turn, f"{node.video.id}:{number}", summaries)


def _row(
    node: VideoNode,
    turn: Turn,
    question_id: str,
    summaries: Mapping[Span, Summary | None],
) -> Iterator[bytes]:
    read = printed(turn.question)
    if read is None or turn.answer not in LETTERS:
        return
    right = read_option(read.options[LETTERS.index(turn.answer)])
    summary = None if right is None else summaries.get(right.span)
    told = ("", "") if right is None else right.times
    yield _csv_line(
        [
            source_path(node.video),
            read.question,
            *read.options,
            turn.answer,
            "",
            "" if summary is None else summary.description,
            "" if summary is None else summary.analysis or "",
            "" if right is None else right.category,
            *told,
            question_id,
        ]
    )


def _csv_line(values: Iterable[str]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(values)
    return stream.getvalue().encode()
