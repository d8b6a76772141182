"""Are the endpoints up, do they serve the model, and do they hold replies to a schema?"""

import logging

import httpx
import orjson

from engine.errors import ReplyError, ServiceError, UsageError
from engine.models.chat import Json
from engine.models.forms import response_format
from engine.models.openai_client import ChatClient
from engine.models.openai_faults import Answer, Fault, refused_key
from engine.models.openai_settings import OpenAiSettings
from engine.models.replies import ChatReply
from engine.prompting import prompt_body

logger = logging.getLogger(__name__)

PROBE_MAX_TOKENS = 256
PROBE_WORDS = ("red", "blue")
PROBE_SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {"color": {"type": "string", "enum": list(PROBE_WORDS)}},
    "required": ["color"],
    "additionalProperties": False,
}


def check_models(client: ChatClient, settings: OpenAiSettings) -> tuple[str, ...]:
    """The URLs that are up and serve the model.

    Raises `UsageError` where there is none or one answers but does not serve it, `ServiceError`
    where the key is refused or none answers. One that does not answer while others do is left to
    the pool.
    """
    if not client.urls:
        raise UsageError(
            f"the model is {settings.model!r}, but no endpoint serves it: start vLLM here with "
            "--gpus N, name a server with --endpoint URL (or endpoints in dataset.toml, or "
            "$OPENAI_BASE_URL), or set model to baseline"
        )
    silent: dict[str, str] = {}
    for url in client.urls:
        try:
            _check_served(url, client.served_models(url), client, settings)
        except httpx.RequestError as error:
            silent[url] = client.describe(error)
    for url, seen in silent.items():
        logger.warning("%s does not answer (%s); going on without it until it does", url, seen)
    if len(silent) == len(client.urls):
        seen = "; ".join(f"{url}: {what}" for url, what in silent.items())
        raise ServiceError(
            f"no endpoint answers ({seen}). Is the server up? Try `curl {client.urls[0]}/models`"
        )
    return tuple(url for url in client.urls if url not in silent)


def check_structured_output(client: ChatClient, settings: OpenAiSettings, url: str) -> None:
    """Ask for JSON by schema and for prose by prompt; only an enforced schema gives JSON.

    vLLM answered HTTP 200 with prose after it dropped `guided_json`, hence the question. Raises
    `UsageError` where the schema is ignored or refused, `ServiceError` where nothing is said.
    """
    outcome = _ask_probe(client, settings, url)
    if isinstance(outcome, Fault):
        raise ServiceError(
            f"{url} gave no reply to the question whether it holds replies to a JSON schema "
            f"({outcome.seen}); look at its log and run the same command again"
        )
    said = outcome.choices[0].message.content or ""
    if outcome.is_cut or not _is_probe_answer(said):
        raise UsageError(_ignored(url, f"asked for {PROBE_WORDS} by schema, it said {said!r:.200}"))


def _check_served(
    url: str, served: tuple[str, ...] | Answer, client: ChatClient, settings: OpenAiSettings
) -> None:
    if isinstance(served, tuple):
        if settings.model not in served:
            raise UsageError(
                f"{url} does not serve the model {settings.model!r}; it serves "
                f"{', '.join(served) or 'none'}. Set model to one of them, or start the server "
                "with --served-model-name"
            )
        return
    said = client.keys.scrubbed(served.body.decode("utf-8", errors="replace"))
    seen = f"HTTP {served.status}: {said}"
    if served.status in (401, 403):
        raise ServiceError(refused_key(url, seen, client.keys))
    if served.status == 429 or served.status >= 500:
        raise ServiceError(f"GET {url}/models answered {seen}; wait until it is ready, then re-run")
    raise UsageError(
        f"GET {url}/models is no list of models ({seen}); an endpoint is the base URL of an "
        "OpenAI-compatible API and mostly ends in /v1"
    )


def _ask_probe(client: ChatClient, settings: OpenAiSettings, url: str) -> ChatReply | Fault:
    messages: list[Json] = [{"role": "user", "content": prompt_body("check_schema")}]
    body = settings.sampling_fields() | {
        settings.max_tokens_field: PROBE_MAX_TOKENS,
        "messages": messages,
        "response_format": response_format("probe", PROBE_SCHEMA),
    }
    try:
        return client.complete_at(url, "probe", body)
    except ReplyError as error:
        raise UsageError(_ignored(url, error.detail)) from error


def _is_probe_answer(text: str) -> bool:
    try:
        return orjson.loads(text) in [{"color": word} for word in PROBE_WORDS]
    except orjson.JSONDecodeError:
        return False


def _ignored(url: str, seen: str) -> str:
    return (
        f"{url} does not hold replies to a JSON schema (response_format json_schema): {seen}. "
        'Upgrade the server, or set structured_output = "prompt": then only the prompt asks for '
        "JSON, and replies are validated just the same"
    )
