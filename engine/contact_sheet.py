"""One video's tree and frames -> one PNG page: time line, events, clips with captions, summary.

For a person who wants to see at a glance what the tool made of a video. Needs Pillow; import this
module inside the command that uses it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from engine.media.decode import frames_at
from engine.media.frames import FrameRequest
from engine.tree import ClipNode, EventNode, VideoNode
from schemas import Click, Event, Provenance, ScoreTrack, Summary, Video

PAGE_WIDTH_PX = 1600
MAX_EVENTS = 12
MAX_CLIPS_PER_EVENT = 8
_MARGIN = 56
_WIDTH = PAGE_WIDTH_PX - 2 * _MARGIN
_CLIPS_PER_ROW = 4
_GAP = 22
_THUMB_WIDTH = (_WIDTH - (_CLIPS_PER_ROW - 1) * _GAP) // _CLIPS_PER_ROW
_CURVE_HEIGHT = 104

_PAPER, _INK, _SOFT, _FAINT = "#fbfaf7", "#23262b", "#666b73", "#dcd9d2"
_RED, _GREEN, _BLUE, _AMBER = "#b3402f", "#4c7a5b", "#3f6389", "#8a6414"
_NOTE_FILL = "#f6ecd6"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class _Page:
    image: Image.Image
    pen: ImageDraw.ImageDraw


Draw = Callable[[_Page, int], None]
"""Draws a block on the page with its top edge at that row."""


@dataclass(frozen=True)
class _Block:
    height: int
    draw: Draw


def contact_sheet(
    node: VideoNode,
    video_path: Path,
    target: Path,
    *,
    score_track: ScoreTrack | None,
    clicks: Sequence[Click],
) -> None:
    """Write the page of one video to `target` as PNG, 1600 px wide, as high as it needs to be.

    Shows at most 12 events and 8 clips of each, and says how many more there are. Raises
    MediaError when the file cannot be decoded.
    """
    shown = node.events[:MAX_EVENTS]
    thumbs = _thumbnails(shown, video_path)
    blocks = [*_header(node, score_track), _timeline(node.video, shown, score_track, clicks=clicks)]
    for number, event_node in enumerate(shown):
        blocks += _event(event_node, number=number, thumbs=thumbs)
    if len(node.events) > len(shown):
        blocks.append(_text(f"and {len(node.events) - len(shown)} more events", 22, fill=_SOFT))
    blocks += _video_summary(node)
    height = sum(block.height for block in blocks) + 2 * _MARGIN
    image = Image.new("RGB", (PAGE_WIDTH_PX, height), _PAPER)
    page, top = _Page(image, ImageDraw.Draw(image)), _MARGIN
    for block in blocks:
        block.draw(page, top)
        top += block.height
    partial = target.with_name(f"{target.name}.part")
    image.save(partial, format="PNG")
    partial.replace(target)


@lru_cache(maxsize=16)
def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _length(text: str, size: int) -> float:
    return float(_font(size).getlength(text))


def _wrap(text: str, size: int, width: int) -> list[str]:
    """Lines no wider than `width`; a word wider than that is broken."""
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and _length(joined, size) <= width:
            lines[-1] = joined
            continue
        while _length(word, size) > width:
            fits = next(n for n in range(len(word), 0, -1) if _length(word[:n], size) <= width)
            lines.append(word[:fits])
            word = word[fits:]
        lines.append(word)
    return lines


def _line_height(size: int) -> int:
    return round(size * 1.42)


def _text(
    text: str, size: int, *, fill: str = _INK, is_bold: bool = False, after: int = 0
) -> _Block:
    """Wrapped text over the page's whole width."""
    lines = _wrap(text, size, _WIDTH)

    def draw(page: _Page, top: int) -> None:
        _write(page.pen, lines, (_MARGIN, top), size, fill=fill, is_bold=is_bold)

    return _Block(len(lines) * _line_height(size) + after, draw)


def _write(
    pen: ImageDraw.ImageDraw,
    lines: Sequence[str],
    at: tuple[int, int],
    size: int,
    *,
    fill: str = _INK,
    is_bold: bool = False,
) -> None:
    for index, line in enumerate(lines):
        where = (at[0], at[1] + index * _line_height(size))
        stroke = 0.45 if is_bold else 0
        pen.text(where, line, font=_font(size), fill=fill, stroke_width=stroke, stroke_fill=fill)


def _header(node: VideoNode, score_track: ScoreTrack | None) -> list[_Block]:
    video = node.video
    color = {True: _RED, False: _GREEN, None: _SOFT}[video.is_anomalous]
    label = {True: "abnormal", False: "normal", None: "no label"}[video.is_anomalous]
    categories = f": {', '.join(video.categories)}" if video.categories else ""
    size = f"  ·  {video.media.width_px} x {video.media.height_px} px" if video.media else ""
    facts = f"{video.duration_seconds:.1f} s  ·  {video.num_frames} frames{size}"
    counts = f"{len(node.events)} event{'s' * (len(node.events) != 1)}"
    makers = _makers(node, score_track)
    blocks = [
        _text(video.id, 38, is_bold=True, after=4),
        _text(f"{label}{categories}", 24, fill=color, is_bold=True, after=2),
        _text(f"{facts}  ·  {video.source}  ·  {counts}", 20, fill=_SOFT, after=8),
    ]
    if makers:
        told = "  ·  ".join(f"{what} by {', '.join(names)}" for what, names in makers.items())
        blocks.append(_text(f"{told[0].upper()}{told[1:]}", 20, fill=_SOFT, after=10))
    if any(name.startswith("baseline/") for names in makers.values() for name in names):
        blocks.append(_note(makers))
    return blocks


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


def _note(makers: dict[str, list[str]]) -> _Block:
    what = [kind for kind, names in makers.items() if any(n.startswith("baseline/") for n in names)]
    text = (
        f"{', '.join(what).capitalize()} here come from the baseline: classical computer vision "
        "and templates. They say what was measured, not what a vision-language model sees."
    )
    lines = _wrap(text, 20, _WIDTH - 36)
    height = len(lines) * _line_height(20) + 20

    def draw(page: _Page, top: int) -> None:
        box = (_MARGIN, top, _MARGIN + _WIDTH, top + height)
        page.pen.rounded_rectangle(box, 8, fill=_NOTE_FILL)
        _write(page.pen, lines, (_MARGIN + 18, top + 10), 20, fill=_AMBER)

    return _Block(height + 22, draw)


@dataclass(frozen=True)
class _Scale:
    start_seconds: float
    end_seconds: float

    def x(self, seconds: float) -> float:
        share = (seconds - self.start_seconds) / max(self.end_seconds - self.start_seconds, 1e-6)
        return _MARGIN + _WIDTH * min(1.0, max(0.0, share))

    def ticks(self) -> list[float]:
        length = self.end_seconds - self.start_seconds
        steps = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
        step = next((step for step in steps if length / step <= 16), 7200)
        return [self.start_seconds + step * n for n in range(int(length / step) + 1)]


def _timeline(
    video: Video,
    events: Sequence[EventNode],
    score_track: ScoreTrack | None,
    *,
    clicks: Sequence[Click],
) -> _Block:
    scale = _Scale(video.start_seconds, video.end_seconds)
    bars_top = _CURVE_HEIGHT + 30 if score_track or clicks else 8
    lanes = _lanes([event_node.event for event_node in events])
    num_lanes = max(lanes, default=-1) + 1
    axis_top = bars_top + num_lanes * 42 + 8

    def draw(page: _Page, top: int) -> None:
        if score_track or clicks:
            _draw_curve(page.pen, top + 22, scale, score_track, clicks=clicks)
        for number, (event_node, lane) in enumerate(zip(events, lanes, strict=True)):
            _draw_event_bar(page.pen, top + bars_top + lane * 42, scale, event_node, number)
        _draw_axis(page.pen, top + axis_top, scale)

    return _Block(axis_top + 62, draw)


def _lanes(events: Sequence[Event]) -> list[int]:
    """Rows for event bars so that none lies over another in its row."""
    ends: list[float] = []
    lanes = []
    for event in events:
        free = next((n for n, end in enumerate(ends) if end <= event.start_seconds), len(ends))
        ends[free : free + 1] = [event.end_seconds]
        lanes.append(free)
    return lanes


def _draw_curve(
    pen: ImageDraw.ImageDraw,
    top: int,
    scale: _Scale,
    track: ScoreTrack | None,
    *,
    clicks: Sequence[Click],
) -> None:
    floor = top + _CURVE_HEIGHT
    pen.line((_MARGIN, floor, _MARGIN + _WIDTH, floor), fill=_FAINT, width=1)
    legend = "anomaly score, 0 to 1" if track else ""
    if track and track.scores:
        pen.line((_MARGIN, top, _MARGIN + _WIDTH, top), fill=_FAINT, width=1)
        ends = (*track.snippet_starts_seconds[1:], track.end_seconds)
        outline: list[tuple[float, float]] = []
        for start, end, score in zip(track.snippet_starts_seconds, ends, track.scores, strict=True):
            row = floor - min(1.0, max(0.0, score)) * _CURVE_HEIGHT
            outline += [(scale.x(start), row), (scale.x(end), row)]
        pen.polygon([(outline[0][0], floor), *outline, (outline[-1][0], floor)], fill="#dfe6ee")
        pen.line(outline, fill=_BLUE, width=2, joint="curve")
    for click in clicks:
        x = scale.x(click.time_seconds)
        pen.line((x, top - 6, x, floor), fill=_RED, width=2)
        pen.polygon([(x - 7, top - 14), (x + 7, top - 14), (x, top - 2)], fill=_RED)
    if clicks:
        legend += (
            f"{'   ' if legend else ''}red marks: {len(clicks)} click{'s' * (len(clicks) > 1)}"
        )
    pen.text((_MARGIN, top - 26), legend, font=_font(16), fill=_SOFT)


def _draw_event_bar(
    pen: ImageDraw.ImageDraw, top: int, scale: _Scale, event_node: EventNode, number: int
) -> None:
    event = event_node.event
    left = scale.x(event.start_seconds)
    right = max(scale.x(event.end_seconds), left + 3)
    color = _event_color(event)
    pen.rounded_rectangle((left, top, right, top + 22), 4, fill=color)
    if right - left > 36:
        pen.text((left + 8, top + 1), f"E{number}", font=_font(16), fill="#ffffff")
    for clip_node in event_node.clips:
        span = scale.x(clip_node.clip.start_seconds), scale.x(clip_node.clip.end_seconds)
        pen.rectangle((span[0] + 1, top + 26, max(span[1] - 1, span[0] + 2), top + 32), fill=_SOFT)


def _draw_axis(pen: ImageDraw.ImageDraw, top: int, scale: _Scale) -> None:
    pen.line((_MARGIN, top, _MARGIN + _WIDTH, top), fill=_SOFT, width=1)
    for tick in scale.ticks():
        x, label = scale.x(tick), f"{tick:g} s"
        pen.line((x, top, x, top + 6), fill=_SOFT, width=1)
        width = _length(label, 16)
        left = min(max(_MARGIN, x - width / 2), _MARGIN + _WIDTH - width)
        pen.text((left, top + 8), label, font=_font(16), fill=_SOFT)


def _event(event_node: EventNode, *, number: int, thumbs: dict[str, Image.Image]) -> list[_Block]:
    event = event_node.event
    origin = event.origin.replace("_", " ")
    state = "confirmed by a person" if event.is_confirmed else "not confirmed"
    named = ", ".join(event.categories)
    kind = {True: "abnormal", False: "normal", None: "not labeled"}[event.is_anomalous]
    title = f"E{number}  ·  {_interval(event.start_seconds, event.end_seconds)}"
    facts = f"{kind}{f': {named}' if named else ''}  ·  from {origin}  ·  {state}"
    blocks = [
        _rule(_event_color(event)),
        _text(title, 26, is_bold=True),
        _text(facts, 18, fill=_SOFT, after=8),
        *_summary(event_node.summary, "No summary yet."),
    ]
    shown = event_node.clips[:MAX_CLIPS_PER_EVENT]
    blocks += [
        _clip_row(shown[first : first + _CLIPS_PER_ROW], first, thumbs)
        for first in range(0, len(shown), _CLIPS_PER_ROW)
    ]
    if len(event_node.clips) > len(shown):
        more = len(event_node.clips) - len(shown)
        blocks.append(_text(f"and {more} more clips", 18, fill=_SOFT, after=14))
    return blocks


def _clip_row(clips: Sequence[ClipNode], first: int, thumbs: dict[str, Image.Image]) -> _Block:
    captions = [
        _wrap(node.caption.text if node.caption else "No caption yet.", 18, _THUMB_WIDTH)
        for node in clips
    ]
    picture_height = max(thumbs[node.clip.id].height for node in clips)
    text_top = picture_height + 8
    height = text_top + 28 + max(len(lines) for lines in captions) * _line_height(18) + 26

    def draw(page: _Page, top: int) -> None:
        for column, (node, lines) in enumerate(zip(clips, captions, strict=True)):
            left = _MARGIN + column * (_THUMB_WIDTH + _GAP)
            page.image.paste(thumbs[node.clip.id], (left, top))
            told = (
                f"C{first + column}  ·  {_interval(node.clip.start_seconds, node.clip.end_seconds)}"
            )
            _write(page.pen, [told], (left, top + text_top), 18, fill=_BLUE, is_bold=True)
            color = _INK if node.caption else _SOFT
            _write(page.pen, lines, (left, top + text_top + 28), 18, fill=color)

    return _Block(height, draw)


def _video_summary(node: VideoNode) -> list[_Block]:
    return [
        _rule(_INK),
        _text("The whole video", 26, is_bold=True, after=8),
        *_summary(node.summary, "No summary of the video yet."),
    ]


def _summary(summary: Summary | None, missing: str) -> list[_Block]:
    if summary is None:
        return [_text(missing, 20, fill=_SOFT, after=12)]
    color = {True: _RED, False: _GREEN, None: _SOFT}[summary.is_anomalous]
    blocks = [_text(summary.judgement, 21, fill=color, is_bold=True, after=4)]
    if summary.description:
        blocks.append(_text(summary.description, 20, after=6))
    if summary.analysis:
        blocks.append(_text(summary.analysis, 20, fill=_SOFT, after=4))
    last = blocks.pop()
    return [*blocks, _Block(last.height + 14, last.draw)]


def _rule(color: str) -> _Block:
    def draw(page: _Page, top: int) -> None:
        page.pen.line((_MARGIN, top + 12, _MARGIN + _WIDTH, top + 12), fill=_FAINT, width=1)
        page.pen.line((_MARGIN, top + 12, _MARGIN + 64, top + 12), fill=color, width=4)

    return _Block(28, draw)


def _event_color(event: Event) -> str:
    return {True: _RED, False: _GREEN, None: _BLUE}[event.is_anomalous]


def _interval(start: float, end: float) -> str:
    return f"{start:.1f} to {end:.1f} s"


def _thumbnails(events: Sequence[EventNode], video_path: Path) -> dict[str, Image.Image]:
    """By clip id, the frame at the clip's middle at the width of a column."""
    clips = [node.clip for event in events for node in event.clips[:MAX_CLIPS_PER_EVENT]]
    requests = [
        FrameRequest(clip.id, ((clip.start_seconds + clip.end_seconds) / 2,)) for clip in clips
    ]
    ordered = sorted(requests, key=lambda request: request.times_seconds)
    if not ordered:
        return {}
    pictures = {}
    for clip_id, frames in frames_at(video_path, ordered, max_side_px=2 * _THUMB_WIDTH):
        image = Image.fromarray(frames[0].image)
        height = min(round(_THUMB_WIDTH * image.height / image.width), round(1.4 * _THUMB_WIDTH))
        width = round(height * image.width / image.height)
        pictures[clip_id] = image.resize((width, height), Image.Resampling.LANCZOS)
    return pictures
