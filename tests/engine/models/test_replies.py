"""Whose reply it is, and whether its text goes round in circles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ReplyError
from engine.models.endpoints import video_part
from engine.models.replies import _loop, check_ids, is_about, repeated_piece, request_tag
from tests.engine.models.openai_builders import CLIP_ID


@given(item_id=st.text(min_size=1))
def test_a_reply_that_names_its_own_item_passes(item_id: str) -> None:
    tag = request_tag(item_id)
    assert tag.isascii()
    check_ids(item_id, [f"chatcmpl-{tag}", f"{tag}-0", None])


@given(asked=st.text(min_size=1), named=st.text(min_size=1))
def test_a_reply_that_names_another_item_is_refused(asked: str, named: str) -> None:
    if asked == named:
        return
    with pytest.raises(ReplyError) as caught:
        check_ids(asked, [None, f"chatcmpl-{request_tag(named)}"])
    assert caught.value.reason == "id_mismatch"


def test_an_id_that_the_server_made_up_says_nothing() -> None:
    check_ids(CLIP_ID, ["chatcmpl-9f3b", "req_011CQ", "", None])


@given(item_id=st.text(min_size=1))
def test_a_reply_is_about_an_item_only_if_it_repeats_our_tag_for_it(item_id: str) -> None:
    assert is_about(item_id, f"chatcmpl-{request_tag(item_id)}")
    assert not is_about(item_id, f"chatcmpl-{request_tag(item_id + 'x')}")
    assert not is_about(item_id, "chatcmpl-9f3b")
    assert not is_about(item_id, None)


@pytest.mark.parametrize(
    "text",
    [
        "The man runs. " * 3,
        "A man runs. A dog barks. " * 3,
        "A car. It is red and the car and the car and the car and the car and the car",
        "no " * 9,
        "人が歩いています" * 6,
        "ha" * 30,
        "First he waits. He hits the door again. He leaves. He hits the door again. "
        "He returns. He hits the door again.",
    ],
)
def test_a_text_that_goes_round_in_circles_is_found(text: str) -> None:
    assert repeated_piece(text)


def looped_by_definition(items: str, max_period: int, min_items: int) -> str:
    """What `_loop` finds, straight from its definition; slow."""
    for period in range(1, min(max_period, len(items) // 4) + 1):
        length = max(min_items, 4 * period)
        for start in range(len(items) - length + 1):
            run = items[start : start + length]
            if all(run[k] == run[k - period] for k in range(period, length)):
                return run[length - period :]
    return ""


@given(
    head=st.text("ab", max_size=20),
    piece=st.text("ab", min_size=1, max_size=6),
    num_repeats=st.integers(1, 9),
    tail=st.text("ab", max_size=20),
)
def test_loops_are_those_of_the_definition(
    head: str, piece: str, num_repeats: int, tail: str
) -> None:
    text = head + piece * num_repeats + tail
    assert "".join(_loop(text, 7, 9)) == looped_by_definition(text, 7, 9)


@pytest.mark.parametrize(
    "text",
    [
        "A man walks in. A man walks out. Another man runs after the man.",
        "He hits him again and again and again.",
        "The road is very, very, very long; cars pass, and then more cars pass.",
        "No. No. No. No.",
        "A man in a black shirt stands near a man in a white shirt and a man in a red shirt.",
        "Yes",
        "",
    ],
)
def test_a_healthy_text_passes(text: str) -> None:
    assert repeated_piece(text) is None


@pytest.mark.parametrize(
    ("item_id", "video_id"),
    [
        ("Abuse001_x264_E0C1", "Abuse001_x264"),
        ("Abuse001_x264_E12", "Abuse001_x264"),
        ("Abuse001_x264", "Abuse001_x264"),
        ("A_E1C2_E0C1", "A_E1C2"),
    ],
)
def test_the_video_of_an_id(item_id: str, video_id: str) -> None:
    assert video_part(item_id) == video_id
