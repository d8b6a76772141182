"""Scores, clicks, events and clips over a video's time -> one block of a page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import ImageDraw

from engine.sheets.lettering import Ink, length, write
from engine.sheets.page import (
    BLUE,
    FAINT,
    MARGIN_PX,
    RED,
    SOFT,
    WIDTH_PX,
    Block,
    Page,
    event_color,
    how_many,
    short_name,
)
from engine.tree import EventNode
from schemas import Click, ScoreTrack, Video

_CURVE_HEIGHT_PX = 104
_CURVE_TOP_PX = 36
"""Above it: what it shows, and the heads of the clicks."""
_LANE_HEIGHT_PX = 42
_CURVE_FILL = "#dfe6ee"
_STEPS_SECONDS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
_MOST_STEPS = 16
_HAIR = 1e-3
"""Of a step; a video of 28 s may end at 27.99999."""


@dataclass(frozen=True)
class _Scale:
    start_seconds: float
    end_seconds: float

    def x(self, seconds: float) -> float:
        share = (seconds - self.start_seconds) / max(self.end_seconds - self.start_seconds, 1e-6)
        return MARGIN_PX + WIDTH_PX * min(1.0, max(0.0, share))

    def ticks(self) -> list[float]:
        """Round times within the video, which need not begin at 0."""
        duration = self.end_seconds - self.start_seconds
        step = next((step for step in _STEPS_SECONDS if duration / step <= _MOST_STEPS), 7200)
        first = math.ceil(self.start_seconds / step - _HAIR)
        last = math.floor(self.end_seconds / step + _HAIR)
        return [step * n for n in range(first, last + 1)]


@dataclass(frozen=True)
class _Bar:
    """Where an event is drawn."""

    node: EventNode
    name: str
    left: float
    right: float
    name_left: float
    """Within the bar, or beside one that is too narrow for its name."""

    @property
    def is_name_inside(self) -> bool:
        return self.left <= self.name_left < self.right

    @property
    def reach(self) -> tuple[float, float]:
        """First and last pixel column that it takes, its name and some room included."""
        name_right = self.name_left + length(self.name, 16)
        return min(self.left, self.name_left), max(self.right, name_right) + 6


def timeline(
    video: Video,
    events: Sequence[EventNode],
    score_track: ScoreTrack | None,
    *,
    clicks: Sequence[Click],
) -> Block:
    """The score curve and the clicks if there are any, a bar per event, and the time below."""
    scale = _Scale(video.start_seconds, video.end_seconds)
    has_curve = bool(score_track or clicks)
    bars_top = _CURVE_TOP_PX + _CURVE_HEIGHT_PX + 8 if has_curve else 8
    bars = [_bar(node, scale) for node in events]
    lanes = _lanes([bar.reach for bar in bars])
    axis_top = bars_top + (max(lanes, default=-1) + 1) * _LANE_HEIGHT_PX + 8

    def draw(page: Page, top: int) -> None:
        if has_curve:
            _draw_curve(page.pen, top + _CURVE_TOP_PX, scale, score_track, clicks=clicks)
        for bar, lane in zip(bars, lanes, strict=True):
            _draw_bar(page.pen, top + bars_top + lane * _LANE_HEIGHT_PX, scale, bar)
        _draw_axis(page.pen, top + axis_top, scale)

    return Block(axis_top + 62, draw)


def _bar(node: EventNode, scale: _Scale) -> _Bar:
    name = short_name(node.event.id, node.event.video_id)
    name_width = length(name, 16)
    left = scale.x(node.event.start_seconds)
    right = max(scale.x(node.event.end_seconds), left + 3)
    if right - left >= name_width + 16:
        name_left = left + 8
    elif right + 4 + name_width <= MARGIN_PX + WIDTH_PX:
        name_left = right + 4
    else:
        name_left = left - 4 - name_width
    return _Bar(node, name, left, right, name_left)


def _lanes(reaches: Sequence[tuple[float, float]]) -> list[int]:
    """Rows for bars so that none lies over another in its row."""
    ends: list[float] = []
    lanes = []
    for left, right in reaches:
        free = next((n for n, end in enumerate(ends) if end <= left), len(ends))
        ends[free : free + 1] = [right]
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
    floor = top + _CURVE_HEIGHT_PX
    pen.line((MARGIN_PX, floor, MARGIN_PX + WIDTH_PX, floor), fill=FAINT, width=1)
    legend = []
    if track and track.scores:
        legend.append("anomaly score, 0 to 1")
        pen.line((MARGIN_PX, top, MARGIN_PX + WIDTH_PX, top), fill=FAINT, width=1)
        outline = _outline(track, scale, floor)
        pen.polygon([(outline[0][0], floor), *outline, (outline[-1][0], floor)], fill=_CURVE_FILL)
        pen.line(outline, fill=BLUE, width=2, joint="curve")
    for click in clicks:
        x = scale.x(click.time_seconds)
        pen.line((x, top - 6, x, floor), fill=RED, width=2)
        pen.polygon([(x - 7, top - 14), (x + 7, top - 14), (x, top - 2)], fill=RED)
    if clicks:
        legend.append(f"red marks: {how_many(len(clicks), 'click')}")
    write(pen, ["; ".join(legend)], (MARGIN_PX, top - _CURVE_TOP_PX), Ink(16, SOFT))


def _outline(track: ScoreTrack, scale: _Scale, floor: int) -> list[tuple[float, float]]:
    ends = (*track.snippet_starts_seconds[1:], track.end_seconds)
    outline: list[tuple[float, float]] = []
    for start, end, score in zip(track.snippet_starts_seconds, ends, track.scores, strict=True):
        row = floor - min(1.0, max(0.0, score)) * _CURVE_HEIGHT_PX
        outline += [(scale.x(start), row), (scale.x(end), row)]
    return outline


def _draw_bar(pen: ImageDraw.ImageDraw, top: int, scale: _Scale, bar: _Bar) -> None:
    color = event_color(bar.node.event)
    pen.rounded_rectangle((bar.left, top, bar.right, top + 22), 4, fill=color)
    fill = "#ffffff" if bar.is_name_inside else color
    write(pen, [bar.name], (bar.name_left, top + 1), Ink(16, fill))
    for node in bar.node.clips:
        left, right = scale.x(node.clip.start_seconds), scale.x(node.clip.end_seconds)
        pen.rectangle((left + 1, top + 26, max(right - 1, left + 2), top + 32), fill=SOFT)


def _draw_axis(pen: ImageDraw.ImageDraw, top: int, scale: _Scale) -> None:
    pen.line((MARGIN_PX, top, MARGIN_PX + WIDTH_PX, top), fill=SOFT, width=1)
    for tick in scale.ticks():
        x, label = scale.x(tick), f"{tick:g} s"
        pen.line((x, top, x, top + 6), fill=SOFT, width=1)
        width = length(label, 16)
        left = min(max(MARGIN_PX, x - width / 2), MARGIN_PX + WIDTH_PX - width)
        write(pen, [label], (left, top + 8), Ink(16, SOFT))
