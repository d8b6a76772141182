"""Trees -> the rows of VAD-Instruct50k (Holmes-VAD) and VAD-LLaMA."""

from collections.abc import Iterator, Sequence
from typing import TypedDict

from engine.exporters.footage import source_path
from engine.exporters.hivau import VIDEO_TAG, media_path
from engine.families import vad_llama
from engine.families.times import TimedEvent, TimesSubject
from engine.prompting import draw
from engine.tree import EventNode, VideoNode
from schemas import Event, Instruction, Video

VAD_INSTRUCT = "vad-instruct"
"""The family whose instructions are VAD-Instruct50k's items."""
_POOL = "vad_instruct"
VAD_LLAMA = "vad-llama"
"""The family whose instructions are VAD-LLaMA's questions and answers."""

# Holmes-VAD writes a space between the line break and the question.
_TAG = VIDEO_TAG + " "


class VadInstructRow(TypedDict):
    """One item `{user, assistant}` about an event's clip."""

    id: str
    video: str
    user: str
    assistant: str


class QuestionAnswer(TypedDict):
    """One of VAD-LLaMA's `QA`."""

    q: str
    a: str


class VadLlamaRow(TypedDict):
    """A whole source video and its spans."""

    video: str
    length: int
    QA: list[QuestionAnswer]


def vad_instruct_rows(
    node: VideoNode, kept: Sequence[Instruction], *, is_own_alone: bool = False
) -> Iterator[VadInstructRow]:
    """Items about events: those of family `vad-instruct`, else made of the event's summary.

    With `is_own_alone` the first alone: what a mix left out must not come back.

    `kept` is the video's instructions without those of segments that could not be cut; such
    events have no items.
    """
    written = {row.segment_id: row for row in kept if row.family == VAD_INSTRUCT}
    failed = {row.segment_id for row in node.instructions} - {row.segment_id for row in kept}
    for event in node.events:
        if event.event.id in failed:
            continue
        if (instruction := written.get(event.event.id)) is not None:
            for turn in instruction.turns:
                yield _item(node.video, event.event, turn.question, turn.answer)
        elif event.summary is not None and not is_own_alone:
            question = draw(_POOL, event.event.id)
            yield _item(node.video, event.event, question, event.summary.text)


def _item(video: Video, event: Event, question: str, answer: str) -> VadInstructRow:
    return {
        "id": _clip_name(video, event),
        "video": media_path(video, granularity="event", segment_id=event.id),
        "user": _TAG + question,
        "assistant": answer,
    }


def _clip_name(video: Video, event: Event) -> str:
    """`{stem}_{start frame}_{end frame}`, the paper's name of an event's clip."""
    start, end = (
        round((seconds - video.start_seconds) * video.fps)
        for seconds in (event.start_seconds, event.end_seconds)
    )
    return f"{video.id}_{start}_{end}"


def vad_llama_row(
    node: VideoNode, kept: Sequence[Instruction] = (), *, is_own_alone: bool = False
) -> VadLlamaRow | None:
    """The video with its item of family `vad-llama`, else with the spans of its abnormal events.

    With `is_own_alone` the first alone: what a mix left out must not come back. None where these
    are not known: nothing says whether it is abnormal, or it is and nobody marked where.
    """
    written = [turn for row in kept if row.family == VAD_LLAMA for turn in row.turns]
    asked = written if written or is_own_alone else vad_llama.turns(_times_of(node), draw)
    if not asked:
        return None
    return {
        "video": source_path(node.video),
        "length": node.video.num_frames,
        "QA": [{"q": turn.question, "a": turn.answer} for turn in asked],
    }


def _times_of(node: VideoNode) -> TimesSubject:
    video = node.video
    events = tuple(
        TimedEvent((one.event.start_seconds, one.event.end_seconds), _verdict(one.event, one))
        for one in node.events
    )
    interval = (video.start_seconds, video.end_seconds)
    return TimesSubject(video.id, interval, _verdict(video, node), events)


def _verdict(segment: Video | Event, node: VideoNode | EventNode) -> bool | None:
    if segment.is_anomalous is None and node.summary is not None:
        return node.summary.is_anomalous
    return segment.is_anomalous
