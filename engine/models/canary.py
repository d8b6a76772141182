"""Canaries: pictures of a code that only we know, by which a mix-up of replies shows itself.

A code goes in, frames that show it come out; a reply goes in, the codes in it come out. What
becomes of them in a run stands in `engine/identity.py`.
"""

import random
import re
from collections.abc import Collection
from functools import lru_cache

import numpy as np

from engine.media.frames import Frame, RgbImage

LETTERS, DIGITS = "CFHJKLNPRTXY", "23456789"
"""None that looks like another, and no vowel, so that no code is a word."""
SECONDS_PER_FRAME = 0.5
CANARY_PROMPT = "read_canary"

_ID_START = "canary:"
_NUM_EACH = 3
_GAP = r"[\W_]{0,3}"
_CODE = re.compile(
    rf"(?<![A-Z0-9]){_GAP.join([f'[{LETTERS}]'] * _NUM_EACH + [f'[{DIGITS}]'] * _NUM_EACH)}"
    r"(?![A-Z0-9])"
)
_INK, _PAPER = (16, 24, 72), (250, 244, 226)
_FONT_PER_CELL = 1.1
"""Letter size over cell width: H, the widest, then leaves a seventh of its cell free."""


def new_code(taken: Collection[str]) -> str:
    """Three letters and three digits, one of 885,000, unlike those in `taken`.

    Not seeded: a code that an earlier run showed could come from a server's cache.
    """
    draw = random.SystemRandom()
    while True:
        letters, digits = (draw.choices(signs, k=_NUM_EACH) for signs in (LETTERS, DIGITS))
        if (code := "".join(letters + digits)) not in taken:
            return code


def canary_id(code: str) -> str:
    """The id under which a code is asked about; no clip's id looks like it."""
    return _ID_START + code


def code_of(item_id: str) -> str | None:
    """The code of a canary's id; None: it is no canary's."""
    code = item_id.removeprefix(_ID_START)
    return code if code != item_id and _CODE.fullmatch(code) else None


def canary_frames(code: str, *, num_frames: int, max_side_px: int) -> tuple[Frame, ...]:
    """Frames half a second apart, the code's letters above its digits in each.

    4:3, as large as the captioner allows. The code fills the square in the middle, since image
    processors cut off the sides.
    """
    image = _picture(code, max_side_px)
    return tuple(Frame(image, index * SECONDS_PER_FRAME) for index in range(num_frames))


def shows_code(text: str, code: str) -> bool:
    """Whether a reply tells the code, in whatever words: both halves are in it."""
    told = re.sub(r"[^A-Z0-9]", "", text.upper())
    return code[:_NUM_EACH] in told and code[_NUM_EACH:] in told


def codes_in(text: str) -> set[str]:
    """What stands in a text that has the form of a code, `kvr-482` and `K V R 4 8 2` too."""
    return {re.sub(r"[\W_]", "", found) for found in _CODE.findall(text.upper())}


@lru_cache(maxsize=8)
def _picture(code: str, width_px: int) -> RgbImage:
    from PIL import Image, ImageDraw, ImageFont

    height_px = max(1, round(width_px * 3 / 4))
    picture = Image.new("RGB", (width_px, height_px), _PAPER)
    pen = ImageDraw.Draw(picture)
    cell_px = height_px / _NUM_EACH
    font = ImageFont.load_default(max(1.0, cell_px * _FONT_PER_CELL))
    for place, sign in enumerate(code):
        row, column = divmod(place, _NUM_EACH)
        center = (width_px / 2 + (column - 1) * cell_px, (row + 0.5) * height_px / 2)
        pen.text(center, sign, font=font, fill=_INK, anchor="mm", stroke_width=cell_px / 50)
    return np.asarray(picture, dtype=np.uint8)
