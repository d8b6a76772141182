"""What families that a model writes share: prompts about a segment, replies of a form, checks."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel

from engine.families.family import Draw, Subject, fingerprint_of_files
from engine.formats import Family
from engine.models.chat import Json
from engine.models.forms import BadForm, Form, Parts, schema_of, schema_sha256, texts_in
from engine.prompting import fill, prompt_sha256
from engine.quality.text_rules import talk_of_prompt
from schemas import Turn
from schemas.base import Granularity

Body = TypeVar("Body", bound=Subject)


class DescribedSubject(NamedTuple):
    """A clip or an event, and all that was said about it."""

    segment_id: str
    video_id: str
    granularity: Granularity
    interval_seconds: tuple[float, float]
    is_anomalous: bool | None
    """Of the event: the label, or what was judged where there is none."""
    categories: tuple[str, ...]
    definitions: tuple[str, ...]
    """What the category file says of those of the categories that it has."""
    captions: tuple[str, ...]
    """In order of time; of a clip its one."""
    summary: str = ""
    """Of an event; a clip has none."""

    @property
    def verdict(self) -> bool | None:
        """Whether it is abnormal."""
        return self.is_anomalous


@dataclass(frozen=True)
class WrittenFamily(Generic[Body, Parts]):
    """A family whose questions or answers a model writes."""

    name: Family
    prompt: Callable[[Body], str]
    """Filled; asked only of segments of which it is known whether they are abnormal."""
    form: Callable[[Body], Form[Parts]]
    turns: Callable[[Body, Parts, Draw], tuple[Turn, ...]]
    replies: tuple[type[BaseModel], ...]
    """What a reply may be, for the fingerprint."""
    prompts: tuple[str, ...]
    pools: tuple[str, ...] = ()
    version: int = 1
    """Raised by hand when what is asked, checked or made of a reply changes."""

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """Name, version, and what its files and schemas say."""
        schemas: list[Json] = [schema_sha256(schema_of(reply)) for reply in self.replies]
        return {
            **fingerprint_of_files(self.name, self.version, self.pools),
            "prompts_sha256": {name: prompt_sha256(name) for name in self.prompts},
            "schemas_sha256": schemas,
        }


AnyWrittenFamily = WrittenFamily[Any, Any]


def label_values(subject: DescribedSubject) -> dict[str, str]:
    """What prompts about abnormal segments tell of the label."""
    names = ", ".join(subject.categories) or "of no named kind"
    told = "".join(f"\n{text}" for text in subject.definitions)
    return {"categories": names, "definitions": told}


def variant(name: str, subject: DescribedSubject, values: Mapping[str, str]) -> str:
    """`<name>.abnormal` or `<name>.normal`, filled; the abnormal one with the label, too."""
    if subject.is_anomalous:
        return fill(f"{name}.abnormal", {**values, **label_values(subject)})
    return fill(f"{name}.normal", values)


def checked(parts: Parts | BadForm, problems: Callable[[Parts], Iterable[str]]) -> Parts | BadForm:
    """The parts where nothing is wrong with them; else all that is, for the model to mend."""
    if isinstance(parts, BadForm):
        return parts
    found = [*problems(parts), *_leaks(parts)]
    return BadForm("reply_off_schema", "; ".join(found)) if found else parts


def _leaks(parts: BaseModel) -> Iterator[str]:
    for text in texts_in(parts.model_dump()):
        if said := talk_of_prompt(text):
            yield f"{said!r} speaks of how you were asked; speak of what is seen alone"


def repeated(questions: Iterable[str]) -> Iterator[str]:
    """Questions that were asked before, whatever their letters' case."""
    seen: set[str] = set()
    for question in questions:
        key = " ".join(question.casefold().split())
        if key in seen:
            yield f"the question {question!r} is asked twice"
        seen.add(key)
