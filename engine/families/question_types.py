"""A dozen kinds of questions about an event, asked of normal footage, too."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, get_args

from pydantic import BaseModel, Field

from engine.families.family import Draw
from engine.families.written import DescribedSubject, WrittenFamily, checked, repeated, variant
from engine.models.forms import REPLY, BadForm, Form, Said, read_json, schema_of
from engine.quality.polarity import judgement_polarity
from engine.quality.text_rules import is_unfit_for_normal
from schemas import Turn
from schemas.base import QuestionKind

KINDS: tuple[QuestionKind, ...] = get_args(QuestionKind)
FEWEST = 6
"""Of twelve: a caption need not tell of causes, but it tells of something."""


class Asked(BaseModel):
    """One question of one kind."""

    model_config = REPLY

    kind: QuestionKind
    question: Said
    answer: Said


class KindsAsked(BaseModel):
    """A model's reply about one event."""

    model_config = REPLY

    questions: Annotated[tuple[Asked, ...], Field(min_length=FEWEST, max_length=len(KINDS))]


def prompt(subject: DescribedSubject) -> str:
    """About one event."""
    values = {
        "captions": "\n".join(subject.captions),
        "summary": subject.summary,
        "fewest": str(FEWEST),
    }
    return variant("question_types", subject, values)


def form(subject: DescribedSubject) -> Form[KindsAsked]:
    """Held to the label, and to one question of a kind."""
    return Form("questions", schema_of(KindsAsked), partial(_read, subject))


def _read(subject: DescribedSubject, text: str) -> KindsAsked | BadForm:
    return checked(read_json(text, KindsAsked), partial(_problems, subject))


def _problems(subject: DescribedSubject, parts: KindsAsked) -> Iterator[str]:
    kinds = [one.kind for one in parts.questions]
    yield from (f"{kind} is asked twice" for kind in KINDS if kinds.count(kind) > 1)
    yield from repeated(one.question for one in parts.questions)
    for one in parts.questions:
        if not subject.is_anomalous and is_unfit_for_normal(one.question, task=one.kind):
            yield f"{one.question!r} presumes an anomaly, and there is none"
        if one.kind == "detection":
            said = judgement_polarity(one.answer)
            if said is not subject.is_anomalous:
                expected = "there is an anomaly" if subject.is_anomalous else "there is none"
                yield f"the answer to {one.question!r} must say that {expected}"


def turns(subject: DescribedSubject, parts: KindsAsked, draw: Draw) -> tuple[Turn, ...]:  # noqa: ARG001
    """In the order of the kinds, whatever the model's."""
    ordered = sorted(parts.questions, key=lambda one: KINDS.index(one.kind))
    return tuple(Turn(task=one.kind, question=one.question, answer=one.answer) for one in ordered)


QUESTION_TYPES = WrittenFamily(
    "question-types",
    prompt,
    form,
    turns,
    replies=(KindsAsked,),
    prompts=("question_types.abnormal", "question_types.normal"),
)
