"""The texts of one video as they read now: what models wrote, and what people made of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from annotator_ui.journal import VideoState
from annotator_ui.library import Library
from annotator_ui.texts import TextEdits, TextKey
from engine.index import Index
from engine.joins.facts import Facts
from engine.lines import newest_lines
from engine.quality.rules import RULES
from engine.store import parse_record
from schemas import Caption, Clip, Event, Finding, Instruction, Record, Summary, Video

_SUMMARY_FIELDS = ("judgement", "description", "analysis")


@dataclass(frozen=True)
class TextNow:
    """One caption or summary, or the answers made from one."""

    key: TextKey
    granularity: str
    start_seconds: float
    end_seconds: float
    original: Mapping[str, str]
    """Field -> text as the model wrote it, with the reviews of others laid over."""
    maker: str
    questions: Mapping[str, str] = field(default_factory=dict)
    """Field -> the question that it answers; of instructions alone."""
    findings: tuple[Finding, ...] = ()
    """What an audit suspects of it; for answers, the text they were made from has these too."""


def texts_now(library: Library, video: Video, state: VideoState) -> dict[TextKey, TextNow]:
    """Texts in order of time, each followed by its answers: an event's clips, the event, at last
    the video."""
    with library.reading:
        facts = library.facts()
        reader = _Reader(library, facts, video, _rejected_ids(state), library.findings())
        return {text.key: text for text in reader.texts()}


def _rejected_ids(state: VideoState) -> frozenset[str]:
    return frozenset(
        target_id for (_, target_id), text in state.texts.items() if text.verdict == "rejected"
    )


@dataclass(frozen=True)
class _Reader:
    library: Library
    facts: Facts
    video: Video
    rejected_ids: frozenset[str]
    """They are live no more, and shown all the same: the verdict can be taken back."""
    findings: Mapping[str, tuple[Finding, ...]]

    @property
    def index(self) -> Index:
        return self.facts.index

    def texts(self) -> Iterator[TextNow]:
        for event_id in self.facts.event_ids_of.get(self.video.id, ()):
            event = self.index.get(Event, event_id)
            for clip_id in self.facts.clip_ids_of.get(event_id, ()):
                clip = self.index.get(Clip, clip_id)
                yield from self._caption(clip)
            yield from self._summary(event_id, (event.start_seconds, event.end_seconds))
        yield from self._summary(self.video.id, (self.video.start_seconds, self.video.end_seconds))

    def _caption(self, clip: Clip) -> Iterator[TextNow]:
        caption = self._record(Caption, clip.id)
        if isinstance(caption, Caption):
            yield TextNow(
                key=("caption", clip.id),
                granularity="clip",
                start_seconds=clip.start_seconds,
                end_seconds=clip.end_seconds,
                original={"text": caption.text},
                maker=caption.provenance.made_by,
                findings=self.findings.get(clip.id, ()),
            )
            yield from self._answers(clip.id, "clip", (clip.start_seconds, clip.end_seconds))

    def _summary(self, segment_id: str, extent: tuple[float, float]) -> Iterator[TextNow]:
        summary = self._record(Summary, segment_id)
        if isinstance(summary, Summary):
            fields = {name: getattr(summary, name) for name in _SUMMARY_FIELDS}
            yield TextNow(
                key=("summary", segment_id),
                granularity=summary.granularity,
                start_seconds=extent[0],
                end_seconds=extent[1],
                original={name: text for name, text in fields.items() if text is not None},
                maker=summary.provenance.made_by,
                findings=self.findings.get(segment_id, ()),
            )
            yield from self._answers(segment_id, summary.granularity, extent)

    def _answers(
        self, segment_id: str, granularity: str, extent: tuple[float, float]
    ) -> Iterator[TextNow]:
        made = self._record(Instruction, instruction_id(segment_id))
        if isinstance(made, Instruction):
            yield TextNow(
                key=("instruction", made.id),
                granularity=granularity,
                start_seconds=extent[0],
                end_seconds=extent[1],
                original={turn.task: turn.answer for turn in made.turns},
                maker=made.provenance.made_by,
                questions={turn.task: turn.question for turn in made.turns},
            )

    def _record(
        self, record_type: type[Caption] | type[Summary] | type[Instruction], id_: str
    ) -> Record | None:
        if id_ in self.index.lines(record_type):
            return self.library.as_others_left_it(self.index, record_type, id_)
        if id_ not in self.rejected_ids:
            return None
        path = self.index.dataset.record_path(record_type)
        lines = newest_lines(path, wanted={id_: id_}, unwanted=())
        return parse_record(record_type, lines[id_], path=path) if id_ in lines else None


def instruction_id(segment_id: str) -> str:
    """Of the questions and answers that are made from one text."""
    return f"hivau:{segment_id}"


def texts_wire(
    texts: Mapping[TextKey, TextNow], edits: Mapping[TextKey, TextEdits]
) -> list[dict[str, object]]:
    """As JSON: plain strings, which pages show as text and never as HTML."""
    return [
        _wire(text, edits.get(key, TextEdits())) | {"answers": _answers_wire(key[1], texts, edits)}
        for key, text in texts.items()
        if key[0] != "instruction"
    ]


def _answers_wire(
    segment_id: str, texts: Mapping[TextKey, TextNow], edits: Mapping[TextKey, TextEdits]
) -> dict[str, object] | None:
    """The questions and answers made from a text; None: nothing was made from it."""
    key: TextKey = ("instruction", instruction_id(segment_id))
    return _wire(texts[key], edits.get(key, TextEdits())) if key in texts else None


def _wire(text: TextNow, edits: TextEdits) -> dict[str, object]:
    state = edits.verdict or ("edited" if edits.edits else None)
    return {
        "target": text.key[0],
        "target_id": text.key[1],
        "granularity": text.granularity,
        "start_seconds": text.start_seconds,
        "end_seconds": text.end_seconds,
        "state": state,
        "reason": edits.reason,
        "findings": [
            {"rule": one.rule, "meaning": RULES[one.rule], "detail": one.detail}
            for one in text.findings
        ],
        "rev": edits.rev(text.original),
        "fields": [
            {
                "field": name,
                "question": text.questions.get(name),
                "text": edits.value(name, text.original),
                "original": original,
                "rev": edits.field_rev(name, text.original),
                "spans": [[span.start, span.end] for span in edits.spans if span.field == name],
            }
            for name, original in text.original.items()
        ],
    }
