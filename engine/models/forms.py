"""The form that a model's reply must have: text in, checked parts or a problem out."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from engine.models.chat import Json
from engine.prompting import fill
from schemas.base import NonEmptyText
from schemas.reject import RejectReason

REPAIR_PROMPT = "repair_summary"
REPLY = ConfigDict(frozen=True, strict=True, extra="forbid")
"""How the schema of a reply is to be read: as it was said, and nothing besides."""
_FENCE = re.compile(r"^```(?:json)?\s*\n(.*)\n\s*```$", re.DOTALL)

Parts = TypeVar("Parts", bound=BaseModel)


def _stripped(text: str) -> str:
    return text.strip()


Said = Annotated[NonEmptyText, AfterValidator(_stripped)]
"""A text that must say something."""


@dataclass(frozen=True)
class BadForm:
    """Why a reply cannot be used."""

    reason: RejectReason
    problem: str


@dataclass(frozen=True)
class Form(Generic[Parts]):
    """What a reply is held to."""

    name: str
    schema: dict[str, Json]
    read: Callable[[str], Parts | BadForm]
    """May look at more than the schema says."""


def read_json(text: str, model: type[Parts]) -> Parts | BadForm:
    """Read the parts from a reply that is JSON, perhaps within one code fence."""
    fenced = _FENCE.match(text.strip())
    try:
        parsed = orjson.loads(fenced[1] if fenced else text)
    except orjson.JSONDecodeError as error:
        return BadForm("reply_not_json", f"not JSON: {error}")
    try:
        return model.model_validate_json(orjson.dumps(parsed))
    except ValidationError as error:
        return BadForm("reply_off_schema", _problems(error))


def schema_of(model: type[BaseModel]) -> dict[str, Json]:
    """JSON schema of a reply, keys in the order in which the model shall write them.

    Without patterns: decoders take them for the whole text, so that `\\S` would leave room for a
    single letter. What must not be empty is held to that when the reply is read.
    """
    schema: dict[str, Json] = _without(model.model_json_schema(), _NOT_SENT)
    return schema


_NOT_SENT = frozenset({"title", "description", "pattern"})
"""Titles and descriptions repeat our own names and docstrings."""


def _without(value: Any, keywords: frozenset[str]) -> Any:
    """A schema without these keywords; properties of such a name stay."""
    if isinstance(value, list):
        return [_without(one, keywords) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without(part, keywords)
        for key, part in value.items()
        if not (key in keywords and isinstance(part, str))
    }


def schema_sha256(schema: dict[str, Json]) -> str:
    """Hash of a schema, for fingerprints."""
    return hashlib.sha256(orjson.dumps(schema)).hexdigest()


def response_format(name: str, schema: dict[str, Json]) -> dict[str, Json]:
    """OpenAI's `response_format` that holds the reply to a schema."""
    json_schema: dict[str, Json] = {"name": name, "strict": True, "schema": schema}
    return {"type": "json_schema", "json_schema": json_schema}


def repair_turns(text: str, bad: BadForm, schema: dict[str, Json]) -> list[Json]:
    """What is added to a conversation so that the model mends its reply: reply, error, schema."""
    told = orjson.dumps(schema).decode()
    said = fill(REPAIR_PROMPT, {"problem": bad.problem, "schema": told})
    return [{"role": "assistant", "content": text}, {"role": "user", "content": said}]


def texts_in(value: object) -> Iterator[str]:
    """Every text of a reply, as `model_dump` gives it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from texts_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts_in(part)


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)
    named = (
        f"{'.'.join(str(part) for part in one['loc']) or 'the reply'}: {one['msg']}"
        for one in found
    )
    return "; ".join(named)
