from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make install-train)")

from engine.media.frames import Frame
from train.mllm.architecture import Architecture, architecture_of
from train.mllm.base import asked_of
from train.mllm.encode import IGNORED, Asked, EncodingError
from train.mllm.prompt import Chat, Exchange

FAMILIES = ("internvl", "llava_next_video", "qwen2_5_vl", "qwen3_vl")
TALK = (Exchange("What happens?", "A car hits a wall. 🚗"), Exchange("Why?", "It is fast."))


def some_frames(num: int) -> list[Frame]:
    rng = np.random.default_rng(0)
    shape = (60, 80, 3)
    return [Frame(rng.integers(0, 255, shape, dtype=np.uint8), 2.0 + n) for n in range(num)]


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest, bases: dict[str, Path]) -> tuple[Architecture, Asked]:
    folder = bases[request.param]
    architecture = architecture_of(folder, picture_px=28)
    return architecture, asked_of(folder, architecture)


def test_every_token_of_an_answer_is_learned_and_no_other(
    model: tuple[Architecture, Asked],
) -> None:
    architecture, asked = model
    shown = architecture.pictures(some_frames(5), start_seconds=2.0)
    found = asked.exchanges(TALK, seconds=shown.seconds, counts=shown.counts)
    is_learned = found.labels != IGNORED
    assert (found.labels[is_learned] == found.input_ids[is_learned]).all()
    end, space = asked.tokenizer.eos_token, " " * (architecture.family == "llava_next_video")
    learned = asked.tokenizer.decode(found.labels[is_learned])
    assert learned == "".join(f"{space}{answer}{end}" for _, answer in TALK)
    # Token by token: runs of learned tokens are the answers, and nothing stands between them.
    edges = np.flatnonzero(np.diff(is_learned.astype(int)))
    assert len(edges) == (3 if is_learned[-1] else 4)
    asked_parts = asked.tokenizer.decode(found.input_ids[~is_learned])
    assert "car" not in asked_parts
    assert "fast" not in asked_parts


def test_each_picture_token_is_there_once_and_is_not_learned(
    model: tuple[Architecture, Asked],
) -> None:
    architecture, asked = model
    shown = architecture.pictures(some_frames(5), start_seconds=2.0)
    found = asked.exchanges(TALK, seconds=shown.seconds, counts=shown.counts)
    is_picture = found.input_ids == asked.placeholder_id
    assert is_picture.sum() == sum(shown.counts)
    assert sum(shown.counts) <= architecture.num_tokens(5)
    assert (found.labels[is_picture] == IGNORED).all()


def test_the_prompts_tokens_are_those_before_the_answer_in_training(
    model: tuple[Architecture, Asked],
) -> None:
    architecture, asked = model
    shown = architecture.pictures(some_frames(3), start_seconds=2.0)
    seconds, counts = shown.seconds, shown.counts
    trained = asked.exchanges(TALK, seconds=seconds, counts=counts)
    prompt = asked.prompt("Why?", seconds=seconds, counts=counts, history=TALK[:1])
    assert trained.input_ids[: len(prompt)].tolist() == prompt.tolist()
    assert trained.labels[len(prompt)] != IGNORED


@pytest.mark.parametrize("mark", ["<|im_end|>", "<IMG_CONTEXT>"])
def test_a_text_that_holds_a_mark_of_the_model_is_refused(
    bases: dict[str, Path], mark: str
) -> None:
    architecture = architecture_of(bases["internvl"], picture_px=28)
    asked = asked_of(bases["internvl"], architecture)
    with pytest.raises(EncodingError, match="the model's own mark"):
        asked.exchanges([Exchange("What?", f"A {mark} sign.")], seconds=(0.0,), counts=(4,))


def test_an_answer_that_would_change_the_prompts_tokens_is_refused(bases: dict[str, Path]) -> None:
    architecture = architecture_of(bases["internvl"], picture_px=28)
    asked = asked_of(bases["internvl"], architecture)
    # "th" and "ere" are one token together.
    joining = Chat(opening="", picture="", ask="{pictures}{question} th", answer="ere", between="")
    with pytest.raises(EncodingError, match="join the prompt's last ones"):
        replace(asked, chat=joining).exchanges([Exchange("Is", "-")], seconds=(), counts=())
