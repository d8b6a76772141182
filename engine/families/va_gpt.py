"""VA-GPT's scheme: three questions about a captioned clip, the last "Are there any anomalies?".

Where the caption says in which part of the picture something is, a question about that comes
before the last one, with the paper's words: top, bottom, center, left, right.
"""

import re
from collections.abc import Iterator
from functools import partial

from pydantic import BaseModel

from engine.families.family import Draw
from engine.families.written import DescribedSubject, WrittenFamily, checked, repeated, variant
from engine.models.forms import REPLY, BadForm, Form, Said, read_json, schema_of
from engine.prompting import fill, prompt_body
from engine.quality.polarity import judgement_polarity
from schemas import Turn

LAST = "va_gpt.last"
SPATIAL_POOL = "va_gpt_spatial"
_PLACE = (
    r"(?P<{0}>left|right|top|bottom|upper|lower|cent(?:er|re)|middle)"
    r"(?:[ -](?P<{0}2>left|right|cent(?:er|re)))?"
)
_WHERE = re.compile(
    rf"\b(?:(?:on|to|at|in|from|toward|towards|near) the {_PLACE.format('after')}\b"
    rf"|{_PLACE.format('before')}(?:-hand)?[ -](?:side|part|half|corner|edge|area|of the))",
    re.IGNORECASE,
)
_CALLED = {"upper": "top", "lower": "bottom", "centre": "center", "middle": "center"}


class ClipQuestions(BaseModel):
    """A model's reply about one clip."""

    model_config = REPLY

    question_1: Said
    answer_1: Said
    question_2: Said
    answer_2: Said
    place_answer: Said | None
    """Where in the picture; None where the caption does not say."""
    last_answer: Said


def places_in(text: str) -> tuple[str, ...]:
    """The parts of the picture that a text names, in VA-GPT's words and its order."""
    said = {word.lower() for found in _WHERE.finditer(text) for word in found.groups() if word}
    known = {_CALLED.get(word, word) for word in said}
    return tuple(place for place in ("top", "bottom", "center", "left", "right") if place in known)


def prompt(subject: DescribedSubject) -> str:
    """About one clip."""
    caption = subject.captions[0]
    places = places_in(caption)
    told = "va_gpt.places" if places else "va_gpt.no_place"
    spatial = fill(told, {"places": ", ".join(places)} if places else {})
    values = {"caption": caption, "spatial": spatial, "last": prompt_body(LAST)}
    return variant("va_gpt", subject, values)


def form(subject: DescribedSubject) -> Form[ClipQuestions]:
    """Held to the label and to the places that the caption names."""
    return Form("questions", schema_of(ClipQuestions), partial(_read, subject))


def _read(subject: DescribedSubject, text: str) -> ClipQuestions | BadForm:
    return checked(read_json(text, ClipQuestions), partial(_problems, subject))


def _problems(subject: DescribedSubject, parts: ClipQuestions) -> Iterator[str]:
    yield from repeated((parts.question_1, parts.question_2, prompt_body(LAST)))
    said = judgement_polarity(parts.last_answer)
    if said is None:
        yield "last_answer must say first whether there are any anomalies"
    elif said and not subject.is_anomalous:
        yield "last_answer tells of an anomaly, but there is none in this clip"
    known = places_in(subject.captions[0])
    if parts.place_answer is None:
        if known:
            yield f"place_answer must name one of: {', '.join(known)}"
        return
    named = places_in(parts.place_answer)
    if not known:
        yield "place_answer must be null: nothing says where in the picture anything is"
    elif not named or not set(named) <= set(known):
        yield f"place_answer must name one or more of: {', '.join(known)}; and no other place"


def turns(subject: DescribedSubject, parts: ClipQuestions, draw: Draw) -> tuple[Turn, ...]:
    """The model's two, perhaps one about the place, and the paper's last."""
    made = [
        Turn(task="question", question=parts.question_1, answer=parts.answer_1),
        Turn(task="question", question=parts.question_2, answer=parts.answer_2),
    ]
    if parts.place_answer is not None:
        asked = draw(SPATIAL_POOL, subject.segment_id)
        made.append(Turn(task="spatial", question=asked, answer=parts.place_answer))
    last = Turn(task="judgement", question=prompt_body(LAST), answer=parts.last_answer)
    return (*made, last)


VA_GPT = WrittenFamily(
    "va-gpt",
    prompt,
    form,
    turns,
    replies=(ClipQuestions,),
    prompts=("va_gpt.abnormal", "va_gpt.normal", "va_gpt.places", "va_gpt.no_place", LAST),
    pools=(SPATIAL_POOL,),
)
