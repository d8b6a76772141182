import pytest

from engine.errors import UsageError
from train.mllm.prompt import Exchange, chat_of, conversation, prompt_text

FAMILIES = ("internvl", "llava_next_video", "qwen2_5_vl", "qwen3_vl")
FIRST = Exchange("What happens?", "Two men {fight}.")
SECOND = Exchange("Why?", "Nobody knows.")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("history", [(), (FIRST,)])
def test_what_a_model_is_asked_is_what_it_was_trained_on_to_the_last_character(
    family: str, history: tuple[Exchange, ...]
) -> None:
    chat = chat_of(family)
    seconds = (0.5, 1.5, 2.5)
    trained = conversation(chat, seconds, [*history, SECOND])
    asked = prompt_text(chat, seconds, SECOND.question, history)
    start, end = trained.answers[-1]
    assert trained.text == asked + trained.text[start:end]
    assert trained.text[start:end] == chat.answer.format(answer=SECOND.answer)


def test_the_last_frame_and_the_question_stand_on_lines_of_their_own() -> None:
    text = prompt_text(chat_of("internvl"), (0.0, 1.0), "What happens?")
    assert text == (
        "<|im_start|>user\n"
        "Frame1: <img><IMG_CONTEXT></img>\nFrame2: <img><IMG_CONTEXT></img>\nWhat happens?"
        "<|im_end|>\n<|im_start|>assistant\n"
    )


def test_qwen_is_told_the_true_times_of_frames() -> None:
    text = prompt_text(chat_of("qwen3_vl"), (0.25, 7.0), "What happens?")
    assert "<0.2 seconds><|vision_start|><|video_pad|><|vision_end|><7.0 seconds>" in text


def test_pictures_stand_before_the_first_question_alone() -> None:
    text = conversation(chat_of("llava_next_video"), (0.0,), [FIRST, SECOND]).text
    assert text == (
        "USER: <video>\nWhat happens? ASSISTANT: Two men {fight}.</s>"
        "USER: Why? ASSISTANT: Nobody knows.</s>"
    )


def test_an_unknown_family_is_named_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="'blip'; there are: internvl, llava_next_video"):
        chat_of("blip")
