"""Letters: every one is drawn, in a font that has it, and lines break before the edge."""

import unicodedata

import pytest
from PIL import Image, ImageDraw

from engine.sheets import lettering
from engine.sheets.lettering import Ink, length, wrap, write


def pixels(text: str) -> bytes:
    image = Image.new("L", (400, 40), "white")
    write(ImageDraw.Draw(image), [text], (2, 2), Ink(24, "black"))
    return image.tobytes()


@pytest.fixture
def no_system_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "_SYSTEM_FONTS", ())
    for cached in (lettering._font_name, lettering._as_drawable):
        cached.cache_clear()
        monkeypatch.setattr(lettering, cached.__name__, cached.__wrapped__)


@pytest.mark.usefixtures("no_system_fonts")
@pytest.mark.parametrize(
    ("text", "plain"), [("café", "cafe"), ("a – b — c", "a - b - c"), ("x²", "x2"), ("Ⅳ", "IV")]
)
def test_letter_that_no_font_has_becomes_a_plain_one_and_no_box(text: str, plain: str) -> None:
    """Models write dashes and accents; Pillow's own font has neither and drew boxes."""
    assert pixels(text) == pixels(plain)


def test_no_two_letters_look_alike_unless_they_are() -> None:
    """A box in place of a letter is the same box for all."""
    letters = [one for one in "éüñçßøабвλπ" if lettering._font_name(one) is not None]
    if not letters:
        pytest.skip("this machine has no font beside Pillow's own")
    assert len({pixels(letter) for letter in letters}) == len(letters)
    assert all(unicodedata.category(letter).startswith("L") for letter in letters)


def test_width_of_mixed_scripts_is_the_sum_of_its_parts() -> None:
    assert length("abcдеfg", 20) == pytest.approx(
        length("abc", 20) + length("де", 20) + length("fg", 20)
    )


def test_lines_keep_to_their_width_also_where_a_word_is_longer() -> None:
    lines = wrap(f"a short one and {'longword' * 20}", 20, 200)
    assert "".join(lines).replace(" ", "") == f"ashortoneand{'longword' * 20}"
    assert max(length(line, 20) for line in lines) <= 200


def test_letter_wider_than_the_line_stands_alone() -> None:
    assert wrap("WWW", 40, 5) == ["W", "W", "W"]
