"""What is found out at the start of a run, before any item is spent."""

from collections.abc import Iterator

import pytest

from engine.errors import ServiceError, UsageError
from tests.engine.models.openai_builders import a_captioner, a_summarizer
from tests.fakes import FakeOpenAiServer, Fault


@pytest.fixture
def server() -> Iterator[FakeOpenAiServer]:
    with FakeOpenAiServer() as fake:
        yield fake


@pytest.fixture
def second() -> Iterator[FakeOpenAiServer]:
    with FakeOpenAiServer() as fake:
        yield fake


def test_a_good_server_passes(server: FakeOpenAiServer) -> None:
    a_captioner(server.url).check()
    a_summarizer(server.url).check()


def test_a_model_that_is_not_served_is_refused_with_those_that_are(
    server: FakeOpenAiServer,
) -> None:
    server.behavior.models = ("llava", "qwen")
    with pytest.raises(UsageError, match=r"'tiny'; it serves llava, qwen"):
        a_captioner(server.url).check()


def test_every_endpoint_must_serve_the_model(
    server: FakeOpenAiServer, second: FakeOpenAiServer
) -> None:
    second.behavior.models = ("llava",)
    with pytest.raises(UsageError, match=second.url):
        a_captioner(server.url, second.url).check()


def test_a_server_that_ignores_the_schema_is_refused_with_the_way_out(
    server: FakeOpenAiServer,
) -> None:
    server.behavior.ignores_schema = True
    with pytest.raises(UsageError, match=r"Once\..*structured_output = \"prompt\""):
        a_summarizer(server.url).check()


def test_a_second_server_that_ignores_the_schema_is_found_too(
    server: FakeOpenAiServer, second: FakeOpenAiServer
) -> None:
    second.behavior.ignores_schema = True
    with pytest.raises(UsageError, match=second.url):
        a_summarizer(server.url, second.url).check()


def test_a_server_that_refuses_the_schema_is_refused_with_its_words(
    server: FakeOpenAiServer,
) -> None:
    said = "response_format is not supported"
    server.behavior.fault_for = lambda _request: Fault("status", status=400, text=said)
    with pytest.raises(UsageError, match=said):
        a_summarizer(server.url).check()


def test_a_probe_that_never_ends_is_no_proof_of_a_schema(server: FakeOpenAiServer) -> None:
    server.behavior.fault_for = lambda _request: Fault("finish", text="length")
    with pytest.raises(UsageError, match="schema"):
        a_summarizer(server.url).check()


def test_by_prompt_and_for_captions_nothing_is_asked_about_schemas(
    server: FakeOpenAiServer,
) -> None:
    server.behavior.ignores_schema = True
    a_summarizer(server.url, structured_output="prompt").check()
    a_captioner(server.url).check()
    assert server.num_probes == 0


def test_the_question_about_schemas_asks_for_something_else(server: FakeOpenAiServer) -> None:
    a_summarizer(server.url).check()
    (request,) = server.requests
    prompt = request.body["messages"][0]["content"].lower()
    assert "json" not in prompt
    assert "red" not in prompt.split()


def test_an_engine_that_fails_at_the_start_is_no_wrong_setting(server: FakeOpenAiServer) -> None:
    server.behavior.fault_for = lambda _request: Fault("status", status=500)
    with pytest.raises(ServiceError, match="HTTP 500"):
        a_summarizer(server.url).check()


def test_a_silent_endpoint_beside_a_good_one_is_only_warned_about(
    server: FakeOpenAiServer, second: FakeOpenAiServer, caplog: pytest.LogCaptureFixture
) -> None:
    second.die()
    a_summarizer(server.url, second.url).check()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert second.url in caplog.text


def test_no_endpoint_at_all_says_what_to_try(server: FakeOpenAiServer) -> None:
    server.die()
    with pytest.raises(ServiceError, match=f"curl {server.url}/models"):
        a_captioner(server.url).check()


def test_a_url_without_its_v1_is_found_out(server: FakeOpenAiServer) -> None:
    with pytest.raises(UsageError, match="/v1"):
        a_captioner(server.url.removesuffix("/v1")).check()


def test_a_refused_key_names_its_variable(
    server: FakeOpenAiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.behavior.key = "right"
    monkeypatch.setenv("MY_KEY", "wrong-key-5")
    with pytest.raises(ServiceError, match="MY_KEY") as caught:
        a_captioner(server.url, api_key_env="MY_KEY").check()
    assert "wrong-key-5" not in str(caught.value)
