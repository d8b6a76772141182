"""Our captioner and summarizer against a real engine: they need no more than `vllm serve`."""

from typing import Any

import pytest

from engine.errors import ReplyError
from engine.media.decode import frames_at
from engine.media.frames import FrameRequest, evenly_spaced_times
from engine.models.chat import CaptionReply, CaptionRequest, SummaryRequest
from engine.models.openai_chat import OpenAiCaptioner, OpenAiSummarizer
from engine.models.openai_settings import OpenAiSettings
from tests.vllm.servers import CONTEXT_TOKENS, REPOSITORY, VllmServer

VIDEOS_DIR = REPOSITORY.parent / "shared" / "data" / "videos"
TOKENS_PER_FRAME = 64
PROMPT = "Describe what happens in this clip."
NUM_SEEDS = 5

pytestmark = [
    pytest.mark.vllm,
    # A first test waits for a server to start.
    pytest.mark.timeout(600),
]


def settings_for(server: VllmServer, **changes: Any) -> OpenAiSettings:
    """Temperature 1: a random model that always says the likeliest word repeats itself."""
    chosen: dict[str, Any] = {
        "model": server.model,
        "endpoints": (server.url,),
        "temperature": 1.0,
        "video_format": "video_url",
    }
    return OpenAiSettings(**(chosen | changes))


def describe(
    server: VllmServer, video: str, *, start_seconds: float = 0.0, num_frames: int = 8
) -> CaptionReply:
    """What the server says of four seconds of a real video, with the first seed that it has words
    for: now and then a random model repeats itself, and such a reply is refused."""
    path = VIDEOS_DIR / video
    if not path.is_file():
        pytest.skip(f"NOT TESTED on real videos: {VIDEOS_DIR.name}/{video} is absent")
    times = evenly_spaced_times(start_seconds, start_seconds + 4.0, num_frames=num_frames)
    request = FrameRequest(path.stem, times)
    side_px = settings_for(server).max_side_px
    ((_, frames),) = frames_at(path, [request], max_side_px=side_px)
    for seed in range(NUM_SEEDS):
        captioner = OpenAiCaptioner(settings_for(server, num_frames=num_frames, seed=seed))
        asked = CaptionRequest(path.stem, 4.0, PROMPT, captioner.prepare(frames))
        try:
            captioner.check()
            return captioner.caption(asked)
        except ReplyError as error:
            if error.reason != "reply_repetitive":
                raise
        finally:
            captioner.close()
    raise AssertionError(f"{NUM_SEEDS} replies in a row repeat themselves")


def summarize(server: VllmServer, prompt: str) -> Any:
    """What the server makes of a prompt, held to the schema of summaries."""
    summarizer = OpenAiSummarizer(settings_for(server))
    request = SummaryRequest("robbery_E0", "event", prompt, ("A man runs.",), None, ())
    try:
        summarizer.check()
        return summarizer.summarize(request)
    finally:
        summarizer.close()


def test_caption_of_a_real_clip_depends_on_its_pictures(caption_server: VllmServer) -> None:
    robbery = describe(caption_server, "robbery.mp4")
    assert robbery.id == "robbery"
    assert describe(caption_server, "robbery.mp4").text == robbery.text
    assert describe(caption_server, "robbery.mp4", start_seconds=8.0).text != robbery.text
    assert describe(caption_server, "car_accident.mp4").text != robbery.text


def test_every_frame_that_is_sent_is_seen(caption_server: VllmServer) -> None:
    """vLLM keeps only the first 32 frames of a made video unless it is told otherwise."""
    few = describe(caption_server, "robbery.mp4", num_frames=8).usage
    many = describe(caption_server, "robbery.mp4", num_frames=40).usage
    assert few is not None
    assert many is not None
    assert many.prompt_tokens - few.prompt_tokens == (40 - 8) * TOKENS_PER_FRAME


def test_clip_past_the_context_is_too_long(caption_server: VllmServer) -> None:
    num_frames = CONTEXT_TOKENS // TOKENS_PER_FRAME
    with pytest.raises(ReplyError, match="robbery: HTTP 400") as caught:
        describe(caption_server, "robbery.mp4", num_frames=num_frames)
    assert caught.value.reason == "request_too_long"


def test_schema_is_enforced_and_summary_has_its_parts(summary_server: VllmServer) -> None:
    reply = summarize(summary_server, "Summarize: a man enters a shop, takes a bag and runs.")
    assert reply.judgement
    assert reply.description
    assert isinstance(reply.is_anomalous, bool)
    assert reply.usage.output_tokens > 0


def test_summary_of_too_many_captions_is_too_long(summary_server: VllmServer) -> None:
    with pytest.raises(ReplyError) as caught:
        summarize(summary_server, "Summarize: " + "a man enters a shop. " * CONTEXT_TOKENS)
    assert caught.value.reason == "request_too_long"
