"""What a captioner and a summarizer are: the only way the engine reaches a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from engine.media.frames import Frame
from schemas import Usage

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True)
class CaptionRequest:
    """One clip to describe."""

    id: str
    """The clip's id; a reply that names another is refused."""
    duration_seconds: float
    prompt: str
    """The filled prompt, without its file's header."""
    prepared: object
    """What the captioner's own `prepare` made of this clip's frames."""


@dataclass(frozen=True)
class CaptionReply:
    """What a captioner said about the clip `id`."""

    id: str
    text: str
    usage: Usage | None
    endpoint: str | None = None
    """The URL that said it; None: no server did."""
    is_named: bool = False
    """Whether the server's answer repeated the request's id."""


@dataclass(frozen=True)
class SummaryRequest:
    """One event (from its clips' captions) or one video (from its events' summaries)."""

    id: str
    granularity: str
    prompt: str
    """The filled prompt, without its file's header."""
    texts: tuple[str, ...]
    """The captions or event summaries that the prompt carries, in order of time."""
    is_anomalous: bool | None
    """The label; None: the summarizer judges."""
    categories: tuple[str, ...]


@dataclass(frozen=True)
class SummaryReply:
    """The three parts, as sentences; `analysis` is None for normal segments."""

    id: str
    is_anomalous: bool | None
    judgement: str
    description: str
    analysis: str | None
    usage: Usage | None


class Captioner(Protocol):
    """Describes a clip from a few frames."""

    @property
    def name(self) -> str:
        """`baseline/…` or `openai/<model>`, as every record made with it will say."""
        ...

    @property
    def num_frames(self) -> int:
        """How many frames of a clip it looks at."""
        ...

    @property
    def max_side_px(self) -> int:
        """Frames are scaled down so that their longer side is at most this."""
        ...

    @property
    def concurrency(self) -> int:
        """How many requests may be under way at once; 1: no use in overlapping."""
        ...

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """All that changes what it says: model, revision, sampling, processing. Not where it is."""
        ...

    def prepare(self, frames: tuple[Frame, ...]) -> object:
        """Turn frames into what `caption` needs, picklable; runs in the decoding process."""
        ...

    def caption(self, request: CaptionRequest) -> CaptionReply:
        """Describe one clip. Raises `ReplyError` for this clip, `ServiceError` for all."""
        ...


class Summarizer(Protocol):
    """Says whether, what and why, from texts."""

    @property
    def name(self) -> str:
        """`baseline/…` or `openai/<model>`, as every record made with it will say."""
        ...

    @property
    def concurrency(self) -> int:
        """How many requests may be under way at once; 1: no use in overlapping."""
        ...

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """All that changes what it says: model, revision, sampling. Not where it is."""
        ...

    def summarize(self, request: SummaryRequest) -> SummaryReply:
        """Summarize one segment. Raises `ReplyError` for this one, `ServiceError` for all."""
        ...
