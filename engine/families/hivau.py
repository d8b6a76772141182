"""Holmes-VAU's scheme: clips get captions; events and videos the three summary tasks."""

from collections.abc import Mapping

from engine.families.family import Draw, RuleFamily, TextSubject
from schemas import Summary, Turn
from schemas.base import Task

CLIP_POOL = "caption"
ABNORMAL_POOLS: Mapping[Task, str] = {
    "judgement": "judgement",
    "description": "description",
    "analysis": "analysis",
}
NEUTRAL_POOLS: Mapping[Task, str] = {
    "judgement": "normal_judgement",
    "description": "normal_description",
}
"""For normal and unlabelled segments: no question presumes an anomaly."""


def turns(subject: TextSubject, draw: Draw) -> tuple[Turn, ...]:
    """Of a clip its caption, of an event or a video its summary's parts."""
    if isinstance(subject.text, str):
        return turns_for_clip(subject.segment_id, subject.text, draw)
    return turns_for_summary(subject.text, subject.is_anomalous, draw)


def turns_for_clip(clip_id: str, caption: str, draw: Draw) -> tuple[Turn, ...]:
    """One turn: what is seen."""
    question = draw(CLIP_POOL, f"{clip_id}:caption")
    return (Turn(task="caption", question=question, answer=caption),)


def turns_for_summary(summary: Summary, is_anomalous: bool | None, draw: Draw) -> tuple[Turn, ...]:
    """Judgement, description and, for abnormal segments, analysis; empty parts are left out.

    `is_anomalous` is the segment's label and decides which pools are asked from. An unlabelled
    segment is asked neutrally; it has an analysis only if the summary judged it abnormal, and
    no judgement if the summary could not tell: that is no answer to train on.
    """
    pools = ABNORMAL_POOLS if is_anomalous else NEUTRAL_POOLS
    is_undecided = is_anomalous is None and summary.is_anomalous is None
    answers: list[tuple[Task, str]] = [
        ("judgement", "" if is_undecided else summary.judgement),
        ("description", summary.description),
    ]
    if summary.analysis and (is_anomalous or (is_anomalous is None and summary.is_anomalous)):
        answers.append(("analysis", summary.analysis))
    return tuple(
        Turn(
            task=task,
            question=draw(pools.get(task, task), f"{summary.id}:{task}"),
            answer=answer,
        )
        for task, answer in answers
        if answer.strip()
    )


_POOLS = (CLIP_POOL, *ABNORMAL_POOLS.values(), *NEUTRAL_POOLS.values())
HIVAU = RuleFamily("hivau", turns, pools=_POOLS)
