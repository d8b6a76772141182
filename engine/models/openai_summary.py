"""The form that a summarizer's reply must have: text in, checked parts or a problem out."""

import hashlib
import re
from dataclasses import dataclass
from typing import Annotated, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator

from engine.models.chat import Json
from engine.prompting import fill
from schemas.base import NonEmptyText
from schemas.reject import RejectReason

_FENCE = re.compile(r"^```(?:json)?\s*\n(.*)\n\s*```$", re.DOTALL)

SUMMARY_SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {
        "judgement": {"type": "string", "description": "One sentence: normal, or which anomaly."},
        "description": {"type": "string", "description": "What happens, in order."},
        "analysis": {
            "type": ["string", "null"],
            "description": "Why it is abnormal; null where it is not.",
        },
        "is_anomalous": {"type": "boolean", "description": "Whether an anomaly is seen."},
    },
    "required": ["judgement", "description", "analysis", "is_anomalous"],
    "additionalProperties": False,
}
"""Keys in the order in which the model writes them: the verdict after the reasons."""

REPAIR_PROMPT = "repair_summary"
SUMMARY_SCHEMA_SHA256 = hashlib.sha256(orjson.dumps(SUMMARY_SCHEMA)).hexdigest()


def _stripped(text: str) -> str:
    return text.strip()


def _none_if_blank(text: str | None) -> str | None:
    return (text or "").strip() or None


class SummaryParts(BaseModel):
    """A summarizer's reply, as it was said: an anomaly comes with its analysis."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    judgement: Annotated[NonEmptyText, AfterValidator(_stripped)]
    description: Annotated[NonEmptyText, AfterValidator(_stripped)]
    analysis: Annotated[str | None, AfterValidator(_none_if_blank)]
    is_anomalous: bool

    @model_validator(mode="after")
    def _check_analysis(self) -> Self:
        if self.is_anomalous and self.analysis is None:
            raise ValueError("is_anomalous is true, so analysis must say why")
        return self


@dataclass(frozen=True)
class BadForm:
    """Why a reply is not a summary."""

    reason: RejectReason
    problem: str


def response_format(name: str, schema: dict[str, Json]) -> dict[str, Json]:
    """OpenAI's `response_format` that holds the reply to a schema."""
    json_schema: dict[str, Json] = {"name": name, "strict": True, "schema": schema}
    return {"type": "json_schema", "json_schema": json_schema}


def parse_summary(text: str) -> SummaryParts | BadForm:
    """Read the parts from a reply that is JSON, perhaps within one code fence."""
    fenced = _FENCE.match(text.strip())
    try:
        parsed = orjson.loads(fenced[1] if fenced else text)
    except orjson.JSONDecodeError as error:
        return BadForm("reply_not_json", f"not JSON: {error}")
    try:
        return SummaryParts.model_validate(parsed)
    except ValidationError as error:
        return BadForm("reply_off_schema", _problems(error))


def repair_turns(text: str, bad: BadForm) -> list[Json]:
    """What is added to a conversation so that the model mends its reply: reply, error, schema."""
    schema = orjson.dumps(SUMMARY_SCHEMA).decode()
    said = fill(REPAIR_PROMPT, {"problem": bad.problem, "schema": schema})
    return [{"role": "assistant", "content": text}, {"role": "user", "content": said}]


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)
    named = (
        f"{'.'.join(str(part) for part in one['loc']) or 'the reply'}: {one['msg']}"
        for one in found
    )
    return "; ".join(named)
