"""One video's tree and frames -> one PNG page: time line, events, clips with captions, summary.

For a person who wants to see at a glance what was made of a video.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from engine.media.decode import frames_at
from engine.media.frames import FrameRequest, RgbImage, evenly_spaced_times
from engine.media.remote import VideoFile, at_hand
from engine.sheets.lettering import Ink, line_height, wrap, write
from engine.sheets.page import (
    BLUE,
    GREEN,
    INK,
    MARGIN_PX,
    RED,
    SOFT,
    WIDTH_PX,
    Block,
    Page,
    as_png,
    event_color,
    how_many,
    note,
    rule,
    short_name,
    text,
)
from engine.sheets.timeline import timeline
from engine.tree import ClipNode, EventNode, VideoNode
from schemas import Click, Provenance, ScoreTrack, Summary

MAX_EVENTS = 12
MAX_CLIPS_PER_EVENT = 8
_COLUMNS = 4
_GAP = 22
_THUMB_WIDTH = (WIDTH_PX - (_COLUMNS - 1) * _GAP) // _COLUMNS

Thumbs = dict[str, tuple[Image.Image, ...]]
"""By clip id, its pictures in order of time; no entry: the video has no file."""


def contact_sheet(
    node: VideoNode,
    video_file: VideoFile | None,
    *,
    score_track: ScoreTrack | None,
    clicks: Sequence[Click],
) -> bytes:
    """The page of one video as PNG, 1600 px wide, as high as it needs to be.

    Shows events in order of time, at most 12 of them in detail with 8 clips each, and says how
    many more there are. Without a path (annotations alone) there are no pictures. Raises
    `MediaError` when the file cannot be decoded.
    """
    events = sorted(node.events, key=_in_time)
    shown = events[:MAX_EVENTS]
    thumbs = _thumbnails(shown, video_file) if video_file else {}
    blocks = [
        *_header(node, score_track),
        timeline(node.video, events, score_track, clicks=clicks),
    ]
    for event_node in shown:
        blocks += _event(event_node, thumbs)
    if len(events) > len(shown):
        more = how_many(len(events) - len(shown), "more event")
        blocks.append(text(f"and {more} on the time line above", 22, fill=SOFT))
    return as_png([*blocks, *_video_summary(node)])


def _in_time(event_node: EventNode) -> tuple[float, float, str]:
    event = event_node.event
    return event.start_seconds, event.end_seconds, event.id


def _header(node: VideoNode, score_track: ScoreTrack | None) -> list[Block]:
    video = node.video
    color = {True: RED, False: GREEN, None: SOFT}[video.is_anomalous]
    label = {True: "abnormal", False: "normal", None: "no label"}[video.is_anomalous]
    categories = f": {', '.join(video.categories)}" if video.categories else ""
    media = video.media
    size = f"{media.width_px} x {media.height_px} px" if media else "no video file here"
    counts = how_many(len(node.events), "event")
    facts = [f"{video.duration_seconds:.1f} s", f"{video.num_frames} frames", size, video.source]
    makers = _makers(node, score_track)
    blocks = [
        text(video.id, 38, is_bold=True, after_px=4),
        text(f"{label}{categories}", 24, fill=color, is_bold=True, after_px=2),
        text(" · ".join([*facts, counts]), 20, fill=SOFT, after_px=8),
    ]
    if makers:
        told = " · ".join(f"{what} by {', '.join(names)}" for what, names in makers.items())
        blocks.append(text(f"{told[0].upper()}{told[1:]}", 20, fill=SOFT, after_px=10))
    if of_baseline := [what for what, names in makers.items() if any(map(_is_baseline, names))]:
        blocks.append(_baseline_note(of_baseline))
    return blocks


def _is_baseline(name: str) -> bool:
    return name.startswith("baseline/")


def _makers(node: VideoNode, score_track: ScoreTrack | None) -> dict[str, list[str]]:
    """For captions, summaries and scores, who made them."""
    captions = [clip.caption for event in node.events for clip in event.clips]
    summaries = [node.summary, *(event.summary for event in node.events)]
    sources: dict[str, list[Provenance]] = {
        "captions": [caption.provenance for caption in captions if caption],
        "summaries": [summary.provenance for summary in summaries if summary],
        "scores": [score_track.provenance] if score_track else [],
    }
    named = {what: sorted({one.name for one in made}) for what, made in sources.items()}
    return {what: names for what, names in named.items() if names}


def _baseline_note(what: Sequence[str]) -> Block:
    named = " and ".join([*([", ".join(what[:-1])] if what[:-1] else []), what[-1]])
    return note(
        f"{named.capitalize()} here are the baseline's: classical computer vision and templates, "
        "which say what was measured, not what is seen."
    )


def _event(event_node: EventNode, thumbs: Thumbs) -> list[Block]:
    event = event_node.event
    kind = {True: "abnormal", False: "normal", None: "not labeled"}[event.is_anomalous]
    named = f": {', '.join(event.categories)}" if event.categories else ""
    state = "confirmed by a person" if event.is_confirmed else "not confirmed"
    title = [
        short_name(event.id, event.video_id),
        _interval(event.start_seconds, event.end_seconds),
    ]
    facts = [f"{kind}{named}", f"from {event.origin.replace('_', ' ')}", state]
    blocks = [
        rule(event_color(event)),
        text(" · ".join(title), 26, is_bold=True),
        text(" · ".join(facts), 18, fill=SOFT, after_px=8),
        *_summary(event_node.summary, "No summary yet."),
    ]
    shown = event_node.clips[:MAX_CLIPS_PER_EVENT]
    blocks += [
        _clip_row(shown[first : first + _COLUMNS], thumbs, columns=_columns_per_clip(len(shown)))
        for first in range(0, len(shown), _COLUMNS)
    ]
    if len(event_node.clips) > len(shown):
        more = how_many(len(event_node.clips) - len(shown), "more clip")
        blocks.append(text(f"and {more}", 18, fill=SOFT, after_px=14))
    return blocks


def _columns_per_clip(num_clips: int) -> int:
    """One clip alone gets the whole row, as a strip of pictures; two get half of it each."""
    return max(1, _COLUMNS // max(1, num_clips))


def _clip_row(clips: Sequence[ClipNode], thumbs: Thumbs, *, columns: int) -> Block:
    cells = [_cell(node, thumbs.get(node.clip.id, ()), columns) for node in clips]
    picture_height = max(cell.picture_height for cell in cells)
    text_top = picture_height + 8 if picture_height else 0
    num_lines = max(len(cell.lines) for cell in cells)

    def draw(page: Page, top: int) -> None:
        for number, cell in enumerate(cells):
            left = MARGIN_PX + number * columns * (_THUMB_WIDTH + _GAP)
            for place, picture in enumerate(cell.pictures):
                page.image.paste(picture, (left + place * (_THUMB_WIDTH + _GAP), top))
            where = (left, top + text_top)
            write(page.pen, [cell.title], where, Ink(18, BLUE, is_bold=True))
            write(page.pen, cell.lines, (left, top + text_top + 28), Ink(18, cell.color))

    return Block(text_top + 28 + num_lines * line_height(18) + 26, draw)


@dataclass(frozen=True)
class _Cell:
    """One clip's part of a row."""

    pictures: tuple[Image.Image, ...]
    title: str
    lines: list[str]
    color: str

    @property
    def picture_height(self) -> int:
        return max((picture.height for picture in self.pictures), default=0)


def _cell(node: ClipNode, pictures: tuple[Image.Image, ...], columns: int) -> _Cell:
    clip, caption = node.clip, node.caption
    width = columns * _THUMB_WIDTH + (columns - 1) * _GAP
    name = short_name(clip.id, clip.event_id)
    return _Cell(
        pictures=pictures,
        title=f"{name} · {_interval(clip.start_seconds, clip.end_seconds)}",
        lines=wrap(caption.text if caption else "No caption yet.", 18, width),
        color=INK if caption else SOFT,
    )


def _video_summary(node: VideoNode) -> list[Block]:
    return [
        rule(INK),
        text("The whole video", 26, is_bold=True, after_px=8),
        *_summary(node.summary, "No summary of the video yet."),
    ]


def _summary(summary: Summary | None, missing: str) -> list[Block]:
    if summary is None:
        return [text(missing, 20, fill=SOFT, after_px=12)]
    color = {True: RED, False: GREEN, None: SOFT}[summary.is_anomalous]
    blocks = [text(summary.judgement, 21, fill=color, is_bold=True, after_px=4)]
    if summary.description:
        blocks.append(text(summary.description, 20, after_px=6))
    if summary.analysis:
        blocks.append(text(summary.analysis, 20, fill=SOFT, after_px=4))
    last = blocks.pop()
    return [*blocks, Block(last.height + 14, last.draw)]


def _interval(start: float, end: float) -> str:
    return f"{start:.1f} to {end:.1f} s"


def _thumbnails(events: Sequence[EventNode], video_file: VideoFile) -> Thumbs:
    """Of each clip that is shown, as many pictures as it has columns, evenly spread over it."""
    requests = [
        FrameRequest(clip.id, evenly_spaced_times(clip.start_seconds, clip.end_seconds,
                                                  num_frames=_columns_per_clip(len(shown))))
        for shown in (event.clips[:MAX_CLIPS_PER_EVENT] for event in events)
        for clip in (node.clip for node in shown)
    ]  # fmt: skip
    if not requests:
        return {}
    ordered = sorted(requests, key=lambda request: request.times_seconds)
    with at_hand(video_file) as path:
        found = frames_at(path, ordered, max_side_px=2 * _THUMB_WIDTH)
        return {id_: tuple(_thumb(frame.image) for frame in frames) for id_, frames in found}


def _thumb(pixels: RgbImage) -> Image.Image:
    """At the width of a column; a picture on end is narrower, so as not to fill the page."""
    image = Image.fromarray(pixels)
    height = min(round(_THUMB_WIDTH * image.height / image.width), round(1.4 * _THUMB_WIDTH))
    width = round(height * image.width / image.height)
    return image.resize((width, height), Image.Resampling.LANCZOS)
