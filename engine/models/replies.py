"""What an OpenAI-compatible server answers, checked: an envelope in, a usable text out."""

import re
import uuid
from collections.abc import Iterable, Sequence
from typing import Literal
from urllib.parse import quote, unquote

from pydantic import BaseModel, ConfigDict, Field

from engine.errors import ReplyError
from schemas import Usage

_TAG = re.compile(r"vau:([^:\s]+):[0-9a-f]{8}")
_THINKING = re.compile(r"^\s*<think>.*?</think>\s*", re.DOTALL)
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s*")
_WORD = re.compile(r"\w+")

LOOP_MIN_REPEATS = 4
LOOP_MIN_WORDS = 8
LOOP_MAX_PERIOD_WORDS = 30
LOOP_MIN_CHARACTERS = 40
LOOP_MAX_PERIOD_CHARACTERS = 40
SENTENCE_MIN_REPEATS = 3
SENTENCE_MIN_WORDS = 3


class _Envelope(BaseModel):
    """A part of a server's answer; servers add fields of their own, so unknown ones pass."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class ReplyMessage(_Envelope):
    """What the model said."""

    content: str | None = None
    refusal: str | None = None


class ReplyChoice(_Envelope):
    """One answer, and why it ended."""

    message: ReplyMessage
    finish_reason: Literal[
        "stop", "eos_token", "stop_sequence", "length", "content_filter", "abort"
    ]
    """`abort`: vLLM was asked to end, and sent what it had with HTTP 200."""


class ReplyUsage(_Envelope):
    """Tokens as the server counted them."""

    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(default=0, ge=0)


class ChatReply(_Envelope):
    """The answer to one chat completion."""

    id: str | None = None
    choices: tuple[ReplyChoice, ...] = Field(min_length=1, max_length=1)
    usage: ReplyUsage | None = None

    @property
    def is_cut(self) -> bool:
        """Whether it stopped at the token limit."""
        return self.choices[0].finish_reason == "length"


class ServedModel(_Envelope):
    """One line of GET /models."""

    id: str


class ModelList(_Envelope):
    """The answer to GET /models."""

    data: tuple[ServedModel, ...]


def request_tag(item_id: str) -> str:
    """A header-safe name for one attempt at one item.

    vLLM puts `X-Request-Id` into the reply's id, which lets us check whose reply it is. It also
    refuses an id that is still under way (vllm-project/vllm issue 10583), and a timed-out attempt
    may be: hence the random end.
    """
    return f"vau:{quote(item_id, safe='')}:{uuid.uuid4().hex[:8]}"


def check_ids(item_id: str, named: Iterable[str | None]) -> None:
    """Raise `ReplyError("id_mismatch")` where the reply names another item of ours.

    Ids that servers invent say nothing and pass.
    """
    for text in named:
        found = _TAG.search(text or "")
        if found and unquote(found[1]) != item_id:
            raise ReplyError(
                "id_mismatch",
                f"asked for {item_id}, but the reply names {unquote(found[1])}; it was thrown "
                "away. A proxy or a server is mixing up replies: take it out of service",
            )


def is_about(item_id: str, named: str | None) -> bool:
    """Whether an id repeats one of our tags for this item."""
    found = _TAG.search(named or "")
    return found is not None and unquote(found[1]) == item_id


def checked_text(reply: ChatReply, item_id: str, *, max_tokens: int) -> str:
    """The reply's text without a leading `<think>` block; not blocked, cut short or empty."""
    choice = reply.choices[0]
    if choice.finish_reason == "content_filter" or choice.message.refusal:
        said = choice.message.refusal or "no reason given"
        raise ReplyError("reply_blocked", f"{item_id}: the server's filter blocked it: {said:.200}")
    if reply.is_cut:
        raise ReplyError(
            "reply_truncated",
            f"{item_id}: the reply was not finished after {max_tokens} tokens; raise max_tokens",
        )
    text = _THINKING.sub("", choice.message.content or "").strip()
    if not text:
        raise ReplyError("reply_empty", f"{item_id}: the model answered with no text")
    return text


def check_repetition(text: str, item_id: str) -> None:
    """Raise `ReplyError("reply_repetitive")` for a text that goes round in circles."""
    if piece := repeated_piece(text):
        raise ReplyError(
            "reply_repetitive",
            f"{item_id}: the reply keeps saying {piece!r:.120}; with a temperature of 0, try "
            "another seed and a higher temperature, or a repetition_penalty in extra_body",
        )


def repeated_piece(text: str) -> str | None:
    """What a degenerate text says over and over; None for a healthy one.

    A sentence of 3 words or more said 3 times; a run of at most 30 words said 4 times in
    a row, over at least 8 words; or, for scripts without spaces, characters likewise over 40.
    """
    words = _WORD.findall(text.casefold())
    piece = _loop(words, LOOP_MAX_PERIOD_WORDS, LOOP_MIN_WORDS)
    if piece:
        return " ".join(piece)
    characters = [c for c in text if not c.isspace()]
    piece = _loop(characters, LOOP_MAX_PERIOD_CHARACTERS, LOOP_MIN_CHARACTERS)
    return "".join(piece) if piece else _repeated_sentence(text)


def _loop(items: Sequence[str], max_period: int, min_items: int) -> Sequence[str]:
    """The shortest stretch that follows itself often enough; empty: none does."""
    for period in range(1, min(max_period, len(items) // LOOP_MIN_REPEATS) + 1):
        needed = max(min_items, LOOP_MIN_REPEATS * period) - period
        start = period
        while (end := start + needed) <= len(items):
            # From the end, since one mismatch there rules out all starts before it.
            index = end - 1
            while index >= start and items[index] == items[index - period]:
                index -= 1
            if index < start:
                return items[end - period : end]
            start = index + 1
    return []


def _repeated_sentence(text: str) -> str | None:
    counts: dict[str, int] = {}
    for sentence in _SENTENCE_END.split(text):
        words = _WORD.findall(sentence.casefold())
        key = " ".join(words)
        counts[key] = counts.get(key, 0) + (len(words) >= SENTENCE_MIN_WORDS)
        if counts[key] >= SENTENCE_MIN_REPEATS:
            return sentence.strip()
    return None


def total_usage(parts: Sequence[tuple[ReplyUsage | None, float]]) -> Usage | None:
    """The sum over rounds of (tokens, wall seconds); None where a server counts no tokens."""
    counted = [(usage, seconds) for usage, seconds in parts if usage is not None]
    if len(counted) < len(parts):
        return None
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage, _ in counted),
        output_tokens=sum(usage.completion_tokens for usage, _ in counted),
        seconds=sum(seconds for _, seconds in counted),
    )
