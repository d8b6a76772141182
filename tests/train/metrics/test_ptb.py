import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.sources.reference import needs_reference_data, reference
from tests.train.metrics.coco import needs_java
from train.metrics.ptb import PUNCTUATION, tokens
from train.metrics.toolkit import Toolkit, find_toolkit, tokenized

AS_THE_PROGRAM = [
    ("A man (white shirt) said “hi”.", "a man -lrb- white shirt -rrb- said hi"),
    ("He didn't stop; he can’t, cannot, won't.", "he did n't stop he ca n't can not wo n't"),
    ("The man's dogs' house, they've, I'd", "the man 's dogs house they 've i 'd"),
    ("50% off $5.50 at 10:30 a.m. on 1,000", "50 % off $ 5.50 at 10:30 a.m. on 1,000"),
    ("cross-legged, and/or – dash — café…", "cross-legged and/or dash café"),
    ("Mr. Smith of the U.S. Army on Main St.", "mr. smith of the u.s. army on main st."),
    ("from 2.5s to 9.6-second clips, 20km", "from 2.5 s to 9.6-second clips 20km"),
    ("end.Next start", "end.next start"),
    ("It ends at 5 s. The man", "it ends at 5 s the man"),
    ("plan b. the man", "plan b. the man"),
    ("What?! Well... then....", "what ?! well then"),
    ("gonna wanna 'twas o'clock", "gon na wan na 't was o'clock"),
    ("No. 5 and no. It", "no. 5 and no it"),
    ("AT&T a&b #5 @you foo_bar ½ €", "at&t a & b # 5 @you foo_bar 1/2 $"),
    ("<video> B</answer>", "<video> b </answer>"),
    ("a\nb \t c", "a b c"),
    ("A man 😀 runs", "a man runs"),
    ("", ""),
    ("...", ""),
]
"""Written down from what the program gave."""


@pytest.mark.parametrize(("text", "expected"), AS_THE_PROGRAM)
def test_text_is_cut_as_the_toolkit_cuts_it(text: str, expected: str) -> None:
    assert tokens(text) == expected.split()


@needs_java
def test_what_is_written_down_is_what_the_program_gives() -> None:
    toolkit = find_toolkit()
    assert isinstance(toolkit, Toolkit)
    # Each text between two that begin with a capital: the program looks beyond the line.
    texts = [part for text, _ in AS_THE_PROGRAM for part in (text, "The end.")]
    found = tokenized(texts, toolkit)[::2]
    assert found == [expected.split() for _, expected in AS_THE_PROGRAM]


@needs_java
@needs_reference_data
def test_published_references_are_cut_as_by_the_program() -> None:
    toolkit = find_toolkit()
    assert isinstance(toolkit, Toolkit)
    lines = reference("hivau/merge_instruction_test_part.jsonl").read_bytes().splitlines()
    texts = [orjson.loads(line)["anwser"] for line in lines]
    theirs = tokenized(texts, toolkit)
    different = [text for text, one in zip(texts, theirs, strict=True) if tokens(text) != one]
    assert len(texts) == 2022
    assert different == []


@given(st.text(max_size=60))
def test_no_token_is_punctuation_empty_or_has_a_space(text: str) -> None:
    for token in tokens(text):
        assert token
        assert token not in PUNCTUATION
        assert token.split() == [token]


def test_a_very_long_word_takes_no_time_that_grows_with_its_square() -> None:
    assert len(tokens("a" * 200_000 + " !" * 1000)) == 1
