"""UCA caption files -> `HumanCaption` records."""

from pathlib import Path

from engine.models.chat import Json
from engine.sources.imported import Imported, ImportedVideo, UnfitVideo
from engine.sources.json_file import as_list, as_object, as_span, as_text, read_object
from schemas import HumanCaption, Provenance

_MADE_BY = Provenance(made_by="human", name="uca")


def read_uca(path: Path) -> Imported:
    """Captions of every video, ids `{video}_H{n}` where `n` is the place in the file.

    Places shift when a file is corrected, so the importer gives ids that last in their stead.

    Texts are stripped; captions may be unsorted and may overlap, and stay as they are. An empty
    sentence or a reversed interval is left out, its number unused, and the video is reported as
    unfit beside what was read of it. No video gets a stand-in (the file knows no frame count)
    nor a split: UCA's own train list holds official test videos.
    """
    for video_id, entry in read_object(path, what="UCA file").items():
        for found in imported_captions(video_id, entry):
            if isinstance(found, UnfitVideo):
                yield UnfitVideo(video_id, f"{path.name}: {found.detail}")
            else:
                yield found


def imported_captions(video_id: str, entry: Json) -> Imported:
    """What one video's entry says, and what of it is unfit; as `read_uca`."""
    captions: list[HumanCaption] = []
    problems: list[str] = []
    try:
        for number, (span, sentence) in enumerate(_pairs(entry)):
            try:
                captions.append(_caption(video_id, number, span, sentence))
            except ValueError as error:
                problems.append(f"caption {number}: {error}")
    except ValueError as error:
        problems.append(str(error))
    if captions:
        yield ImportedVideo(video_id, None, tuple(captions))
    if problems:
        yield UnfitVideo(video_id, "; ".join(problems))


def _pairs(entry: Json) -> list[tuple[Json, Json]]:
    fields = as_object(entry, what="the entry")
    spans = as_list(fields.get("timestamps"), what="timestamps")
    sentences = as_list(fields.get("sentences"), what="sentences")
    if len(spans) != len(sentences):
        raise ValueError(f"{len(spans)} timestamps for {len(sentences)} sentences")
    return list(zip(spans, sentences, strict=True))


def _caption(video_id: str, number: int, span: Json, sentence: Json) -> HumanCaption:
    start, end = as_span(span, what="its interval")
    text = as_text(sentence, what="its sentence").strip()
    if not text:
        raise ValueError("its sentence is empty")
    return HumanCaption(
        id=f"{video_id}_H{number}",
        video_id=video_id,
        start_seconds=start,
        end_seconds=end,
        text=text,
        provenance=_MADE_BY,
    )
