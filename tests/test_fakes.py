"""The fakes themselves: what a test relies on when it relies on them."""

import httpx
import pytest

from engine.models.chat import (
    Captioner,
    CaptionReply,
    CaptionRequest,
    Summarizer,
    SummaryReply,
    SummaryRequest,
)
from tests.fakes import Behavior, FakeOpenAiServer, ScriptedCaptioner, ScriptedSummarizer


def test_a_scripted_captioner_says_what_the_script_says() -> None:
    captioner: Captioner = ScriptedCaptioner(reply=lambda request: f"Seen {request.id}.")
    reply = captioner.caption(CaptionRequest("V_E0C0", 1.0, "p", captioner.prepare(())))
    assert reply == CaptionReply("V_E0C0", "Seen V_E0C0.", None)


def test_a_scripted_captioner_may_answer_with_a_whole_reply() -> None:
    wrong = CaptionReply("another", "text", None)
    captioner = ScriptedCaptioner(reply=lambda _request: wrong)
    assert captioner.caption(CaptionRequest("V_E0C0", 1.0, "p", ())) is wrong


def test_a_scripted_summarizer_says_what_the_script_says() -> None:
    def reply(request: SummaryRequest) -> SummaryReply:
        return SummaryReply(request.id, True, "j", "d", None, None)

    summarizer: Summarizer = ScriptedSummarizer(reply=reply, settings={"seed": 3})
    request = SummaryRequest("V_E0", "event", "p", ("t",), True, ())
    assert summarizer.summarize(request).id == "V_E0"
    assert summarizer.fingerprint_parts() == {"model": "openai/scripted", "seed": 3}


def test_a_hook_that_breaks_fails_the_test_and_is_not_taken_for_a_network_fault() -> None:
    def broken(_body: object, _images: object) -> str:
        raise KeyError("a bug in the test")

    def use() -> None:
        with FakeOpenAiServer(Behavior(answer=broken)) as fake, httpx.Client() as client:
            body = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}
            with pytest.raises(httpx.TransportError):
                client.post(f"{fake.url}/chat/completions", json=body)

    with pytest.raises(RuntimeError, match="a bug in the test"):
        use()
