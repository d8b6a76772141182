"""Reads the code of a canary from its pixels, as a model that can see would."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.media.frames import RgbImage
from engine.models.canary import DIGITS, LETTERS, canary_frames

_CELL_PX = (32, 48)
_MOST_DIFFERENCE = 10.0
"""Mean gray levels between a sign and its template; an empty cell differs by 18 and more."""


def read_code(picture: RgbImage) -> str | None:
    """The code that a picture shows; None: it shows none."""
    signs = []
    for place, cell in enumerate(_cells(picture)):
        templates = _templates()[LETTERS if place < 3 else DIGITS]
        differences = {sign: float(abs(cell - known).mean()) for sign, known in templates.items()}
        sign = min(differences, key=differences.__getitem__)
        if differences[sign] > _MOST_DIFFERENCE:
            return None
        signs.append(sign)
    return "".join(signs)


@lru_cache(maxsize=1)
def _templates() -> dict[str, dict[str, NDArray[np.float64]]]:
    found: dict[str, dict[str, NDArray[np.float64]]] = {LETTERS: {}, DIGITS: {}}
    for number, letter in enumerate(LETTERS):
        digit = DIGITS[number % len(DIGITS)]
        (frame,) = canary_frames(letter * 3 + digit * 3, num_frames=1, max_side_px=672)
        cells = _cells(frame.image)
        found[LETTERS][letter], found[DIGITS][digit] = cells[0], cells[3]
    return found


def _cells(picture: RgbImage) -> list[NDArray[np.float64]]:
    """Three cells above three, in gray, from the square in the middle."""
    height_px, width_px = picture.shape[:2]
    left = max(0, (width_px - height_px) // 2)
    square = cv2.cvtColor(picture[:, left : left + height_px], cv2.COLOR_RGB2GRAY)
    whole = cv2.resize(square, (3 * _CELL_PX[0], 2 * _CELL_PX[1]), interpolation=cv2.INTER_AREA)
    rows = np.split(np.asarray(whole, dtype=np.float64), 2, axis=0)
    return [cell for row in rows for cell in np.split(row, 3, axis=1)]
