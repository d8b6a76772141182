"""Trees -> the rows of VAD-Instruct50k (Holmes-VAD) and VAD-LLaMA."""

from collections.abc import Iterator, Sequence
from typing import TypedDict

from engine.exporters.footage import source_path
from engine.exporters.hivau import VIDEO_TAG, media_path
from engine.intervals import Interval, merge_overlapping
from engine.prompting import draw, fill, prompt_body
from engine.tree import EventNode, VideoNode
from schemas import Event, Instruction, Video

VAD_INSTRUCT = "vad-instruct"
"""The family whose instructions are VAD-Instruct50k's items."""
_POOL = "vad_instruct"
_PLACES = 1
"""Decimals of a time in VAD-LLaMA's answers."""

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


def vad_instruct_rows(node: VideoNode, kept: Sequence[Instruction]) -> Iterator[VadInstructRow]:
    """Items about events: those of family `vad-instruct`, else made of the event's summary.

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
        elif event.summary is not None:
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


def vad_llama_row(node: VideoNode) -> VadLlamaRow | None:
    """The video with the spans of its abnormal events; None where these are not known.

    That is: nothing says whether it is abnormal, or it is and nobody marked where.
    """
    spans = merge_overlapping(
        (event.event.start_seconds, event.event.end_seconds)
        for event in node.events
        if _is_anomalous(event)
    )
    is_anomalous = _label(node)
    if is_anomalous is None or bool(spans) != is_anomalous:
        return None
    answer = spans_told(spans, node.video.start_seconds) if spans else fill("vad_llama.normal", {})
    return {
        "video": source_path(node.video),
        "length": node.video.num_frames,
        "QA": [{"q": prompt_body("vad_llama.question"), "a": answer}],
    }


def spans_told(spans: Sequence[Interval], start_seconds: float) -> str:
    """VAD-LLaMA's answer about an abnormal video: its spans, counted from the first frame."""
    told = [
        fill(
            "vad_llama.span",
            {"start": _seconds(a - start_seconds), "end": _seconds(b - start_seconds)},
        )
        for a, b in spans
    ]
    return fill("vad_llama.abnormal", {"spans": " and ".join(told)})


def _label(node: VideoNode) -> bool | None:
    if node.video.is_anomalous is None and node.summary is not None:
        return node.summary.is_anomalous
    return node.video.is_anomalous


def _is_anomalous(node: EventNode) -> bool | None:
    if node.event.is_anomalous is None and node.summary is not None:
        return node.summary.is_anomalous
    return node.event.is_anomalous


def _seconds(value: float) -> str:
    return f"{value:.{_PLACES}f}".removesuffix(".0")
