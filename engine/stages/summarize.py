"""Captions -> Summary of an event; event summaries -> Summary of the video."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from engine.errors import ItemError
from engine.models.chat import Json, Summarizer, SummaryReply, SummaryRequest
from engine.models.connected import check_model, close_model, vitals_of
from engine.progress import Vitals
from engine.prompting import fill, prompt_names, prompt_sha256
from engine.stage import Item
from schemas import Provenance, Record, Summary


@dataclass(frozen=True)
class SummarizeItem:
    """An event or a video, its label, and the texts to sum up."""

    segment_id: str
    video_id: str
    granularity: Literal["event", "video"]
    texts: tuple[str, ...]
    """Captions of the event's clips, or summaries of the video's events; in order of time."""
    is_anomalous: bool | None
    categories: tuple[str, ...]


@dataclass(frozen=True)
class SummarizeStage:
    """Gives the label to the summarizer, as the papers do; without a label it is the judge."""

    summarizer: Summarizer
    granularity: Literal["event", "video"]
    """Which of its two steps this is; each has prompts of its own."""
    name: ClassVar[str] = "summarize"
    writes: ClassVar[type[Record]] = Summary

    @property
    def concurrency(self) -> int:
        """As much as the summarizer takes."""
        return self.summarizer.concurrency

    def check(self) -> None:
        """Ask the summarizer's endpoint whether it can be used; the baseline always can."""
        check_model(self.summarizer)

    def close(self) -> None:
        """Let the summarizer's connections go."""
        close_model(self.summarizer)

    def vitals(self) -> Vitals | None:
        """How the summarizer's servers are."""
        return vitals_of(self.summarizer)

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """Model, and this step's prompts where it is sent any."""
        parts: dict[str, Json] = {
            "version": 1,
            "model": self.summarizer.name,
            "model_settings": dict(self.summarizer.fingerprint_parts()),
        }
        if not self._provenance.is_baseline:
            prefix = f"summarize_{self.granularity}."
            names = [name for name in prompt_names() if name.startswith(prefix)]
            parts["prompts_sha256"] = {name: prompt_sha256(name) for name in names}
        return parts

    @property
    def _provenance(self) -> Provenance:
        return Provenance(made_by="model", name=self.summarizer.name)

    def request(self, body: SummarizeItem) -> SummaryRequest:
        """Exactly what the summarizer is asked."""
        return SummaryRequest(
            id=body.segment_id,
            granularity=body.granularity,
            prompt=fill(*_prompt_and_values(body)),
            texts=body.texts,
            is_anomalous=body.is_anomalous,
            categories=body.categories,
        )

    def process(self, item: Item[SummarizeItem]) -> Iterable[Record]:
        """One Summary, under the segment's own id."""
        body = item.body
        reply = self.ask(body)
        yield Summary(
            id=body.segment_id,
            video_id=body.video_id,
            granularity=body.granularity,
            is_anomalous=reply.is_anomalous if body.is_anomalous is None else body.is_anomalous,
            text=free_text(reply),
            judgement=reply.judgement,
            description=reply.description,
            analysis=reply.analysis,
            provenance=self._provenance,
            usage=reply.usage,
        )

    def ask(self, body: SummarizeItem) -> SummaryReply:
        """What the summarizer says. Raises `ItemError("id_mismatch")` where it names another."""
        reply = self.summarizer.summarize(self.request(body))
        if reply.id != body.segment_id:
            raise ItemError("id_mismatch", f"asked about {body.segment_id}, got {reply.id}")
        return reply


def _prompt_and_values(body: SummarizeItem) -> tuple[str, dict[str, str]]:
    variant = {True: "abnormal", False: "normal", None: "unlabelled"}[body.is_anomalous]
    values = {_TEXTS_PLACEHOLDER[body.granularity]: " ".join(body.texts)}
    if body.is_anomalous:
        values["categories"] = ", ".join(body.categories) or "unknown"
    return f"summarize_{body.granularity}.{variant}", values


_TEXTS_PLACEHOLDER = {"event": "clip_captions", "video": "event_summaries"}


def free_text(reply: SummaryReply) -> str:
    """The three parts as running text, in the order of HIVAU-70k's summaries."""
    return " ".join(part for part in (reply.judgement, reply.description, reply.analysis) if part)
