"""A model behind an OpenAI-compatible endpoint that says which claims of a text have no support."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.errors import ReplyError
from engine.models.chat import Json
from engine.models.forms import response_format
from engine.models.openai_check import check_models, check_structured_output
from engine.models.openai_forms import LazyClient
from engine.models.openai_settings import OpenAiSettings
from engine.models.replies import checked_text
from engine.progress import Vitals
from engine.prompting import fill, prompt_sha256
from schemas.base import NonEmptyText

PROMPT = "judge_support"
MOST_CLAIMS = 20
SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {
        "unsupported": {"type": "array", "items": {"type": "string"}, "maxItems": MOST_CLAIMS}
    },
    "required": ["unsupported"],
    "additionalProperties": False,
}


class _Judgement(BaseModel):
    model_config = ConfigDict(frozen=True, strict=False, extra="forbid")

    unsupported: Annotated[tuple[NonEmptyText, ...], Field(max_length=MOST_CLAIMS)]


class Judge:
    """Asked once per summary; a reply of the wrong form rejects that item alone."""

    def __init__(self, settings: OpenAiSettings) -> None:
        self.settings = settings
        self._lazy = LazyClient(settings)

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """All that changes what it says."""
        return self.settings.sampling_parts() | {
            "name": self.settings.name,
            "structured_output": self.settings.structured_output,
            "schema_sha256": sha256(orjson.dumps(SCHEMA)).hexdigest(),
            "prompt_sha256": prompt_sha256(PROMPT),
        }

    def check(self) -> None:
        """Raises `UsageError` where an endpoint does not serve it, `ServiceError` where none is."""
        client = self._lazy.reopened()
        for url in check_models(client, self.settings):
            if self.settings.structured_output == "json_schema":
                check_structured_output(client, self.settings, url)

    def close(self) -> None:
        """Let connections go."""
        self._lazy.close()

    def vitals(self) -> Vitals:
        """How the endpoints are."""
        return self._lazy.get().vitals()

    def unsupported(self, item_id: str, *, text: str, sources: tuple[str, ...]) -> tuple[str, ...]:
        """The claims without support. Raises `ReplyError` for this item, `ServiceError` for all."""
        prompt = fill(PROMPT, {"sources": "\n".join(sources), "text": text})
        body = self.settings.sampling_fields() | {"messages": [{"role": "user", "content": prompt}]}
        if self.settings.structured_output == "json_schema":
            body["response_format"] = response_format("support", SCHEMA)
        done = self._lazy.get().complete(item_id, body)
        said = checked_text(done.reply, item_id, max_tokens=self.settings.max_tokens)
        return _read(said, item_id)


def _read(said: str, item_id: str) -> tuple[str, ...]:
    try:
        return _Judgement.model_validate(orjson.loads(said)).unsupported
    except orjson.JSONDecodeError as error:
        raise ReplyError("reply_not_json", f"{item_id}: {error}; it said {said!r:.200}") from error
    except ValidationError as error:
        problem = error.errors()[0]["msg"]
        raise ReplyError("reply_off_schema", f"{item_id}: {problem}; said {said!r:.200}") from error
