"""UCA caption files -> counts and defects."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.models.chat import Json
from engine.quality.defects import Defect
from engine.quality.list_validators import split_leaks
from engine.quality.published import Against, FileReport
from engine.quality.source_validators import validate_human_captions
from engine.sources.imported import ImportedVideo
from engine.sources.json_file import as_list, as_number, as_object, as_text
from engine.sources.uca import imported_captions
from schemas import HumanCaption, Provenance, Video


def report_on_uca(path: Path, entries: dict[str, Json], against: Against) -> FileReport:
    """`{video: {duration, timestamps, sentences}}`; entries that do not fit are defects."""
    defects: list[Defect] = []
    num_sentences = 0
    for video_id, entry in entries.items():
        try:
            fields = as_object(entry, what="the entry")
            texts = [
                as_text(text, what="a sentence")
                for text in as_list(fields.get("sentences"), what="sentences")
            ]
            duration = as_number(fields.get("duration"), what="duration")
        except ValueError as error:
            defects.append(Defect("entry-contradicts-itself", video_id, str(error)))
            continue
        num_sentences += len(texts)
        defects += _outer_spaces(video_id, texts)
        defects += _caption_defects(video_id, entry, duration)
    return FileReport(
        kind="UCA captions",
        counts={
            "videos": len(entries),
            "sentences": num_sentences,
            "official test videos": sum(map(against.is_test_video, entries)),
        },
        defects=(*defects, *split_leaks(list(entries), path=path, against=against)),
    )


def _outer_spaces(video_id: str, texts: Sequence[str]) -> Iterator[Defect]:
    for number, text in enumerate(texts):
        if text != text.strip():
            yield Defect("text-outer-spaces", f"{video_id}_H{number}", f"{text!r:.100}")


def _caption_defects(video_id: str, entry: Json, duration: float) -> Iterator[Defect]:
    captions: list[HumanCaption] = []
    for found in imported_captions(video_id, entry):
        if isinstance(found, ImportedVideo):
            captions += [one for one in found.records if isinstance(one, HumanCaption)]
        else:
            yield Defect("entry-contradicts-itself", video_id, found.detail)
    yield from validate_human_captions(_video(video_id, duration), captions)
    num_overlapping = _num_overlapping(captions)
    if num_overlapping:
        detail = f"{num_overlapping} of {len(captions)} start before an earlier one ends"
        yield Defect("human-captions-overlap", video_id, detail)


def _num_overlapping(captions: Sequence[HumanCaption]) -> int:
    count, furthest = 0, float("-inf")
    for caption in sorted(captions, key=lambda one: (one.start_seconds, one.end_seconds)):
        count += caption.start_seconds < furthest
        furthest = max(furthest, caption.end_seconds)
    return count


def _video(video_id: str, duration: float) -> Video:
    return Video(
        id=video_id,
        source="ucf-crime",
        split=None,
        is_anomalous=None,
        categories=(),
        start_seconds=0.0,
        end_seconds=duration,
        num_frames=0,
        fps=30.0,
        media=None,
        provenance=Provenance(made_by="human", name="uca"),
    )
