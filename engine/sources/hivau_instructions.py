"""HIVAU-70k instruction files (train, test and the paper's multi-turn form) -> flat rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

import orjson

from engine.errors import UsageError
from engine.models.chat import Json
from engine.sources.json_file import as_list, as_object, as_span, as_text
from schemas.base import Granularity, Task

VIDEO_TAG = "<video>"
MISSPELT_ANSWER = "anwser"


@dataclass(frozen=True, slots=True)
class InstructionRow:
    """One question and its answer about one segment."""

    id: int | str
    granularity: Granularity
    task: Task | None
    """None in the paper's multi-turn form, which does not say."""
    video: str
    """The segment's file, as the row writes it."""
    question: str
    """Without the `<video>` tag."""
    answer: str
    has_misspelt_key: bool
    """The row wrote `anwser`, as the published test file does."""
    clip: tuple[float, float] | None = None
    """The stretch of `video` that it is about, in seconds after the first frame, as our InternVL
    rows say it; None: all of it."""

    @property
    def segment_id(self) -> str:
        """`Abuse001_x264_E0C1` of `ucf-crime/clips/train/Abuse001_x264_E0C1.mp4`."""
        name = self.video.rpartition("/")[2]
        return name.removesuffix(".mp4")


def read_instructions(path: Path) -> Iterator[InstructionRow]:
    """Every question and answer of a JSONL file, in order; several per line of the multi form.

    Raises UsageError naming the first line that is no instruction row.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield from rows_of_line(as_object(orjson.loads(line), what="the line"))
            except ValueError as error:
                raise UsageError(f"{path}, line {number}: no instruction row: {error}") from error


def rows_of_line(fields: Mapping[str, Json]) -> Iterator[InstructionRow]:
    """The questions and answers of one parsed line. Raises ValueError when it is none."""
    has_misspelt_key = MISSPELT_ANSWER in fields
    for question, answer in _turns(fields, has_misspelt_key):
        yield InstructionRow(
            id=_id(fields.get("id")),
            granularity=cast(Granularity, _one_of(fields.get("type"), Granularity, "type")),
            task=cast("Task | None", _one_of(fields["task"], Task, "task"))
            if "task" in fields
            else None,
            video=as_text(fields.get("video"), what="video"),
            question=question.replace(VIDEO_TAG, "").strip(),
            answer=answer,
            has_misspelt_key=has_misspelt_key,
            clip=as_span(fields["clip"], what="clip") if "clip" in fields else None,
        )


def _turns(fields: Mapping[str, Json], is_misspelt: bool) -> Iterator[tuple[str, str]]:
    if "conversations" not in fields:
        answer = fields.get(MISSPELT_ANSWER if is_misspelt else "answer")
        yield as_text(fields.get("prompt"), what="prompt"), as_text(answer, what="answer")
        return
    turns = as_list(fields["conversations"], what="conversations")
    if len(turns) % 2:
        raise ValueError(f"{len(turns)} messages are not pairs of question and answer")
    for human, gpt in zip(turns[::2], turns[1::2], strict=True):
        yield _said(human, "human"), _said(gpt, "gpt")


def _said(message: Json, speaker: str) -> str:
    fields = as_object(message, what="a message")
    if fields.get("from") != speaker:
        raise ValueError(f"a message is from {fields.get('from')!r}, expected {speaker!r}")
    return as_text(fields.get("value"), what="a message's value")


def _id(value: Json) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"id is {value!r}, expected a number or a string")
    return value


def _one_of(value: Json, allowed: object, what: str) -> str:
    text = as_text(value, what=what)
    if text not in get_args(allowed):
        raise ValueError(f"{what} is {text!r}, expected one of {', '.join(get_args(allowed))}")
    return text
