"""Instructions -> conversation rows of LLaMA-Factory, ms-swift, InternVL and TRL.

Each row is a plain dict in its trainer's documented shape; a cut file or, where the trainer reads
times, a stretch of the source video.
"""

from collections.abc import Iterator
from typing import NotRequired, TypedDict

from engine.exporters.footage import Footage, frame_paths, seconds_into
from engine.exporters.hivau import VIDEO_TAG, Message, conversation
from schemas import Instruction, Turn, Video


class LlamaFactoryRow(TypedDict):
    """Sharegpt form; as many videos as `<video>` tags."""

    id: str
    conversations: list[Message]
    videos: list[str]


class ChatMessage(TypedDict):
    """OpenAI's form."""

    role: str
    content: str


class VideoStretch(TypedDict):
    """Keywords that swift hands to Qwen's reader of videos, in seconds."""

    video_start: float
    video_end: float


class SwiftRow(TypedDict):
    """ms-swift's standard form."""

    id: str
    messages: list[ChatMessage]
    videos: list[str]
    chat_template_kwargs: NotRequired[VideoStretch]


class InternvlRow(TypedDict):
    """InternVL's form with Holmes-VAU's `type` and `task`."""

    id: int
    type: str
    task: str
    video: str
    clip: NotRequired[list[float]]
    conversations: list[Message]


class TrlRow(TypedDict):
    """TRL's conversational form; it puts the pictures before the first question."""

    id: str
    images: list[str]
    messages: list[ChatMessage]


def llama_factory_row(video: Video, instruction: Instruction, footage: Footage) -> LlamaFactoryRow:
    """All questions about a segment as one conversation."""
    return {
        "id": instruction.id,
        "conversations": conversation(instruction, first_prefix=VIDEO_TAG),
        "videos": [footage.path(video, instruction)],
    }


def swift_row(video: Video, instruction: Instruction, footage: Footage) -> SwiftRow:
    """All questions about a segment as one conversation; times are for models of Qwen's family."""
    row: SwiftRow = {
        "id": instruction.id,
        "messages": _messages(instruction, first_prefix=VIDEO_TAG),
        "videos": [footage.path(video, instruction)],
    }
    if footage.with_times:
        start, end = seconds_into(video, instruction)
        row["chat_template_kwargs"] = {"video_start": start, "video_end": end}
    return row


def internvl_rows(
    video: Video, instruction: Instruction, footage: Footage, *, start_id: int
) -> Iterator[InternvlRow]:
    """One row per question, as Holmes-VAU's trainer takes them, ids from `start_id` on."""
    for row_id, turn in enumerate(instruction.turns, start=start_id):
        row: InternvlRow = {
            "id": row_id,
            "type": instruction.granularity,
            "task": turn.task,
            "video": footage.path(video, instruction),
            "conversations": _question(turn),
        }
        if footage.with_times:
            row["clip"] = list(seconds_into(video, instruction))
        yield row


def trl_row(video: Video, instruction: Instruction, footage: Footage) -> TrlRow:
    """All questions about a segment as one conversation about pictures of it."""
    return {
        "id": instruction.id,
        "images": frame_paths(video, instruction, num_frames=footage.num_frames),
        "messages": _messages(instruction, first_prefix=""),
    }


def _question(turn: Turn) -> list[Message]:
    return [
        {"from": "human", "value": VIDEO_TAG + turn.question},
        {"from": "gpt", "value": turn.answer},
    ]


def _messages(instruction: Instruction, *, first_prefix: str) -> list[ChatMessage]:
    messages: list[ChatMessage] = []
    prefix = first_prefix
    for turn in instruction.turns:
        asked = prefix + turn.question
        messages.append({"role": "user", "content": asked})
        messages.append({"role": "assistant", "content": turn.answer})
        prefix = ""
    return messages
