"""Conversations of any trainer's form -> counts and defects."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from engine.models.chat import Json
from engine.quality.defects import Defect
from engine.quality.published import FileReport
from engine.quality.row_validators import is_fused
from engine.sources.json_file import as_list, as_object, as_text

_TAG = "<video>"
_ASKS = ("human", "user")
_ANSWERS = ("gpt", "assistant")
_ONE_TURN = ("user", "assistant")
"""VAD-Instruct50k's keys."""


@dataclass(frozen=True)
class Dialogue:
    """One row: LLaVA's, LLaMA-Factory's, InternVL's, ms-swift's or VAD-Instruct50k's."""

    name: str
    """The row's id, else its first video."""
    num_videos: int | None
    """None: the row names none."""
    messages: tuple[tuple[str, str], ...]
    """(speaker, text)."""


def dialogue_of(number: int, row: Json) -> Dialogue:
    """Raises `ValueError` naming what is not so."""
    fields = as_object(row, what=f"row {number}")
    if "user" in fields:
        turn: list[Json] = [{"from": one, "value": fields.get(one)} for one in _ONE_TURN]
        fields = fields | {"messages": turn}
    key = "conversations" if "conversations" in fields else "messages"
    messages = tuple(
        _message(message, f"a message of row {number}")
        for message in as_list(fields.get(key), what=f"{key} of row {number}")
    )
    videos = _videos(fields)
    name = fields.get("id", videos[0] if videos else number)
    return Dialogue(str(name), len(videos) if videos else None, messages)


def _message(message: Json, what: str) -> tuple[str, str]:
    fields = as_object(message, what=what)
    speaker = fields.get("from", fields.get("role"))
    text = fields.get("value", fields.get("content"))
    if isinstance(text, list):
        parts = [as_object(part, what=what) for part in text]
        text = "".join(str(part.get("text", "")) for part in parts)
    return as_text(speaker, what=f"the speaker of {what}"), as_text(text, what=what)


def _videos(fields: dict[str, Json]) -> list[str]:
    if "video" in fields:
        return [as_text(fields["video"], what="video")]
    videos = fields.get("videos")
    return [str(one) for one in videos] if isinstance(videos, list) else []


def report_on_dialogues(rows: Iterable[Dialogue]) -> FileReport:
    """Reads each row once and keeps a digest of it."""
    defects: list[Defect] = []
    seen: set[bytes] = set()
    num_rows = num_turns = 0
    for row in rows:
        num_rows += 1
        num_turns += len(row.messages) // 2
        defects += dialogue_defects(row)
        told = "\0".join(part for message in row.messages for part in message)
        key = blake2b(f"{row.name}\0{told}".encode(), digest_size=12).digest()
        if key in seen:
            defects.append(Defect("duplicate-row", row.name, f"row {num_rows}: as an earlier one"))
        seen.add(key)
    return FileReport("conversations", {"rows": num_rows, "turns": num_turns}, tuple(defects))


def dialogue_defects(row: Dialogue) -> Iterator[Defect]:
    """Of one row alone."""
    speakers = [speaker for speaker, _ in row.messages if speaker != "system"]
    if not _is_in_turn(speakers):
        yield Defect(
            "turns-out-of-order", row.name, f"speakers are {', '.join(speakers) or 'none'}"
        )
    texts = [text.replace(_TAG, "").strip() for _, text in row.messages]
    if not all(texts):
        yield Defect("empty-text", row.name, f"message {texts.index('') + 1} is empty")
    questions = [text for speaker, text in row.messages if speaker in _ASKS]
    for question in questions:
        if is_fused(question):
            yield Defect("fused-questions", row.name, f"{question!r:.160}")
    num_tags = sum(text.count(_TAG) for _, text in row.messages)
    if row.num_videos is not None and num_tags != row.num_videos:
        detail = f"{num_tags} tags for {row.num_videos} videos"
        yield Defect("video-tag-count", row.name, detail)


def _is_in_turn(speakers: Sequence[str]) -> bool:
    asked, answered = speakers[::2], speakers[1::2]
    is_paired = len(asked) == len(answered) > 0
    return is_paired and all(one in _ASKS for one in asked) and all(o in _ANSWERS for o in answered)
