"""What an audit looks for: each rule under a name that never changes its meaning."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from schemas import Finding, Provenance

RULE_PROVENANCE = Provenance(made_by="rule", name="rule/audit")

RULES: Mapping[str, str] = MappingProxyType(
    {
        "anomaly-in-normal": "a text about a normal segment tells of something from the word list",
        "category-against-text": "the judgement names another category than the label",
        "label-against-judgement": "the label and the judgement contradict each other",
        "leaks-hint": "a text speaks of the label, the captions or the prompt it was made from",
        "length-out-of-range": "a text has fewer or more words than [audit] allows",
        "near-duplicate-text": "a text says nearly the same as an earlier one elsewhere",
        "question-unfit-for-normal": "a question about a normal segment presumes an anomaly",
        "repetition-loop": "a text says the same over and over",
        "unsupported-claim": "a summary claims what the texts it was made from do not say",
    }
)
"""Rule -> what it suspects."""

Target = Literal["video", "event", "clip", "caption", "summary", "instruction"]


def finding(
    rule: str,
    place: tuple[Target, str],
    detail: str,
    *,
    segment: tuple[str, str],
    part: str | None = None,
) -> Finding:
    """A finding about the record `place` = (type, id), of the segment (video's id, its own id)."""
    target, target_id = place
    return Finding(
        id=":".join([rule, target, target_id, *([part] if part else [])]),
        rule=rule,
        target=target,
        target_id=target_id,
        part=part,
        video_id=segment[0],
        segment_id=segment[1],
        detail=detail,
        provenance=RULE_PROVENANCE,
    )
