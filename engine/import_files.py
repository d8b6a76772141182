"""Other people's annotation files -> records of a dataset: which videos, under which ids."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.dataset import Dataset
from engine.errors import TooManyRejectsError, UsageError
from engine.ids import Interval, allot_ids, event_id_of
from engine.imports import ImportReport, write_imported
from engine.index import WORDS, Index
from engine.joins.facts import Facts
from engine.ledger import ANNOTATE_LEDGER, IMPORT_LEDGER
from engine.sources.imported import ImportedVideo, UnfitVideo
from engine.sources.video_names import of_one_file
from engine.store import parse_record, read_lines
from schemas import Click, Clip, Event, HumanCaption, Record, Video
from schemas.base import Split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass
class FileImport:
    """What one file gave."""

    report: ImportReport
    num_unknown_videos: int = 0
    """Entries about videos that the dataset does not have; passed over."""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ImportTask:
    """Where to, and how."""

    dataset: Dataset
    path: Path
    is_dry_run: bool = False
    on_video: Callable[[], None] = lambda: None
    """Called when a video's file has been looked at."""


def import_clicks(task: ImportTask, *, author: str) -> FileImport:
    """A csv `video-id,glance` (frame ordinals) -> clicks.

    Raises `UsageError` for a malformed file, for names that could mean several videos, and for
    clicks past the end of their video.
    """
    from engine.sources.glance import clicks_of_table, read_clicks

    facts = Facts(Index(task.dataset))
    with _named_if_not_text(task.path):
        table = read_clicks(task.path)
    videos = {id_: video for id_, video in facts.videos.items() if video.media is not None}
    read = clicks_of_table(table, videos=videos, frame_times_of=frame_times_of(task), author=author)
    if read.unknown_names and not read.clicks:
        raise UsageError(_all_unknown(task, len(read.unknown_names)))
    done = _finish(task, "clicks", _with_click_ids(facts, read.clicks), videos)
    done.num_unknown_videos = len(read.unknown_names)
    if table.num_without_click:
        done.notes.append(f"{table.num_without_click} rows say that there is no click")
    return done


def import_events(task: ImportTask, *, author: str) -> FileImport:
    """A person's events as JSON, or an official list of UCF-Crime or XD-Violence -> events.

    They take the place of whatever was proposed for their videos.
    """
    from engine.sources.events_json import read_events
    from engine.sources.official import read_official

    facts = Facts(Index(task.dataset))
    if not _is_json(task.path):
        with _named_if_not_text(task.path):
            rows = list(
                read_official(task.path, videos=facts.videos, frame_times_of=frame_times_of(task))
            )
        fitting = of_one_file(rows, videos=facts.videos.values())
        return _finish(task, "events", _with_event_ids(facts, fitting), facts.videos)
    read = read_events(task.path, videos=facts.videos, author=author)
    if not read.videos and read.num_unknown_videos:
        raise UsageError(_all_unknown(task, read.num_unknown_videos))
    done = _finish(task, "events", _with_event_ids(facts, read.videos), facts.videos)
    done.num_unknown_videos = read.num_unknown_videos
    if num_without := sum(not video.records for video in read.videos):
        said = "entry says" if num_without == 1 else "entries say"
        done.notes.append(f"{num_without} {said} that there is no event")
    return done


def import_uca(task: ImportTask) -> FileImport:
    """A UCA file -> human captions."""
    from engine.sources.uca import read_uca

    facts = Facts(Index(task.dataset))
    read = of_one_file(read_uca(task.path), videos=facts.videos.values())
    return _finish(task, "uca", _with_caption_ids(facts, read), facts.videos)


def import_hivau(task: ImportTask, *, source: str | None, split: Split | None) -> FileImport:
    """A raw HIVAU-70k file -> events, clips, captions and summaries.

    Ids are as published, but where the dataset gave one of them to another stretch: then that
    video's events get numbers never given. Videos that the dataset does not have become
    annotation-only videos.
    """
    from engine.sources.hivau import read_raw

    facts = Facts(Index(task.dataset))
    entries = read_raw(task.path, source=source, split=split)
    read = of_one_file(entries, videos=facts.videos.values())
    return _finish(task, "hivau", _with_published_ids(facts, read), facts.videos)


def check_unfit_rate(done: FileImport, *, max_reject_rate: float) -> None:
    """Raises `TooManyRejectsError` where more of the file is unfit than that."""
    num_unfit, num_all = len(done.report.unfit), done.report.num_videos + len(done.report.unfit)
    if num_unfit > max_reject_rate * num_all:
        raise TooManyRejectsError(
            f"{num_unfit} of {num_all} entries could not be imported, more than [run] "
            f"max_reject_rate {max_reject_rate:.0%}; `vau-data rejects --stage import` lists them"
        )


def _finish(
    task: ImportTask,
    source: str,
    imported: Iterable[ImportedVideo | UnfitVideo],
    videos: Mapping[str, Video],
) -> FileImport:
    """Write what is about videos that are known or stood in for; count the rest."""
    fitting: list[ImportedVideo | UnfitVideo] = []
    num_unknown = 0
    for read in imported:
        entry = _unless_named_like_an_event(read, videos)
        is_known = isinstance(entry, UnfitVideo) or entry.video_id in videos
        if is_known or (isinstance(entry, ImportedVideo) and entry.stand_in is not None):
            fitting.append(entry)
        else:
            num_unknown += 1
    if num_unknown and not fitting:
        raise UsageError(_all_unknown(task, num_unknown))
    if task.is_dry_run:
        return FileImport(counted(fitting), num_unknown)
    return FileImport(write_imported(task.dataset, source, fitting), num_unknown)


def _unless_named_like_an_event(
    entry: ImportedVideo | UnfitVideo, videos: Mapping[str, Video]
) -> ImportedVideo | UnfitVideo:
    """A video `X_E0` and the event E0 of a video `X` would have summaries of one id."""
    video_id = entry.video_id
    is_new = isinstance(entry, ImportedVideo) and video_id not in videos
    if not is_new or event_id_of(video_id) is None:
        return entry
    return UnfitVideo(
        video_id,
        "a video cannot be called like an event or a clip (…_E0, …_E0C1); call it "
        f"{video_id}_v in the file, as `vau-data ingest` calls such a video",
    )


def counted(entries: Iterable[ImportedVideo | UnfitVideo]) -> ImportReport:
    """What writing these would report."""
    report = ImportReport()
    for entry in entries:
        if isinstance(entry, UnfitVideo):
            report.unfit.append(entry)
            continue
        report.num_videos += 1
        for record in entry.records:
            word = WORDS[type(record)]
            report.num_records[word] = report.num_records.get(word, 0) + 1
    return report


def _all_unknown(task: ImportTask, num_unknown: int) -> str:
    return (
        f"{task.path}: none of its {num_unknown} videos is in {task.dataset.dir_path}; "
        "run `vau-data ingest` first, or check that they are called by id, path or file name"
    )


def frame_times_of(task: ImportTask) -> "Callable[[Video], NDArray[np.float64]]":
    """Looks up when a video's frames are shown, and tells the task's progress."""

    def times(video: Video) -> "NDArray[np.float64]":
        # Demuxing only, and of files that ingest decoded whole: no need for another process.
        from engine.media.container import frame_times
        from engine.media.remote import at_hand

        with at_hand(task.dataset.video_file(video)) as path:
            found = frame_times(path)
        task.on_video()
        return found

    return times


Stretches = dict[str, dict[Interval, str]]
"""Video id -> stretch (or moment) -> the id that was given to it."""


def _with_click_ids(facts: Facts, clicks: Iterable[Click]) -> Iterator[ImportedVideo]:
    """Clicks by video; equal ones keep the ids they had, others get numbers never given."""
    given, annotated = _stretches(facts, Click), facts.ids_given(ANNOTATE_LEDGER)
    by_video: dict[str, list[Click]] = {}
    for click in clicks:
        by_video.setdefault(click.video_id, []).append(click)
    for video_id, group in by_video.items():
        ids = allot_ids(
            [_moment(click) for click in group],
            prefix=f"{video_id}_K",
            known=_without(given.get(video_id, {}), annotated),
            next_number=facts.next_number(video_id, stage_name=IMPORT_LEDGER, mark="_K"),
        )
        named = (
            click.model_copy(update={"id": id_}) for click, id_ in zip(group, ids, strict=True)
        )
        yield ImportedVideo(video_id, None, tuple(named))


Saying = tuple[float, float, str, int]
"""Start, end and text of a human caption, and how many equal ones come before it."""


def _with_caption_ids(
    facts: Facts, entries: Iterable[ImportedVideo | UnfitVideo]
) -> Iterator[ImportedVideo | UnfitVideo]:
    """The same for human captions: clips name them, so a number must never change its meaning."""
    given = _sayings_given(facts)
    for entry in entries:
        if isinstance(entry, UnfitVideo):
            yield entry
            continue
        captions = [record for record in entry.records if isinstance(record, HumanCaption)]
        ids = allot_ids(
            _sayings(captions),
            prefix=f"{entry.video_id}_H",
            known=given.get(entry.video_id, {}),
            next_number=facts.next_number(entry.video_id, stage_name=IMPORT_LEDGER, mark="_H"),
        )
        named = (
            caption.model_copy(update={"id": id_})
            for caption, id_ in zip(captions, ids, strict=True)
        )
        yield replace(entry, records=tuple(named))


def _sayings(captions: Iterable[HumanCaption]) -> list[Saying]:
    num_equal: Counter[tuple[float, float, str]] = Counter()
    sayings: list[Saying] = []
    for caption in captions:
        said = (caption.start_seconds, caption.end_seconds, caption.text)
        sayings.append((*said, num_equal[said]))
        num_equal[said] += 1
    return sayings


def _sayings_given(facts: Facts) -> dict[str, dict[Saying, str]]:
    """Video id -> what each of its human caption ids stands for, live or not."""
    path = facts.index.dataset.record_path(HumanCaption)
    newest: dict[str, HumanCaption] = {}
    for line in read_lines(path):
        caption = parse_record(HumanCaption, line, path=path)
        newest[caption.id] = caption
    by_video: dict[str, list[HumanCaption]] = {}
    for caption in newest.values():
        by_video.setdefault(caption.video_id, []).append(caption)
    return {
        video_id: dict(zip(_sayings(found), (caption.id for caption in found), strict=True))
        for video_id, found in by_video.items()
    }


def _with_event_ids(
    facts: Facts, entries: Iterable[ImportedVideo | UnfitVideo]
) -> Iterator[ImportedVideo | UnfitVideo]:
    """The same for events, whose numbers a proposal may have taken before."""
    given, reviewed = _stretches(facts, Event), _reviewed_proposals(facts)
    for entry in entries:
        if isinstance(entry, UnfitVideo):
            yield entry
            continue
        events = [record for record in entry.records if isinstance(record, Event)]
        ids = allot_ids(
            [_extent(event) for event in events],
            prefix=f"{entry.video_id}_E",
            known=_without(given.get(entry.video_id, {}), reviewed),
            next_number=facts.next_number(entry.video_id, stage_name="propose", mark="_E"),
        )
        named = (
            event.model_copy(update={"id": id_}) for event, id_ in zip(events, ids, strict=True)
        )
        yield replace(entry, records=tuple(named))


def _with_published_ids(
    facts: Facts, entries: Iterable[ImportedVideo | UnfitVideo]
) -> Iterator[ImportedVideo | UnfitVideo]:
    """Events with all that hangs on them, under their published ids where these are free."""
    events, clips = _stretches(facts, Event), _stretches(facts, Clip)
    reviewed = _reviewed_proposals(facts)
    for entry in entries:
        if isinstance(entry, UnfitVideo):
            yield entry
            continue
        given = events.get(entry.video_id, {})
        stood_for = _by_id(given) | _by_id(clips.get(entry.video_id, {}))
        published = [record for record in entry.records if isinstance(record, Event)]
        published_ids = {event.id for event in published}
        if _are_free(entry, stood_for) and not published_ids & reviewed:
            yield entry
            continue
        ids = allot_ids(
            [_extent(event) for event in published],
            prefix=f"{entry.video_id}_E",
            known=_without(given, reviewed | published_ids),
            next_number=facts.next_number(entry.video_id, stage_name="propose", mark="_E"),
        )
        new_ids = {event.id: id_ for event, id_ in zip(published, ids, strict=True)}
        yield replace(entry, records=tuple(_renamed(record, new_ids) for record in entry.records))


def _reviewed_proposals(facts: Facts) -> set[str]:
    """Events of ours that a person made or decided about: ids and reviews stay theirs."""
    decided = facts.reviewed_event_ids | facts.ids_given(ANNOTATE_LEDGER)
    return decided - facts.index.imported_ids(Event)


def _without(places: Mapping[Interval, str], ids: Container[str]) -> dict[Interval, str]:
    return {place: id_ for place, id_ in places.items() if id_ not in ids}


def _by_id(places: Mapping[Interval, str]) -> dict[str, Interval]:
    return {id_: place for place, id_ in places.items()}


def _are_free(entry: ImportedVideo, stood_for: Mapping[str, Interval]) -> bool:
    """Whether none of the published ids ever stood for another stretch of the video."""
    return all(
        stood_for.get(record.id, _extent(record)) == _extent(record)
        for record in entry.records
        if isinstance(record, Event | Clip)
    )


def _renamed(record: Record, new_ids: Mapping[str, str]) -> Record:
    """An event, clip, caption or summary under its event's new id."""
    event_id = event_id_of(record.id)
    if event_id is None or event_id not in new_ids:
        return record
    changes = {"id": new_ids[event_id] + record.id.removeprefix(event_id)}
    if isinstance(record, Clip):
        changes["event_id"] = new_ids[event_id]
    return record.model_copy(update=changes)


def _stretches(facts: Facts, record_type: type[Click] | type[Event] | type[Clip]) -> Stretches:
    """What every id of the dataset stood for, live or not."""
    path = facts.index.dataset.record_path(record_type)
    found: Stretches = {}
    for line in read_lines(path):
        record = parse_record(record_type, line, path=path)
        place = _moment(record) if isinstance(record, Click) else _extent(record)
        found.setdefault(record.video_id, {})[place] = record.id
    return found


def _moment(click: Click) -> Interval:
    return click.time_seconds, -1.0 if click.frame is None else float(click.frame)


def _extent(span: Event | Clip) -> Interval:
    return span.start_seconds, span.end_seconds


def _is_json(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


@contextmanager
def _named_if_not_text(path: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not a text file in UTF-8: {error}") from error
