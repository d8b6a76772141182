"""Text -> where its lines break and how it is drawn, in any script that this machine has a font of.

Pillow's own font has English letters only. A letter that it lacks is drawn in a font of the
system, and where there is none, as its plain counterpart (`é` as `e`, a dash as `-`).
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from PIL import ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_SYSTEM_FONTS = (
    "NotoSans-Regular.ttf",
    "DejaVuSans.ttf",
    "LiberationSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "DroidSansFallbackFull.ttf",
    "wqy-microhei.ttc",
    "Arial Unicode.ttf",
    "PingFang.ttc",
    "segoeui.ttf",
    "msyh.ttc",
    "malgun.ttf",
)
"""As Linux, macOS and Windows name them; the first that has a letter draws it."""
_OWN = ""
_IN_NO_FONT = "\U0010ffff"
_BOLD_STROKE_PX = 0.45


@dataclass(frozen=True)
class Ink:
    """What letters look like."""

    size: int
    color: str
    is_bold: bool = False


def line_height(size: int) -> int:
    """Rows from one line to the next."""
    return round(size * 1.42)


def length(text: str, size: int) -> float:
    """How many pixels wide a line is."""
    return sum(_length_of(letters, font) for letters, font in _runs(text, size))


def wrap(text: str, size: int, width: int) -> list[str]:
    """Lines no wider than `width`; a word wider than that is broken."""
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and length(joined, size) <= width:
            lines[-1] = joined
            continue
        while len(word) > 1 and length(word, size) > width:
            fits = next((n for n in range(len(word), 1, -1) if length(word[:n], size) <= width), 1)
            lines.append(word[:fits])
            word = word[fits:]
        lines.append(word)
    return lines


def write(
    pen: ImageDraw.ImageDraw, lines: Sequence[str], at: tuple[float, float], ink: Ink
) -> None:
    """Draw lines below each other, their upper left corner at `at`."""
    stroke = _BOLD_STROKE_PX if ink.is_bold else 0
    for index, line in enumerate(lines):
        left, foot = at[0], at[1] + index * line_height(ink.size) + ink.size
        for letters, font in _runs(line, ink.size):
            pen.text(
                (left, foot), letters, font=font, fill=ink.color, anchor="ls",
                stroke_width=stroke, stroke_fill=ink.color,
            )  # fmt: skip
            left += _length_of(letters, font)


def _length_of(letters: str, font: Font) -> float:
    return float(font.getlength(letters))


def _runs(text: str, size: int) -> Iterator[tuple[str, Font]]:
    """The text in pieces that one font draws."""
    drawable = "".join(map(_as_drawable, text))
    for name, letters in groupby(drawable, _font_name):
        font = _font(_OWN if name is None else name, size)
        assert font is not None
        yield "".join(letters), font


@lru_cache(maxsize=4096)
def _as_drawable(letter: str) -> str:
    """The letter, or what stands for it where no font has it."""
    if _font_name(letter) is not None:
        return letter
    if unicodedata.category(letter) == "Pd":
        return "-"
    plain = [one for one in unicodedata.normalize("NFKD", letter) if _font_name(one) == _OWN]
    return "".join(plain) or letter


@lru_cache(maxsize=4096)
def _font_name(letter: str) -> str | None:
    """The first font that has this letter; None: no font has."""
    return next((name for name in (_OWN, *_SYSTEM_FONTS) if _has(name, letter)), None)


def _has(name: str, letter: str) -> bool:
    font = _font(name, 24)
    if font is None:
        return False
    return letter.isspace() or _shape(font, letter) != _shape(font, _IN_NO_FONT)


def _shape(font: Font, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)


@lru_cache(maxsize=64)
def _font(name: str, size: int) -> Font | None:
    """A font by its file's name; None: this machine does not have it."""
    if name == _OWN:
        return ImageFont.load_default(size)
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None
