"""Instructions -> self-contained samples: all that is known of a question, for any reader."""

from typing import TypedDict

from engine.exporters.footage import cut_path, source_path
from schemas import Instruction, Video


class Question(TypedDict):
    """One turn."""

    task: str
    question: str
    answer: str


class Sample(TypedDict):
    """One instruction with its place in the source video."""

    id: str
    video_id: str
    source: str
    split: str | None
    segment_id: str
    granularity: str
    family: str
    is_anomalous: bool | None
    categories: list[str]
    start_seconds: float
    end_seconds: float
    source_video: str
    video: str
    turns: list[Question]
    made_by: str


def sample(video: Video, instruction: Instruction) -> Sample:
    """The sample; times count from the source video's first frame."""
    return {
        "id": instruction.id,
        "video_id": video.id,
        "source": video.source,
        "split": video.split,
        "segment_id": instruction.segment_id,
        "granularity": instruction.granularity,
        "family": instruction.family,
        "is_anomalous": instruction.is_anomalous,
        "categories": list(video.categories),
        "start_seconds": instruction.start_seconds - video.start_seconds,
        "end_seconds": instruction.end_seconds - video.start_seconds,
        "source_video": source_path(video),
        "video": cut_path(video, instruction),
        "turns": [
            {"task": turn.task, "question": turn.question, "answer": turn.answer}
            for turn in instruction.turns
        ],
        "made_by": instruction.provenance.name,
    }
