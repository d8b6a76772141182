"""HIVAU-70k's raw annotations -> events, clips, captions and summaries of each video."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from engine.errors import UsageError
from engine.models.chat import Json
from engine.quality.splitter import split_summary
from engine.sources.imported import Imported, ImportedVideo, UnfitVideo
from engine.sources.json_file import (
    as_filled_text,
    as_list,
    as_number,
    as_object,
    as_span,
    as_spans,
    as_text,
    as_texts,
    read_object,
)
from schemas import Caption, Clip, Event, Provenance, Record, Summary, Video
from schemas.base import Split

_SOURCES = {"ucf": "ucf-crime", "xd": "xd-violence"}
_SPLITS: dict[str, Split] = {
    "train": "train",
    "val": "validation",
    "validation": "validation",
    "test": "test",
}
_RELEASED = Provenance(made_by="human", name="hivau")
_SUMMARIZED = Provenance(made_by="model", name="hivau/Meta-Llama-3-70B-Instruct")
_CAPTIONED = Provenance(made_by="model", name="hivau/LLaVA-NeXT-Video-7B")
_SAMPLED = Provenance(made_by="rule", name="hivau/random-crop")
_DIVIDED = Provenance(made_by="rule", name="hivau/uniform-division")


@dataclass(frozen=True)
class RawOrigin:
    """Which videos a raw annotation file is about."""

    source: str
    split: Split | None


def read_raw(path: Path, *, source: str | None = None, split: Split | None = None) -> Imported:
    """Every video of one raw file, each with a stand-in; times and texts exactly as they stand.

    `source` and `split` come from a file name like `ucf_database_test.json` unless given. An
    entry that contradicts itself (as many events as clip lists, captions and summaries; no empty
    text; no reversed interval) is unfit. Raises UsageError when the source cannot be told.
    """
    origin = origin_of(path.name, source=source, split=split)
    for stem, entry in read_object(path, what="HIVAU-70k file").items():
        try:
            yield _imported(stem, as_object(entry, what="the entry"), origin)
        except ValidationError as error:
            first = error.errors()[0]
            yield UnfitVideo(stem, f"{path.name}: {first['msg']} (got {first['input']!r:.80})")
        except ValueError as error:
            yield UnfitVideo(stem, f"{path.name}: {error}")


def origin_of(file_name: str, *, source: str | None, split: Split | None) -> RawOrigin:
    """Source and split from `{ucf|xd|<source>}_database_{train|validation|test}…`, unless given."""
    prefix, mark, rest = file_name.lower().rpartition("_database")
    if source is None and not (prefix and mark):
        raise UsageError(
            f"{file_name} does not say which videos it is about, as ucf_database_test.json does; "
            "name the source"
        )
    words = rest.replace(".", "_").split("_")
    named_split = next((_SPLITS[word] for word in words if word in _SPLITS), None)
    return RawOrigin(source or _SOURCES.get(prefix, prefix), split or named_split)


@dataclass(frozen=True)
class _Entry:
    """One entry with its lists known to be equally long."""

    stem: str
    origin: RawOrigin
    label: tuple[str, ...]
    num_frames: int
    fps: float
    fields: dict[str, Json]

    @property
    def is_anomalous(self) -> bool:
        return bool(self.label)

    def each(self, key: str) -> list[Json]:
        return as_list(self.fields.get(key), what=key)


def _imported(stem: str, fields: dict[str, Json], origin: RawOrigin) -> ImportedVideo:
    num_frames = as_number(fields.get("n_frames"), what="n_frames")
    entry = _Entry(
        stem=stem,
        origin=origin,
        label=tuple(as_texts(fields.get("label"), what="label")),
        num_frames=int(num_frames),
        fps=as_number(fields.get("fps"), what="fps"),
        fields=fields,
    )
    if entry.fps <= 0 or num_frames != entry.num_frames:
        raise ValueError(f"n_frames {num_frames} or fps {entry.fps} is no count or rate")
    _check_lengths(entry)
    records: list[Record] = []
    for number, span in enumerate(as_spans(fields["events"], what="events")):
        records.extend(_event_records(entry, number, span))
    records.append(_video_summary(entry))
    return ImportedVideo(stem, _stand_in(entry), tuple(records), says_all_of=(Event,))


def _check_lengths(entry: _Entry) -> None:
    num_events = len(entry.each("events"))
    keys = ["clips", "clips_caption", "events_summary"]
    if "events_summary_split" in entry.fields:
        keys.append("events_summary_split")
    for key in keys:
        if len(entry.each(key)) != num_events:
            raise ValueError(f"{num_events} events, but {key} has {len(entry.each(key))} entries")
    for number, (clips, captions) in enumerate(
        zip(entry.each("clips"), entry.each("clips_caption"), strict=True)
    ):
        num_clips = len(as_list(clips, what="clips"))
        num_captions = len(as_list(captions, what="clips_caption"))
        if num_clips != num_captions:
            raise ValueError(f"event {number} has {num_clips} clips but {num_captions} captions")


def _stand_in(entry: _Entry) -> Video:
    return Video(
        id=entry.stem,
        source=entry.origin.source,
        split=entry.origin.split,
        is_anomalous=entry.is_anomalous,
        categories=entry.label,
        start_seconds=0.0,
        end_seconds=entry.num_frames / entry.fps,
        num_frames=entry.num_frames,
        fps=entry.fps,
        media=None,
        provenance=_RELEASED,
    )


def _event_records(entry: _Entry, number: int, span: tuple[float, float]) -> list[Record]:
    event_id = f"{entry.stem}_E{number}"
    event = Event(
        id=event_id,
        video_id=entry.stem,
        start_seconds=span[0],
        end_seconds=span[1],
        is_anomalous=entry.is_anomalous,
        categories=entry.label,
        origin="human" if entry.is_anomalous else "normal_sample",
        is_confirmed=True,
        click_ids=(),
        provenance=_RELEASED if entry.is_anomalous else _SAMPLED,
    )
    splits = entry.each("events_summary_split") if "events_summary_split" in entry.fields else None
    return [
        event,
        *_clip_records(entry, number, event_id),
        _summary(
            entry,
            (event_id, "event"),
            as_filled_text(entry.each("events_summary")[number], what=f"events_summary[{number}]"),
            splits[number] if splits else None,
        ),
    ]


def _clip_records(entry: _Entry, number: int, event_id: str) -> list[Record]:
    is_ucf = entry.origin.source == "ucf-crime"
    spans = as_list(entry.each("clips")[number], what="clips")
    texts = as_list(entry.each("clips_caption")[number], what="clips_caption")
    records: list[Record] = []
    for index, (span, text) in enumerate(zip(spans, texts, strict=True)):
        clip_id = f"{event_id}C{index}"
        start, end = as_span(span, what=f"clip {clip_id}")
        clip = Clip(
            id=clip_id,
            video_id=entry.stem,
            start_seconds=start,
            end_seconds=end,
            event_id=event_id,
            human_caption_id=None,
            provenance=_RELEASED if is_ucf else _DIVIDED,
        )
        caption = Caption(
            id=clip_id,
            video_id=entry.stem,
            text=as_filled_text(text, what=f"the caption of {clip_id}"),
            provenance=_RELEASED if is_ucf else _CAPTIONED,
        )
        records += [clip, caption]
    return records


def _video_summary(entry: _Entry) -> Summary:
    text = as_filled_text(entry.fields.get("video_summary"), what="video_summary")
    return _summary(entry, (entry.stem, "video"), text, entry.fields.get("video_summary_split"))


def _summary(
    entry: _Entry, segment: tuple[str, Literal["event", "video"]], text: str, split: Json
) -> Summary:
    segment_id, granularity = segment
    judgement, description, analysis = _parts(entry, segment_id, text, split)
    return Summary(
        id=segment_id,
        video_id=entry.stem,
        granularity=granularity,
        is_anomalous=entry.is_anomalous,
        text=text,
        judgement=judgement,
        description=description,
        analysis=analysis,
        provenance=_SUMMARIZED,
    )


def _parts(entry: _Entry, segment_id: str, text: str, split: Json) -> tuple[str, str, str | None]:
    """The published parts; where a file has none, the text cut by the published rule."""
    if split is None:
        cut = split_summary(text, is_anomalous=entry.is_anomalous)
        return cut.judgement, cut.description, cut.analysis
    what = f"the split summary of {segment_id}"
    parts = as_object(split, what=what)
    analysis = parts.get("analysis")
    return (
        as_filled_text(parts.get("judgement"), what=f"the judgement in {what}"),
        as_text(parts.get("description", ""), what=f"the description in {what}"),
        None if analysis is None else as_text(analysis, what=f"the analysis in {what}"),
    )
