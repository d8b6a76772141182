"""What is drawn can be read, and what is no code is not taken for one."""

import base64
from collections import Counter

import cv2
import numpy as np
import pytest

from engine.models.canary import (
    DIGITS,
    LETTERS,
    canary_frames,
    canary_id,
    code_of,
    codes_in,
    new_code,
    shows_code,
)
from engine.models.openai_media import prepare_clip
from tests.canary_reader import read_code


@pytest.mark.parametrize("max_side_px", [224, 336, 672, 1024])
def test_every_sign_is_read_from_the_picture_as_it_is_sent(max_side_px: int) -> None:
    for number, letter in enumerate(LETTERS):
        digit = DIGITS[number % len(DIGITS)]
        code = letter + LETTERS[-1] + LETTERS[0] + digit + DIGITS[0] + DIGITS[-1]
        frames = canary_frames(code, num_frames=1, max_side_px=max_side_px)
        (sent,) = prepare_clip(frames, max_side_px=max_side_px, jpeg_quality=90).frames
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(sent.base64), np.uint8), 1)
        assert picture is not None
        assert read_code(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)) == code


def test_all_of_a_code_lies_in_the_square_that_processors_keep() -> None:
    (frame,) = canary_frames("HHH888", num_frames=1, max_side_px=672)
    height_px, width_px = frame.image.shape[:2]
    side_px = (width_px - height_px) // 2
    paper = frame.image[0, 0]
    assert (frame.image[:, :side_px] == paper).all()
    assert (frame.image[:, -side_px:] == paper).all()
    assert (frame.image != paper).any()


def test_a_canary_is_as_many_distinct_moments_as_a_clip_and_no_larger() -> None:
    frames = canary_frames("KTR482", num_frames=8, max_side_px=336)
    assert len({frame.time_seconds for frame in frames}) == 8
    assert {max(frame.image.shape) for frame in frames} == {336}


def test_the_reader_of_the_tests_sees_no_code_where_there_is_none() -> None:
    assert read_code(np.full((120, 160, 3), 245, np.uint8)) is None
    assert read_code(np.zeros((120, 160, 3), np.uint8)) is None


def test_codes_are_new_and_use_every_sign() -> None:
    taken = [new_code(()) for _ in range(500)]
    assert new_code(taken) not in taken
    assert len(set(taken)) > 490
    assert set(Counter("".join(taken))) == set(LETTERS + DIGITS)


def test_a_canarys_id_gives_its_code_and_a_clips_does_not() -> None:
    assert code_of(canary_id("KTR482")) == "KTR482"
    for item_id in ("Abuse001_x264_E0C1", "KTR482", "canary:yard_E0C1", "canary:", "canary"):
        assert code_of(item_id) is None


@pytest.mark.parametrize(
    "text",
    [
        "KTR482",
        "The code is k t r / 4 8 2.",
        "KTR-482",
        "K, T, R\n4, 8, 2",
        'It says "KTR" above "482".',
        "Letters: KTR. Digits: 482.",
    ],
)
def test_a_code_is_recognized_in_whatever_words_it_is_told(text: str) -> None:
    assert shows_code(text, "KTR482")
    assert not shows_code(text, "KTR483")


def test_only_what_stands_alone_and_has_the_form_of_a_code_is_one() -> None:
    assert codes_in("plate KTR 482, then XJY-739") == {"KTR482", "XJY739"}
    assert codes_in("truck 482, camera CAR4825, AKTR482, ABC123, KTR4829, at 9:45 o'clock") == set()
    assert codes_in("a man walks past the shop; 482 cars follow") == set()
