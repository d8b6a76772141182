"""Instructions -> rows that LLaVA and Video-LLaVA trainers take."""

from typing import TypedDict

from engine.exporters.hivau import VIDEO_TAG, Message, conversation, media_path
from schemas import Instruction, Video


class LlavaRow(TypedDict):
    """One conversation about one video file."""

    id: str
    video: str
    conversations: list[Message]


def llava_row(video: Video, instruction: Instruction) -> LlavaRow:
    """All questions about a segment as one conversation; `<video>` leads the first question.

    The id is the instruction's, so that two families about one segment stay apart.
    """
    return {
        "id": instruction.id,
        "video": media_path(
            video, granularity=instruction.granularity, segment_id=instruction.segment_id
        ),
        "conversations": conversation(instruction, first_prefix=VIDEO_TAG),
    }
