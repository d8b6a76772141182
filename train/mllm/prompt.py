"""Pictures of a video and questions in, the text that a model reads out: one way for all uses.

Training and inference both call `conversation` through this module, so what a model is asked is
what it was trained on, to the last character. (Holmes-VAU's published trainer drops the line break
between the last frame and the question; its inference has it.)
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import NamedTuple

from engine.errors import UsageError
from engine.prompting import PROMPTS_DIR_PATH

CHATS_DIR_PATH = PROMPTS_DIR_PATH / "chat"


@dataclass(frozen=True)
class Chat:
    """One family's way to write a conversation; a file of `prompts/chat/`."""

    opening: str
    """Before the first turn."""
    picture: str
    """One place for pictures; may hold `{number}`, from 1, and `{seconds}`."""
    ask: str
    """A question, with `{pictures}` and `{question}`; ends where the answer begins."""
    answer: str
    """`{answer}` with what the model ends its turn with; all of it is learned."""
    between: str
    """Between an answer and the next question; not learned."""


class Exchange(NamedTuple):
    """A question and its answer."""

    question: str
    answer: str


class Conversation(NamedTuple):
    """What a model reads, and which parts of it it is to say itself."""

    text: str
    answers: tuple[tuple[int, int], ...]
    """Of each answer with its end mark: `[start, end)` in characters."""


@cache
def chat_of(family: str) -> Chat:
    """The chat of `internvl`, `llava_next_video`, `qwen2_5_vl` or `qwen3_vl`."""
    path = CHATS_DIR_PATH / f"{family}.toml"
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in CHATS_DIR_PATH.glob("*.toml")))
        raise UsageError(f"no chat for the model family {family!r}; there are: {known}")
    parts = tomllib.loads(path.read_text(encoding="utf-8"))
    wanted = {field.name for field in fields(Chat)}
    if set(parts) != wanted:
        raise UsageError(f"{path} must have exactly {sorted(wanted)}, not {sorted(parts)}")
    return Chat(**parts)


def prompt_text(
    chat: Chat,
    seconds: Sequence[float],
    question: str,
    history: Sequence[Exchange] = (),
) -> str:
    """What a model is asked: up to where its answer begins.

    `seconds` has an entry per place for pictures. The pictures stand before the first question.
    """
    text = conversation(chat, seconds, history).text
    lead = chat.between if history else chat.opening
    shown = "" if history else _pictures(chat, seconds)
    return text + lead + chat.ask.format(pictures=shown, question=question)


def conversation(
    chat: Chat, seconds: Sequence[float], exchanges: Sequence[Exchange]
) -> Conversation:
    """Whole exchanges; without any, an empty text."""
    text, answers = "", list[tuple[int, int]]()
    for number, (question, answer) in enumerate(exchanges):
        text += chat.between if number else chat.opening
        shown = "" if number else _pictures(chat, seconds)
        text += chat.ask.format(pictures=shown, question=question)
        start = len(text)
        text += chat.answer.format(answer=answer)
        answers.append((start, len(text)))
    return Conversation(text, tuple(answers))


def _pictures(chat: Chat, seconds: Sequence[float]) -> str:
    places = enumerate(seconds, start=1)
    return "".join(chat.picture.format(number=number, seconds=at) for number, at in places)
