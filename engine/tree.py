"""One video with all that hangs on it, as exporters, validators and tables read it.

Every record here is live (not superseded) and has its reviews laid over it.
"""

from dataclasses import dataclass

from schemas import Caption, Clip, Event, Instruction, Summary, Video


@dataclass(frozen=True)
class ClipNode:
    """A clip and its caption; None: not captioned, or rejected."""

    clip: Clip
    caption: Caption | None


@dataclass(frozen=True)
class EventNode:
    """An event, its clips in order of their ids, and its summary."""

    event: Event
    clips: tuple[ClipNode, ...]
    summary: Summary | None


@dataclass(frozen=True)
class VideoNode:
    """A video, its events in order of their ids, its summary, and all its instructions."""

    video: Video
    events: tuple[EventNode, ...]
    summary: Summary | None
    instructions: tuple[Instruction, ...]
