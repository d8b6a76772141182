"""One video with all that hangs on it -> the defects found in it."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, pairwise

from engine.intervals import Interval, tiou
from engine.quality.defects import DEFECTS, Defect
from engine.quality.polarity import judgement_polarity
from engine.quality.row_validators import rows_of_instruction, validate_instruction_rows
from engine.quality.source_validators import (
    defect_of_unfit,
    validate_against_official,
    validate_clicks,
    validate_human_captions,
)
from engine.tree import EventNode, VideoNode
from schemas import Clip, Event, Summary, Video
from schemas.base import Span

__all__ = [
    "DEFECTS",
    "Defect",
    "defect_of_unfit",
    "validate_against_official",
    "validate_clicks",
    "validate_human_captions",
    "validate_instruction_rows",
    "validate_video",
]

ROUNDING_SECONDS = 0.0015
"""Published times have 3 decimals; two of them differ by this much through rounding alone."""
NEAR_DUPLICATE_TIOU = 0.9
_SAID_OF_THE_SUMMARY = ("abnormal-judged-normal", "normal-judged-abnormal")
"""An instruction's judgement is its summary's; one defect is reported once."""


def validate_video(node: VideoNode) -> Iterator[Defect]:
    """Every defect of a video's events, clips, captions, summaries and instructions."""
    yield from _video_label(node.video)
    for event in node.events:
        if event.event.is_anomalous and node.video.is_anomalous is False:
            yield Defect(
                "abnormal-event-in-normal-video", event.event.id, f"{node.video.id} is normal"
            )
    yield from _event_windows(node.video, [event.event for event in node.events])
    for event in node.events:
        yield from _clip_windows(node.video, event)
        yield from _summary(event.event.id, event.summary, event.event.is_anomalous)
    yield from _summary(node.video.id, node.summary, node.video.is_anomalous)
    for instruction in node.instructions:
        rows = list(rows_of_instruction(node.video, instruction))
        labels = {instruction.segment_id: instruction.is_anomalous}
        for defect in validate_instruction_rows(rows, is_anomalous_of=labels.get):
            if defect.code not in _SAID_OF_THE_SUMMARY:
                yield defect


def _video_label(video: Video) -> Iterator[Defect]:
    if video.is_anomalous and not video.categories:
        yield Defect("category-missing", video.id, "abnormal, categories are empty")


def _event_windows(video: Video, events: Sequence[Event]) -> Iterator[Defect]:
    for event in events:
        if not _lies_within(event, _interval(video)):
            yield Defect("event-past-video-end", event.id, _told(event, "video", video))
    for earlier, later in combinations(events, 2):
        overlap = tiou(_interval(earlier), _interval(later))
        if overlap >= NEAR_DUPLICATE_TIOU:
            detail = f"{_shown(later)} against {earlier.id} {_shown(earlier)}: tIoU {overlap:.3f}"
            yield Defect("near-duplicate-events", later.id, detail)
    yield from _unsorted("events-unsorted", video.id, events)


def _clip_windows(video: Video, node: EventNode) -> Iterator[Defect]:
    clips = [clip.clip for clip in node.clips]
    if not clips:
        yield Defect("event-without-clips", node.event.id, _shown(node.event))
    for clip in clips:
        if not _lies_within(clip, _interval(node.event)):
            yield Defect("clip-outside-event", clip.id, _told(clip, "event", node.event))
        if not _lies_within(clip, _interval(video)):
            yield Defect("clip-past-video-end", clip.id, _told(clip, "video", video))
    yield from _colliding_clips(clips)
    yield from _unsorted("clips-unsorted", node.event.id, clips)
    for child in node.clips:
        if child.caption is None:
            yield Defect("caption-missing", child.clip.id, "not captioned, or rejected")


def _colliding_clips(clips: Sequence[Clip]) -> Iterator[Defect]:
    """One defect per clip that collides with one that starts before it: same window, or overlap.

    The earlier clip shown for an overlap is the one that reaches furthest.
    """
    first_of: dict[Interval, Clip] = {}
    furthest: Clip | None = None
    for clip in sorted(clips, key=lambda clip: (clip.start_seconds, clip.end_seconds)):
        twin = first_of.setdefault(_interval(clip), clip)
        if twin is not clip:
            yield Defect("duplicate-clip-window", clip.id, f"{_shown(clip)} is also {twin.id}")
        elif furthest and clip.start_seconds < furthest.end_seconds - ROUNDING_SECONDS:
            detail = f"{_shown(clip)} overlaps {furthest.id} {_shown(furthest)}"
            yield Defect("overlapping-clip-windows", clip.id, detail)
        if furthest is None or clip.end_seconds > furthest.end_seconds:
            furthest = clip


def _summary(
    segment_id: str, summary: Summary | None, is_anomalous: bool | None
) -> Iterator[Defect]:
    if summary is None:
        yield Defect("summary-missing", segment_id, "not summarized, or rejected")
        return
    yield from _judgement(summary, is_anomalous)
    if not summary.description.strip():
        yield Defect("empty-text", segment_id, "the description is empty")
    if is_anomalous and not (summary.analysis or "").strip():
        yield Defect("analysis-missing", segment_id, "abnormal, but no analysis")
    if is_anomalous is False and summary.analysis is not None:
        yield Defect("analysis-on-normal", segment_id, summary.analysis[:80])


def _judgement(summary: Summary, is_anomalous: bool | None) -> Iterator[Defect]:
    said = judgement_polarity(summary.judgement)
    if said is None:
        yield Defect("judgement-unclear", summary.id, summary.judgement[:120])
    elif is_anomalous is not None and said != is_anomalous:
        code = "abnormal-judged-normal" if is_anomalous else "normal-judged-abnormal"
        yield Defect(code, summary.id, summary.judgement[:120])


def _unsorted(code: str, parent_id: str, spans: Sequence[Span]) -> Iterator[Defect]:
    for earlier, later in pairwise(spans):
        if later.start_seconds < earlier.start_seconds - ROUNDING_SECONDS:
            detail = f"{later.id} {_shown(later)} stands after {earlier.id} {_shown(earlier)}"
            yield Defect(code, parent_id, detail)
            return


def _lies_within(span: Span, whole: Interval) -> bool:
    starts_inside = span.start_seconds >= whole[0] - ROUNDING_SECONDS
    return starts_inside and span.end_seconds <= whole[1] + ROUNDING_SECONDS


def _interval(span: Span | Video) -> Interval:
    return span.start_seconds, span.end_seconds


def _shown(span: Span | Video) -> str:
    return f"[{span.start_seconds:.3f}, {span.end_seconds:.3f})"


def _told(span: Span, parent: str, whole: Span | Video) -> str:
    return f"{_shown(span)} against the {parent}'s {_shown(whole)}"


def count_by_code(defects: Iterable[Defect]) -> dict[str, int]:
    """How many defects each code has, in order of the codes."""
    counts: dict[str, int] = {}
    for defect in defects:
        counts[defect.code] = counts.get(defect.code, 0) + 1
    return dict(sorted(counts.items()))
