"""Records -> HIVAU-70k's raw entries and instruction rows, as plain dicts ready to be dumped."""

from collections.abc import Iterable, Iterator
from typing import Literal, NotRequired, TypedDict

from engine.formats import Family
from engine.tree import VideoNode
from schemas import Instruction, Summary, Video
from schemas.base import Granularity, Span

VIDEO_TAG = "<video>\n"
UNNAMED_LABEL = "Anomaly"
"""The raw label of a video that is abnormal but of no named class: `[]` would say normal."""
_FOLDERS: dict[Granularity, str] = {"clip": "clips", "event": "events", "video": "videos"}
_RANKS: dict[Granularity, int] = {"clip": 0, "event": 1, "video": 2}


class SplitParts(TypedDict):
    """One of `*_split`; normal segments have no analysis."""

    judgement: str
    description: str
    analysis: NotRequired[str]


class RawEntry(TypedDict):
    """One video of `{ucf,xd}_database_{train,test}.json`, keys in the release's order."""

    n_frames: int
    fps: float
    label: list[str]
    events: list[list[float]]
    clips: list[list[list[float]]]
    clips_caption: list[list[str]]
    events_summary: list[str]
    video_summary: str
    events_summary_split: list[SplitParts]
    video_summary_split: SplitParts


Message = TypedDict("Message", {"from": Literal["human", "gpt"], "value": str})


class TrainRow(TypedDict):
    """One question of `merge_instruction_train.jsonl`."""

    id: int
    type: str
    task: str
    video: str
    conversations: list[Message]


class HeldOutRow(TypedDict):
    """One question of `merge_instruction_test.jsonl`; `anwser` is the release's spelling."""

    id: int
    type: str
    task: str
    video: str
    prompt: str
    answer: NotRequired[str]
    anwser: NotRequired[str]


class MultiRow(TypedDict):
    """All questions about one segment, as in the paper's Figs. B–D."""

    id: str
    type: str
    video: str
    conversations: list[Message]


def raw_entry(node: VideoNode) -> RawEntry | None:
    """The video in the raw form; None where the form cannot say what is known of it.

    That is: no summary, or neither label nor judgement (`[]` would say normal).

    Clips without a caption and events without a summary are left out, so numbers move up. Times
    count from the video's first frame, in seconds with 3 decimals. An unlabelled video is
    labelled as its summary judged it.
    """
    if node.summary is None or _is_undecided(node.video, node.summary):
        return None
    events = [(event, event.summary) for event in node.events if event.summary is not None]
    clips = [
        [(clip.clip, clip.caption.text) for clip in event.clips if clip.caption is not None]
        for event, _ in events
    ]
    start = node.video.start_seconds
    return {
        "n_frames": node.video.num_frames,
        "fps": node.video.fps,
        "label": raw_label(node.video, node.summary),
        "events": [_span(event.event, start) for event, _ in events],
        "clips": [[_span(clip, start) for clip, _ in group] for group in clips],
        "clips_caption": [[text for _, text in group] for group in clips],
        "events_summary": [summary.text for _, summary in events],
        "video_summary": node.summary.text,
        "events_summary_split": [_split(summary) for _, summary in events],
        "video_summary_split": _split(node.summary),
    }


def _is_undecided(video: Video, summary: Summary) -> bool:
    return video.is_anomalous is None and summary.is_anomalous is None


def raw_label(video: Video, summary: Summary) -> list[str]:
    """`[]` for normal; the categories, or `UNNAMED_LABEL` where an abnormal video has none."""
    is_anomalous = summary.is_anomalous if video.is_anomalous is None else video.is_anomalous
    return (list(video.categories) or [UNNAMED_LABEL]) if is_anomalous else []


def media_path(video: Video, *, granularity: Granularity, segment_id: str) -> str:
    """Where the release keeps the segment's file: `ucf-crime/clips/train/…_E0C1.mp4`."""
    return f"{video.source}/{_FOLDERS[granularity]}/{video.split or 'train'}/{segment_id}.mp4"


def in_release_order(instructions: Iterable[Instruction]) -> list[Instruction]:
    """One video's instructions as the release has them: clips, events, video; else unchanged."""
    return sorted(instructions, key=lambda instruction: _RANKS[instruction.granularity])


def of_family(name: Family, instructions: Iterable[Instruction]) -> list[Instruction]:
    """Those of one family, for forms that know no other."""
    return [row for row in instructions if row.family == name]


def single_rows(
    video: Video,
    instruction: Instruction,
    *,
    start_id: int,
    form: Literal["train", "test"] = "train",
    compat: bool = False,
) -> Iterator[TrainRow | HeldOutRow]:
    """One row per question, ids from `start_id` on.

    `form="test"` has no conversations and no `<video>` tag; with `compat` its answer is under
    the release's misspelt key `anwser`.
    """
    if form == "train":
        return train_rows(video, instruction, start_id=start_id)
    return held_out_rows(video, instruction, start_id=start_id, compat=compat)


def train_rows(video: Video, instruction: Instruction, *, start_id: int) -> Iterator[TrainRow]:
    """One training row per question, ids from `start_id` on."""
    kind = instruction.granularity
    path = media_path(video, granularity=kind, segment_id=instruction.segment_id)
    for row_id, turn in enumerate(instruction.turns, start=start_id):
        yield {
            "id": row_id,
            "type": kind,
            "task": turn.task,
            "video": path,
            "conversations": [
                {"from": "human", "value": VIDEO_TAG + turn.question},
                {"from": "gpt", "value": turn.answer},
            ],
        }


def held_out_rows(
    video: Video, instruction: Instruction, *, start_id: int, compat: bool
) -> Iterator[HeldOutRow]:
    """One test row per question, ids from `start_id` on."""
    kind = instruction.granularity
    path = media_path(video, granularity=kind, segment_id=instruction.segment_id)
    for row_id, turn in enumerate(instruction.turns, start=start_id):
        row: HeldOutRow = {
            "id": row_id,
            "type": kind,
            "task": turn.task,
            "video": path,
            "prompt": turn.question,
        }
        if compat:
            row["anwser"] = turn.answer
        else:
            row["answer"] = turn.answer
        yield row


def multi_row(video: Video, instruction: Instruction) -> MultiRow:
    """All questions about a segment as one conversation, without a `<video>` tag."""
    return {
        "id": instruction.segment_id,
        "type": instruction.granularity,
        "video": media_path(
            video, granularity=instruction.granularity, segment_id=instruction.segment_id
        ),
        "conversations": conversation(instruction, first_prefix=""),
    }


def conversation(instruction: Instruction, *, first_prefix: str) -> list[Message]:
    """The turns as messages; the first question is led by `first_prefix`."""
    messages: list[Message] = []
    prefix = first_prefix
    for turn in instruction.turns:
        messages.append({"from": "human", "value": prefix + turn.question})
        messages.append({"from": "gpt", "value": turn.answer})
        prefix = ""
    return messages


def _span(span: Span, start_seconds: float) -> list[float]:
    return [
        round(span.start_seconds - start_seconds, 3),
        round(span.end_seconds - start_seconds, 3),
    ]


def _split(summary: Summary) -> SplitParts:
    parts: SplitParts = {"judgement": summary.judgement, "description": summary.description}
    if summary.analysis is not None:
        parts["analysis"] = summary.analysis
    return parts
