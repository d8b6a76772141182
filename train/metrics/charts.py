"""Curves and score tracks -> PNG pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from engine.sheets.lettering import Ink, length, write
from engine.sheets.page import BLUE, FAINT, INK, PAPER, SOFT
from train.metrics.detection import FRAMES_PER_SNIPPET, ScoredSnippets, curves
from train.metrics.report import EvaluatedVideo

_EVENT_FILL = "#f0cfc7"
_PROPOSAL_FILL = BLUE
_CURVE_SIDE_PX = 640
_TRACK_SIZE_PX = (1400, 300)
_TITLE, _LABEL = Ink(20, INK, is_bold=True), Ink(16, SOFT)
_MOST_POINTS = 4000
Points = NDArray[np.floating]


@dataclass(frozen=True)
class _Frame:
    """The rectangle that a curve is drawn in, and what its edges stand for."""

    left: int
    top: int
    width: int
    height: int
    x_end: float = 1.0

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a value lies; y runs from 0 to 1, upwards."""
        return self.left + self.width * x / self.x_end, self.top + self.height * (1 - y)


def roc_picture(snippets: ScoredSnippets, title: str) -> bytes:
    """True against false alarms at every threshold; the diagonal is chance."""
    found = curves(snippets)
    picture = _curve_picture(title, "false alarms", "true alarms")
    picture.pen.line([picture.frame.at(0, 0), picture.frame.at(1, 1)], fill=SOFT, width=1)
    _draw(picture, found.false_rates, found.true_rates)
    return picture.png()


def precision_recall_picture(snippets: ScoredSnippets, title: str) -> bytes:
    """Precision against recall at every threshold; the level line is chance."""
    found = curves(snippets)
    picture = _curve_picture(title, "recall", "precision")
    chance = snippets.num_positive.sum() / (
        snippets.num_positive.sum() + snippets.num_negative.sum()
    )
    picture.pen.line([picture.frame.at(0, chance), picture.frame.at(1, chance)], fill=SOFT, width=1)
    _draw(picture, found.recalls, found.precisions)
    return picture.png()


def track_picture(video: EvaluatedVideo) -> bytes:
    """One video's scores over its frames; true events red behind, proposals blue below."""
    width, height = _TRACK_SIZE_PX
    frame = _Frame(60, 56, width - 90, height - 130, x_end=float(video.num_frames))
    picture = _Picture.blank((width, height), frame)
    for start, end in video.annotated.intervals:
        left, right = frame.at(start, 0)[0], frame.at(min(end, video.num_frames), 0)[0]
        picture.pen.rectangle((left, frame.top, right, frame.top + frame.height), fill=_EVENT_FILL)
    _draw_axes(picture, ("0", "1"))
    starts = np.arange(len(video.scores)) * FRAMES_PER_SNIPPET
    ends = np.append(starts[1:], video.num_frames)
    edges = np.stack([starts, ends], 1).flatten().astype(np.float64)
    _draw(picture, edges, np.repeat(video.scores.clip(0, 1), 2))
    floor = frame.top + frame.height
    for proposal in video.proposals:
        left, right = (frame.at(x, 0)[0] for x in proposal.interval)
        picture.pen.rectangle((left, floor + 8, max(right, left + 2), floor + 16), _PROPOSAL_FILL)
    write(picture.pen, [_track_title(video)], (frame.left, 14), _TITLE)
    legend = "frames; red: true events, blue: score and proposals"
    write(picture.pen, [f"0 to {video.num_frames:,} {legend}"], (frame.left, floor + 26), _LABEL)
    return picture.png()


@dataclass(frozen=True)
class _Picture:
    image: Image.Image
    pen: ImageDraw.ImageDraw
    frame: _Frame

    @classmethod
    def blank(cls, size: tuple[int, int], frame: _Frame) -> "_Picture":
        image = Image.new("RGB", size, PAPER)
        return cls(image, ImageDraw.Draw(image), frame)

    def png(self) -> bytes:
        content = BytesIO()
        self.image.save(content, "PNG", optimize=True)
        return content.getvalue()


def _curve_picture(title: str, x_name: str, y_name: str) -> _Picture:
    side = _CURVE_SIDE_PX
    frame = _Frame(76, 80, side - 106, side - 156)
    picture = _Picture.blank((side, side), frame)
    _draw_axes(picture, ("0", "1"))
    write(picture.pen, [title], (frame.left, 18), _TITLE)
    floor = frame.top + frame.height
    for share in (0.0, 0.5, 1.0):
        x = frame.at(share, 0)[0]
        label = f"{share:g}"
        write(picture.pen, [label], (x - length(label, _LABEL.size) / 2, floor + 8), _LABEL)
    left = frame.left + frame.width / 2 - length(x_name, _LABEL.size) / 2
    write(picture.pen, [x_name], (left, floor + 34), _LABEL)
    write(picture.pen, [y_name], (frame.left, frame.top - 28), _LABEL)
    return picture


def _draw_axes(picture: _Picture, names: tuple[str, str]) -> None:
    frame = picture.frame
    for share in (0.0, 0.5, 1.0):
        ends = [frame.at(0, share), frame.at(frame.x_end, share)]
        picture.pen.line(ends, fill=SOFT if share == 0 else FAINT, width=1)
    for share, name in zip((0.0, 1.0), names, strict=True):
        x, y = frame.at(0, share)
        write(picture.pen, [name], (x - 10 - length(name, _LABEL.size), y - 11), _LABEL)


def _draw(picture: _Picture, xs: Points, ys: Points) -> None:
    step = max(1, len(xs) // _MOST_POINTS)
    chosen: Sequence[int] = [*range(0, len(xs), step), len(xs) - 1]
    line = [picture.frame.at(float(xs[place]), float(ys[place])) for place in chosen]
    picture.pen.line(line, fill=BLUE, width=2, joint="curve")


def _track_title(video: EvaluatedVideo) -> str:
    kind = ", ".join(video.annotated.categories) or "normal"
    return f"{video.annotated.id} ({kind})"
