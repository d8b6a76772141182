"""A page of blocks below each other, each of a known height: the paper that sheets are drawn on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageDraw

from engine.sheets.lettering import Ink, line_height, wrap, write
from schemas import Event

PAGE_WIDTH_PX = 1600
MARGIN_PX = 56
WIDTH_PX = PAGE_WIDTH_PX - 2 * MARGIN_PX
"""Of what is drawn, between the margins."""

PAPER, INK, SOFT, FAINT = "#fbfaf7", "#23262b", "#666b73", "#dcd9d2"
RED, GREEN, BLUE, AMBER = "#b3402f", "#4c7a5b", "#3f6389", "#8a6414"
_NOTE_FILL = "#f6ecd6"


@dataclass(frozen=True)
class Page:
    """What is being drawn on."""

    image: Image.Image
    pen: ImageDraw.ImageDraw


Draw = Callable[[Page, int], None]
"""Draws a block on the page with its top edge at that row."""


@dataclass(frozen=True)
class Block:
    """A part of the page over its whole width."""

    height: int
    draw: Draw


def as_png(blocks: Sequence[Block]) -> bytes:
    """The blocks on one page, as high as they need it."""
    height = sum(block.height for block in blocks) + 2 * MARGIN_PX
    image = Image.new("RGB", (PAGE_WIDTH_PX, height), PAPER)
    page, top = Page(image, ImageDraw.Draw(image)), MARGIN_PX
    for block in blocks:
        block.draw(page, top)
        top += block.height
    file = BytesIO()
    image.save(file, format="PNG")
    return file.getvalue()


def text(
    words: str, size: int, *, fill: str = INK, is_bold: bool = False, after_px: int = 0
) -> Block:
    """Wrapped text, with some room after it."""
    lines = wrap(words, size, WIDTH_PX)

    def draw(page: Page, top: int) -> None:
        write(page.pen, lines, (MARGIN_PX, top), Ink(size, fill, is_bold=is_bold))

    return Block(len(lines) * line_height(size) + after_px, draw)


def note(words: str) -> Block:
    """Text on a ground of its own."""
    lines = wrap(words, 20, WIDTH_PX - 36)
    height = len(lines) * line_height(20) + 20

    def draw(page: Page, top: int) -> None:
        box = (MARGIN_PX, top, MARGIN_PX + WIDTH_PX, top + height)
        page.pen.rounded_rectangle(box, 8, fill=_NOTE_FILL)
        write(page.pen, lines, (MARGIN_PX + 18, top + 10), Ink(20, AMBER))

    return Block(height + 22, draw)


def rule(color: str) -> Block:
    """A line across, its beginning in color."""

    def draw(page: Page, top: int) -> None:
        page.pen.line((MARGIN_PX, top + 12, MARGIN_PX + WIDTH_PX, top + 12), fill=FAINT, width=1)
        page.pen.line((MARGIN_PX, top + 12, MARGIN_PX + 64, top + 12), fill=color, width=4)

    return Block(28, draw)


def event_color(event: Event) -> str:
    """Red, green or blue: abnormal, normal, not labeled."""
    return {True: RED, False: GREEN, None: BLUE}[event.is_anomalous]


def short_name(segment_id: str, parent_id: str) -> str:
    """`E3` of `Abuse001_x264_E3`, `C1` of `Abuse001_x264_E3C1`."""
    return segment_id.removeprefix(parent_id).lstrip("_")


def how_many(count: int, word: str) -> str:
    """`1 event`, `2 events`."""
    return f"{count} {word}{'s' * (count != 1)}"
