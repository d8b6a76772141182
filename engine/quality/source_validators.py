"""Clicks, human captions and official events of one video -> the defects found in them."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from engine.intervals import tiou
from engine.quality.defects import Defect
from engine.sources.imported import UnfitVideo
from engine.tree import VideoNode
from schemas import Click, Event, HumanCaption, Video

_ROUNDING_SECONDS = 0.0015
_SAME_EVENT_TIOU = 0.5


def validate_clicks(video: Video, clicks: Sequence[Click]) -> Iterator[Defect]:
    """Clicks of `video` that lie outside it, by time or by frame."""
    for click in clicks:
        is_late = not video.start_seconds <= click.time_seconds < video.end_seconds
        if is_late or (click.frame is not None and click.frame >= video.num_frames):
            detail = (
                f"frame {click.frame} at {click.time_seconds:.3f} s; the video has "
                f"{video.num_frames} frames and ends at {video.end_seconds:.3f} s"
            )
            yield Defect("click-past-video-end", click.id, detail)


def validate_human_captions(video: Video, captions: Sequence[HumanCaption]) -> Iterator[Defect]:
    """Captions of `video`, in their file's order, that reach past it or go back in time."""
    for caption in captions:
        if caption.end_seconds > video.end_seconds + _ROUNDING_SECONDS:
            detail = f"ends at {caption.end_seconds} s, the video at {video.end_seconds:.3f} s"
            yield Defect("human-caption-past-video-end", caption.id, detail)
    for earlier, later in pairwise(captions):
        if later.start_seconds < earlier.start_seconds:
            detail = f"{later.id} starts at {later.start_seconds} s, after {earlier.id}"
            yield Defect("human-captions-unsorted", video.id, detail)
            return


def validate_against_official(node: VideoNode, official: Sequence[Event]) -> Iterator[Defect]:
    """Official events of the video that no event of it matches (tIoU of at least 0.5)."""
    ours = [(event.event.start_seconds, event.event.end_seconds) for event in node.events]
    for event in official:
        span = (event.start_seconds, event.end_seconds)
        if not any(tiou(span, other) >= _SAME_EVENT_TIOU for other in ours):
            detail = f"official event [{span[0]:.3f}, {span[1]:.3f}) is in none of {len(ours)}"
            yield Defect("event-lost", node.video.id, detail)


def defect_of_unfit(unfit: UnfitVideo) -> Defect:
    """An entry that an importer refused, as a defect."""
    return Defect("entry-contradicts-itself", unfit.video_id, unfit.detail)
