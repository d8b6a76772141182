"""What the captioner and the summarizer send, and what they make of each kind of reply."""

import pickle
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import orjson
import pytest

from engine.errors import MediaError, ReplyError
from engine.media.frames import Frame
from engine.models.chat import CaptionRequest
from engine.models.openai_summary import SUMMARY_SCHEMA, SummaryParts
from tests.engine.models.openai_builders import (
    CLIP_ID,
    a_captioner,
    a_clip_request,
    a_summarizer,
    a_summary_json,
    an_event_request,
    frames_of,
)
from tests.fakes import Behavior, FakeOpenAiServer, Fault


@pytest.fixture
def server() -> Iterator[FakeOpenAiServer]:
    with FakeOpenAiServer() as fake:
        yield fake


def _reason_of(call: Callable[[], object]) -> str:
    with pytest.raises(ReplyError) as caught:
        call()
    assert CLIP_ID[:13] in caught.value.detail
    return caught.value.reason


def _caption_reason(server: FakeOpenAiServer, *faults: Fault) -> str:
    server.behavior.script = deque(faults)
    captioner = a_captioner(server.url)
    return _reason_of(lambda: captioner.caption(a_clip_request(captioner)))


def _summary_reason(server: FakeOpenAiServer, *texts: str) -> str:
    server.behavior.script = deque(Fault("text", text=text) for text in texts)
    summarizer = a_summarizer(server.url)
    return _reason_of(lambda: summarizer.summarize(an_event_request()))


def test_a_caption_comes_with_its_clip_id_and_what_it_cost(server: FakeOpenAiServer) -> None:
    captioner = a_captioner(server.url)
    reply = captioner.caption(a_clip_request(captioner))
    assert (reply.id, reply.text) == (CLIP_ID, "A person walks along a corridor.")
    assert reply.usage is not None
    assert reply.usage.output_tokens == 6
    assert 0 < reply.usage.seconds < 5


@pytest.mark.parametrize("video_format", ["image_url", "video_url"])
def test_the_model_sees_the_frames_in_their_order(
    server: FakeOpenAiServer, video_format: str
) -> None:
    server.behavior.answer = lambda _body, images: " ".join(
        str(round(float(image.mean()) / 10)) for image in images
    )
    captioner = a_captioner(server.url, video_format=video_format)
    request = a_clip_request(captioner, frames=frames_of(10, 200, 90, 250, 30))
    assert captioner.caption(request).text == "1 20 9 25 3"


def test_the_text_part_is_exactly_the_prompt_and_comes_last(server: FakeOpenAiServer) -> None:
    captioner = a_captioner(server.url)
    captioner.caption(a_clip_request(captioner))
    (message,) = server.requests[0].body["messages"]
    assert message["content"][-1] == {"type": "text", "text": "Describe the clip."}
    assert [part["type"] for part in message["content"]] == ["image_url", "image_url", "text"]


def test_a_captioner_is_not_held_to_a_schema(server: FakeOpenAiServer) -> None:
    captioner = a_captioner(server.url)
    captioner.caption(a_clip_request(captioner))
    assert "response_format" not in server.requests[0].body


def test_a_made_video_tells_vllm_its_true_times_and_that_all_frames_count(
    server: FakeOpenAiServer,
) -> None:
    captioner = a_captioner(server.url, video_format="video_url")
    image = np.zeros((32, 48, 3), dtype=np.uint8)
    uneven = tuple(Frame(image, seconds) for seconds in (10.0, 10.04, 11.5))
    captioner.caption(a_clip_request(captioner, frames=uneven))
    video = server.requests[0].body["media_io_kwargs"]["video"]
    assert video["num_frames"] == -1
    assert [index / video["fps"] for index in video["frames_indices"]] == [0.0, 0.04, 1.5]
    assert video["total_num_frames"] / video["fps"] == video["duration"] == 2.0


def test_a_made_video_is_never_shorter_than_its_last_frame(server: FakeOpenAiServer) -> None:
    captioner = a_captioner(server.url, video_format="video_url")
    image = np.zeros((32, 48, 3), dtype=np.uint8)
    late = tuple(Frame(image, seconds) for seconds in (0.0, 7.0))
    captioner.caption(a_clip_request(captioner, frames=late))
    video = server.requests[0].body["media_io_kwargs"]["video"]
    assert video["total_num_frames"] > video["frames_indices"][-1]


def test_sampling_settings_and_extra_fields_are_sent(server: FakeOpenAiServer) -> None:
    captioner = a_captioner(
        server.url,
        temperature=0.7,
        seed=11,
        max_tokens=99,
        max_tokens_field="max_completion_tokens",
        extra_body={"mm_processor_kwargs": {"size": 2}},
    )
    captioner.caption(a_clip_request(captioner))
    body = server.requests[0].body
    assert (body["temperature"], body["seed"], body["max_completion_tokens"]) == (0.7, 11, 99)
    assert body["mm_processor_kwargs"] == {"size": 2}
    assert "max_tokens" not in body


def test_a_temperature_of_none_is_not_sent(server: FakeOpenAiServer) -> None:
    captioner = a_captioner(server.url, temperature=None, seed=None)
    captioner.caption(a_clip_request(captioner))
    assert not {"temperature", "seed"} & server.requests[0].body.keys()


def test_prepared_frames_are_small_enough_and_without_repeats() -> None:
    captioner = a_captioner(max_side_px=64)
    image = np.zeros((100, 200, 3), dtype=np.uint8)
    clip = captioner.prepare((Frame(image, 1.0), Frame(image, 1.0), Frame(image, 2.0)))
    assert [frame.time_seconds for frame in clip.frames] == [1.0, 2.0]
    assert {(frame.width_px, frame.height_px) for frame in clip.frames} == {(64, 32)}


def test_a_clip_without_frames_is_refused_as_empty() -> None:
    with pytest.raises(MediaError) as caught:
        a_captioner().prepare(())
    assert caught.value.reason == "media_empty"


def test_prepare_works_in_another_process_also_after_the_client_was_used(
    server: FakeOpenAiServer,
) -> None:
    captioner = a_captioner(server.url)
    request = a_clip_request(captioner)
    captioner.caption(request)
    prepare = pickle.loads(pickle.dumps(captioner.prepare))
    assert pickle.loads(pickle.dumps(prepare(frames_of(50, 200)))) == request.prepared


def test_messages_show_a_person_what_is_sent_with_pictures_as_notes(
    server: FakeOpenAiServer,
) -> None:
    captioner = a_captioner(server.url)
    request = a_clip_request(captioner)
    captioner.caption(request)
    shown = orjson.loads(orjson.dumps(captioner.messages(request)))
    sent = server.requests[0].body["messages"]
    url = shown[0]["content"][0]["image_url"]["url"]
    assert url.startswith("data:image/jpeg;base64,<jpeg 0.")
    assert url.endswith(" kB at 2.000 s>")
    assert _without_urls(shown) == _without_urls(sent)


def test_messages_of_a_made_video_note_each_frame() -> None:
    captioner = a_captioner(video_format="video_url")
    shown = orjson.dumps(captioner.messages(a_clip_request(captioner))).decode()
    assert shown.count(" kB at ") == 2
    assert "data:video/jpeg;base64,<jpeg" in shown


def test_messages_of_a_summary_are_what_is_sent(server: FakeOpenAiServer) -> None:
    server.behavior.answer = lambda _body, _images: a_summary_json()
    summarizer = a_summarizer(server.url)
    summarizer.summarize(an_event_request())
    assert summarizer.body(an_event_request()) == server.requests[0].body


def test_frames_that_another_captioner_prepared_are_refused() -> None:
    captioner = a_captioner()
    with pytest.raises(TypeError, match=f"{CLIP_ID}.*prepare"):
        captioner.caption(CaptionRequest(CLIP_ID, 1.0, "Describe.", frames_of(1)))


def test_a_thinking_block_is_no_part_of_the_caption(server: FakeOpenAiServer) -> None:
    server.behavior.answer = lambda _body, _images: "<think>\nA man?\n</think>\n\nA man runs."
    captioner = a_captioner(server.url)
    assert captioner.caption(a_clip_request(captioner)).text == "A man runs."


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault("finish", text="length"), "reply_truncated"),
        (Fault("finish", text="content_filter"), "reply_blocked"),
        (Fault("text", text=" \n"), "reply_empty"),
        (Fault("text", text="<think>hm</think>"), "reply_empty"),
        (Fault("text", text="The man walks on. " * 5), "reply_repetitive"),
        (Fault("wrong_id", text="Abuse001_x264_E0C2"), "id_mismatch"),
    ],
)
def test_a_caption_that_cannot_be_used_is_refused_at_once(
    server: FakeOpenAiServer, fault: Fault, reason: str
) -> None:
    assert _caption_reason(server, fault) == reason
    assert server.num_completions == 1


def test_replies_that_come_out_of_order_reach_their_own_clips() -> None:
    def answer(body: dict[str, list[dict[str, list[dict[str, str]]]]], images: object) -> str:
        return "Seen: " + body["messages"][0]["content"][-1]["text"]

    behavior = Behavior(answer=answer, reverse_batch=8, latency_seconds=(0.0, 0.05))
    with FakeOpenAiServer(behavior) as fake:
        captioner = a_captioner(fake.url)
        prepared = captioner.prepare(frames_of(9))
        requests = [
            CaptionRequest(f"Odd #{n}=@é_E0C{n}", 1.0, f"clip {n}", prepared) for n in range(64)
        ]
        with ThreadPoolExecutor(8) as threads:
            replies = list(threads.map(captioner.caption, requests))
        captioner.close()
    assert [(r.id, r.text) for r in replies] == [(r.id, f"Seen: {r.prompt}") for r in requests]
    assert fake.most_in_flight == 8


def test_a_summary_has_its_three_parts(server: FakeOpenAiServer) -> None:
    server.behavior.answer = lambda _body, _images: a_summary_json()
    reply = a_summarizer(server.url).summarize(an_event_request())
    assert reply.is_anomalous is True
    assert reply.judgement == "There is abuse."
    assert reply.description == "A man pushes another man to the floor."
    assert reply.analysis == "Pushing a person is violence."


def test_a_summarizer_is_held_to_the_schema(server: FakeOpenAiServer) -> None:
    server.behavior.answer = lambda _body, _images: a_summary_json()
    a_summarizer(server.url).summarize(an_event_request())
    form = server.requests[0].body["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["strict"] is True
    assert form["json_schema"]["schema"] == SUMMARY_SCHEMA


def test_with_structured_output_by_prompt_no_schema_is_sent_but_replies_are_checked(
    server: FakeOpenAiServer,
) -> None:
    server.behavior.script = deque(
        [Fault("text", text="No."), Fault("text", text=f"```json\n{a_summary_json()}\n```")]
    )
    reply = a_summarizer(server.url, structured_output="prompt").summarize(an_event_request())
    assert reply.judgement == "There is abuse."
    assert all("response_format" not in request.body for request in server.requests)


def test_the_schema_and_the_check_of_replies_agree() -> None:
    assert SUMMARY_SCHEMA["required"] == list(SummaryParts.model_fields)
    assert SUMMARY_SCHEMA["properties"].keys() == SummaryParts.model_fields.keys()  # type: ignore[union-attr]


def test_a_normal_label_drops_the_analysis_but_keeps_the_judgement(
    server: FakeOpenAiServer,
) -> None:
    server.behavior.answer = lambda _body, _images: a_summary_json()
    reply = a_summarizer(server.url).summarize(an_event_request(is_anomalous=False))
    assert reply.analysis is None
    assert reply.is_anomalous is True


def test_without_a_label_the_models_own_judgement_decides_about_the_analysis(
    server: FakeOpenAiServer,
) -> None:
    server.behavior.answer = lambda _body, _images: a_summary_json(is_anomalous=False)
    reply = a_summarizer(server.url).summarize(an_event_request(is_anomalous=None))
    assert (reply.is_anomalous, reply.analysis) == (False, None)


def test_a_label_never_overrides_what_the_model_judged(server: FakeOpenAiServer) -> None:
    server.behavior.answer = lambda _body, _images: a_summary_json(
        is_anomalous=False, analysis=None
    )
    reply = a_summarizer(server.url).summarize(an_event_request(is_anomalous=True))
    assert (reply.is_anomalous, reply.analysis) == (False, None)


def test_a_reply_of_the_wrong_form_is_shown_to_the_model_once_and_mended(
    server: FakeOpenAiServer,
) -> None:
    bad = a_summary_json(is_anomalous="yes")
    server.behavior.script = deque([Fault("text", text=bad)])
    server.behavior.answer = lambda _body, _images: a_summary_json()
    reply = a_summarizer(server.url).summarize(an_event_request())
    assert reply.is_anomalous is True
    first, second = (request.body["messages"] for request in server.requests)
    assert second[:1] == first
    assert second[1] == {"role": "assistant", "content": bad}
    assert "is_anomalous: Input should be a valid boolean" in second[2]["content"]


def test_the_cost_of_a_mended_summary_is_that_of_both_rounds(server: FakeOpenAiServer) -> None:
    good = a_summary_json()
    server.behavior.script = deque([Fault("text", text="one two three")])
    server.behavior.answer = lambda _body, _images: good
    reply = a_summarizer(server.url).summarize(an_event_request())
    assert reply.usage is not None
    assert reply.usage.output_tokens == 3 + len(good.split())


def test_an_anomaly_without_an_analysis_is_off_schema(server: FakeOpenAiServer) -> None:
    bad = a_summary_json(analysis=" ")
    assert _summary_reason(server, bad, bad) == "reply_off_schema"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("It is abuse.", "reply_not_json"),
        ('{"judgement": "cut', "reply_not_json"),
        ("[1]", "reply_off_schema"),
        (a_summary_json(judgement=""), "reply_off_schema"),
        (a_summary_json(score=0.5), "reply_off_schema"),
    ],
)
def test_a_reply_of_the_wrong_form_twice_is_a_reject(
    server: FakeOpenAiServer, text: str, reason: str
) -> None:
    assert _summary_reason(server, text, text) == reason
    assert server.num_completions == 2


def test_a_summary_that_loops_is_refused(server: FakeOpenAiServer) -> None:
    text = a_summary_json(description="He hits the other man. " * 6)
    assert _summary_reason(server, text) == "reply_repetitive"


def test_a_summary_that_was_cut_is_truncated_not_bad_json(server: FakeOpenAiServer) -> None:
    server.behavior.script = deque([Fault("finish", text="length")])
    summarizer = a_summarizer(server.url)
    assert _reason_of(lambda: summarizer.summarize(an_event_request())) == "reply_truncated"


def test_a_summary_whose_reply_names_another_item_is_refused(server: FakeOpenAiServer) -> None:
    server.behavior.script = deque([Fault("wrong_id", text="Abuse001_x264_E7")])
    server.behavior.answer = lambda _body, _images: a_summary_json()
    summarizer = a_summarizer(server.url)
    assert _reason_of(lambda: summarizer.summarize(an_event_request())) == "id_mismatch"


def test_a_caption_tells_which_endpoint_said_it_and_whether_its_id_was_repeated(
    server: FakeOpenAiServer,
) -> None:
    captioner = a_captioner(server.url)
    reply = captioner.caption(a_clip_request(captioner))
    assert (reply.endpoint, reply.is_named) == (server.url, True)


def _without_urls(messages: list[dict[str, list[dict[str, object]]]]) -> list[object]:
    return [
        {key: value for key, value in part.items() if key != "image_url"}
        for message in messages
        for part in message["content"]
    ]
