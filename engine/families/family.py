"""What a family is: a segment and what is known of it -> questions and answers about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from engine.formats import Family
from engine.models.chat import Json
from engine.prompting import prompt_sha256, questions
from engine.stage import digest
from schemas import Summary, Turn
from schemas.base import Granularity

Draw = Callable[[str, str], str]
"""(pool name, key) -> one question of the pool; the same key always draws the same one."""


class Subject(Protocol):
    """What is asked about; families carry what they need beside this."""

    @property
    def segment_id(self) -> str:
        """Of a clip, an event or a video."""
        ...

    @property
    def video_id(self) -> str:
        """Of the source video."""
        ...

    @property
    def granularity(self) -> Granularity:
        """What kind of segment it is."""
        ...

    @property
    def interval_seconds(self) -> tuple[float, float]:
        """Of the segment, on the video's timeline."""
        ...

    @property
    def verdict(self) -> bool | None:
        """Whether it is abnormal: the label, else what was judged; None: nobody said."""
        ...


class TextSubject(NamedTuple):
    """A segment and the text about it."""

    segment_id: str
    video_id: str
    granularity: Granularity
    interval_seconds: tuple[float, float]
    is_anomalous: bool | None
    """The segment's label; None for clips and where nobody said."""
    text: str | Summary
    """A clip's caption; an event's or a video's summary, perhaps a view of one."""

    @property
    def verdict(self) -> bool | None:
        """The label, or the summarizer's judgement where there is none."""
        if self.is_anomalous is None and not isinstance(self.text, str):
            return self.text.is_anomalous
        return self.is_anomalous


Body = TypeVar("Body", bound=Subject)


@dataclass(frozen=True)
class RuleFamily(Generic[Body]):
    """A family that no model is asked for: texts and times become answers by rule."""

    name: Family
    turns: Callable[[Body, Draw], tuple[Turn, ...]]
    """Empty where what is known holds no answer."""
    pools: tuple[str, ...] = ()
    """Of `prompts/questions/`; no other family's pools make this one stale."""
    prompts: tuple[str, ...] = ()
    """Of `prompts/`, whose sentences stand in questions and answers."""
    version: int = 1
    """Raised by hand when the rule makes something else."""

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """Name, version, and what its files say."""
        parts = fingerprint_of_files(self.name, self.version, self.pools)
        if self.prompts:
            parts["prompts_sha256"] = {name: prompt_sha256(name) for name in self.prompts}
        return parts


def fingerprint_of_files(name: Family, version: int, pools: tuple[str, ...]) -> dict[str, Json]:
    """What every family's fingerprint has."""
    asked = "\0".join("\n".join((pool, *questions(pool))) for pool in pools)
    return {
        "family": name,
        "version": version,
        "questions_sha256": digest(asked.encode()).hex(),
    }
