"""A chain of thought about an event: what is seen, why it is abnormal or not, and what follows."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from engine.families.family import Draw
from engine.families.written import (
    AnyWrittenFamily,
    DescribedSubject,
    WrittenFamily,
    checked,
    variant,
)
from engine.models.forms import REPLY, BadForm, Form, Said, read_json, schema_of
from engine.prompting import fill
from engine.quality.polarity import judgement_polarity
from schemas import Turn

POOL = "reasoning"
MOST_OBJECTS = 6
KeyObjects = Annotated[tuple[Said, ...], Field(min_length=1, max_length=MOST_OBJECTS)]


class Chain(BaseModel):
    """A model's reply about an abnormal event."""

    model_config = REPLY

    seen: Said
    key_objects: KeyObjects
    why: Said
    cause: Said
    effect: Said
    severity: Literal["minor", "moderate", "serious", "critical"]
    action: Said


class QuietChain(BaseModel):
    """A model's reply about a normal event: it has no cause to look for, and nothing to do."""

    model_config = REPLY

    seen: Said
    key_objects: KeyObjects
    why: Said


AnyChain = Chain | QuietChain


def prompt(subject: DescribedSubject) -> str:
    """About one event."""
    values = {"captions": "\n".join(subject.captions), "summary": subject.summary}
    return variant("reasoning", subject, values)


def form(subject: DescribedSubject) -> Form[Any]:
    """That of the label: a `Chain` or a `QuietChain`."""
    if subject.is_anomalous:
        return Form("chain", schema_of(Chain), _read_chain)
    return Form("quiet_chain", schema_of(QuietChain), _read_quiet_chain)


def _read_chain(text: str) -> Chain | BadForm:
    return checked(read_json(text, Chain), _problems_of_chain)


def _problems_of_chain(parts: Chain) -> Iterator[str]:
    if judgement_polarity(parts.why) is False:
        yield "why says that there is no anomaly, but the event is abnormal"
    yield from _repeated_objects(parts)


def _read_quiet_chain(text: str) -> QuietChain | BadForm:
    return checked(read_json(text, QuietChain), _problems_of_quiet_chain)


def _problems_of_quiet_chain(parts: QuietChain) -> Iterator[str]:
    if judgement_polarity(parts.why):
        yield "why tells of an anomaly, but the event is normal"
    yield from _repeated_objects(parts)


def _repeated_objects(parts: AnyChain) -> Iterator[str]:
    if len({name.casefold() for name in parts.key_objects}) < len(parts.key_objects):
        yield "key_objects repeats itself"


def turns(subject: DescribedSubject, parts: AnyChain, draw: Draw) -> tuple[Turn, ...]:
    """One turn: the whole chain. The question is the same for abnormal and for normal events."""
    values = {name: _told(value) for name, value in parts.model_dump().items()}
    template = "reasoning.chain" if isinstance(parts, Chain) else "reasoning.quiet_chain"
    asked = draw(POOL, subject.segment_id)
    return (Turn(task="reasoning", question=asked, answer=fill(template, values)),)


def _told(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


REASONING: AnyWrittenFamily = WrittenFamily(
    "reasoning",
    prompt,
    form,
    turns,
    replies=(Chain, QuietChain),
    prompts=(
        *("reasoning.abnormal", "reasoning.normal"),
        *("reasoning.chain", "reasoning.quiet_chain"),
    ),
    pools=(POOL,),
)
