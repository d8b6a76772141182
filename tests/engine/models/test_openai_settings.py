"""Which settings are refused, and which of them make a stage's work stale."""

from dataclasses import replace

import pytest

from engine.config import CaptionSection
from engine.errors import UsageError
from engine.models.build import build_captioner
from tests.engine.models.openai_builders import a_captioner, a_summarizer, some_settings


def test_where_replies_come_from_is_no_part_of_the_fingerprint() -> None:
    here = some_settings("http://127.0.0.1:1/v1")
    there = replace(
        here,
        endpoints=("http://10.0.0.1/v1", "http://10.0.0.2/v1"),
        timeout_seconds=1.0,
        max_retries=9,
        patience_seconds=3.0,
        first_pause_seconds=2.0,
        concurrency=99,
        api_key_env="OTHER_KEY",
    )
    for build in (a_captioner, a_summarizer):
        one, other = build(), build()
        one.settings, other.settings = here, there
        assert one.fingerprint_parts() == other.fingerprint_parts()


@pytest.mark.parametrize(
    ("num_endpoints", "said", "concurrency"), [(1, None, 64), (4, None, 256), (4, 10, 10)]
)
def test_each_endpoint_gets_64_requests_at_once_unless_the_settings_say_how_many_in_all(
    num_endpoints: int, said: int | None, concurrency: int
) -> None:
    endpoints = tuple(f"http://127.0.0.1:{port}/v1" for port in range(1, num_endpoints + 1))
    section = CaptionSection(model="tiny", endpoints=endpoints, concurrency=said)
    assert build_captioner(section).concurrency == concurrency


@pytest.mark.parametrize(
    "change",
    [
        {"model": "other"},
        {"revision": "abc"},
        {"temperature": 0.5},
        {"max_tokens": 7},
        {"seed": 5},
        {"extra_body": {"top_k": 1}},
        {"video_format": "video_url"},
        {"num_frames": 3},
        {"max_side_px": 99},
        {"jpeg_quality": 50},
    ],
)
def test_what_changes_a_caption_changes_the_fingerprint(change: dict[str, object]) -> None:
    assert a_captioner().fingerprint_parts() != a_captioner(**change).fingerprint_parts()


def test_pictures_are_no_part_of_a_summarizers_fingerprint_but_the_schema_is() -> None:
    parts = a_summarizer(num_frames=3, jpeg_quality=50).fingerprint_parts()
    assert parts == a_summarizer().fingerprint_parts()
    assert "schema_sha256" in parts
    assert parts != a_summarizer(structured_output="prompt").fingerprint_parts()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"endpoints": ("localhost:8000",)}, "http://HOST:PORT/v1"),
        ({"endpoints": ("http://u:pw@host/v1",)}, "api_key_env"),
        ({"endpoints": ("http://a/v1", "http://a/v1/")}, "repeat"),
        ({"model": " "}, "GET /models"),
        ({"concurrency": 0}, "concurrency is 0"),
        ({"timeout_seconds": 0.0}, "timeout_seconds is 0.0"),
        ({"jpeg_quality": 101}, "jpeg_quality is 101"),
        ({"extra_body": {"messages": []}}, "extra_body may not set"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_the_way_to_mend_them(
    change: dict[str, object], named: str
) -> None:
    with pytest.raises(UsageError, match=named):
        a_captioner(**change)


def test_every_record_made_will_name_the_model() -> None:
    assert a_captioner(model="llava/7b").name == a_summarizer(model="llava/7b").name
    assert a_captioner(model="llava/7b").name == "openai/llava/7b"


def test_each_endpoint_more_means_more_requests_at_once_unless_a_number_is_set() -> None:
    urls = ("http://10.0.0.1/v1", "http://10.0.0.2/v1")
    for endpoints, concurrency in ((urls[:1], 64), (urls, 128)):
        section = CaptionSection(model="tiny", endpoints=endpoints)
        assert build_captioner(section).concurrency == concurrency
    assert build_captioner(section.model_copy(update={"concurrency": 7})).concurrency == 7
