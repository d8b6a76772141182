"""The form that a summarizer's reply must have."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, model_validator

from engine.models.chat import Json
from engine.models.forms import REPLY, BadForm, Form, Said, read_json, schema_sha256

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

SUMMARY_SCHEMA_SHA256 = schema_sha256(SUMMARY_SCHEMA)


def _none_if_blank(text: str | None) -> str | None:
    return (text or "").strip() or None


class SummaryParts(BaseModel):
    """A summarizer's reply, as it was said: an anomaly comes with its analysis."""

    model_config = REPLY

    judgement: Said
    description: Said
    analysis: Annotated[str | None, AfterValidator(_none_if_blank)]
    is_anomalous: bool

    @model_validator(mode="after")
    def _check_analysis(self) -> Self:
        if self.is_anomalous and self.analysis is None:
            raise ValueError("is_anomalous is true, so analysis must say why")
        return self


def parse_summary(text: str) -> SummaryParts | BadForm:
    """Read the parts from a reply that is JSON, perhaps within one code fence."""
    return read_json(text, SummaryParts)


SUMMARY_FORM = Form("summary", SUMMARY_SCHEMA, parse_summary)
