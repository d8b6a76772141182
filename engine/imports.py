"""Records from other people's files enter a dataset here, and are never made over by a stage.

Per video and record type the newest import counts. Importing events anew takes the clips,
captions and summaries of an earlier import with them, and what was proposed in their place.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.index import WORDS, Index
from engine.joins.facts import Facts
from engine.ledger import IMPORT_LEDGER, LedgerLine, settled_key
from engine.sources.imported import ImportedVideo, UnfitVideo
from engine.stage import digest
from engine.store import JsonlWriter, content_of, dump_line
from schemas import Caption, Clip, Event, Record, Reject, Summary, Video

_FINGERPRINT = digest(b"import/1").hex()[:16]
_PROPOSE = "propose"
_WAIT_SECONDS = 2.0
_HANGS_ON_EVENTS: tuple[type[Record], ...] = (Clip, Caption, Summary)


@dataclass
class ImportReport:
    """What one import did."""

    num_videos: int = 0
    num_records: dict[str, int] = field(default_factory=dict)
    """Word (`event`, `clip` …) -> how many records were written."""
    num_unchanged: int = 0
    """Videos of which everything was there already."""
    unfit: list[UnfitVideo] = field(default_factory=list)


def write_imported(
    dataset: Dataset, source: str, imported: Iterable[ImportedVideo | UnfitVideo]
) -> ImportReport:
    """Write what a source gave. Unfit videos become rejects; the rest is written.

    Raises `UsageError`, and writes nothing, where nothing fits: it is some other kind of file.
    """
    entries = list(imported)
    unfit = [entry for entry in entries if isinstance(entry, UnfitVideo)]
    if unfit and len(unfit) == len(entries):
        raise UsageError(
            f"none of the {len(unfit)} entries fits; the first, {unfit[0].video_id}: "
            f"{unfit[0].detail}. Is it a file of another kind?"
        )
    with ExitStack() as stack:
        ledger = stack.enter_context(JsonlWriter(dataset.ledger_path(IMPORT_LEDGER)))
        proposals = JsonlWriter(dataset.ledger_path(_PROPOSE), wait_seconds=_WAIT_SECONDS)
        may_supersede = proposals.path.exists() and any(map(_names_events, entries))
        if may_supersede:
            stack.enter_context(proposals)
        books = _ImportBooks(dataset, Index(dataset))
        for entry in entries:
            if isinstance(entry, UnfitVideo):
                books.reject(source, entry)
            else:
                books.enter(source, entry)
        books.write_down(ledger)
        if may_supersede:
            proposals.append(_superseded(dataset))
            proposals.sync()
    return books.report


def _names_events(entry: ImportedVideo | UnfitVideo) -> bool:
    return isinstance(entry, ImportedVideo) and (
        Event in entry.says_all_of or any(isinstance(record, Event) for record in entry.records)
    )


def _superseded(dataset: Dataset) -> Iterator[bytes]:
    """What retires the proposals for videos whose events came from outside.

    The next run would retire them, too; but an export before it would hold both.
    """
    index = Index(dataset)
    proposed = index.ledger(_PROPOSE)
    for video_id in sorted(Facts(index).videos_with_imported_events):
        if video_id in proposed:
            yield LedgerLine(video_id, "", "", (), is_retired=True).dump()


class _ImportBooks:
    def __init__(self, dataset: Dataset, index: Index) -> None:
        self.report = ImportReport()
        self._dataset = dataset
        self._index = index
        self._ledger = index.ledger(IMPORT_LEDGER)
        self._record_lines: dict[type[Record], list[bytes]] = defaultdict(list)
        self._ledger_lines: list[LedgerLine] = []

    def enter(self, source: str, video: ImportedVideo) -> None:
        """Note all that one file says of one video; that it once was unfit no longer counts."""
        self._retire(_unfit_id(source, video.video_id))
        by_type: dict[type[Record], list[Record]] = defaultdict(list)
        for record_type in video.says_all_of:
            by_type[record_type] = []
        for record in video.records:
            by_type[type(record)].append(record)
        if video.stand_in is not None:
            by_type[Video].append(video.stand_in)
        has_changed = [
            self._enter_type(video.video_id, record_type, records)
            for record_type, records in by_type.items()
        ]
        if Event in by_type:
            for record_type in _HANGS_ON_EVENTS:
                if record_type not in by_type:
                    self._retire(_item_id(record_type, video.video_id))
        self.report.num_videos += 1
        self.report.num_unchanged += not any(has_changed)

    def _filed_line(self, video_id: str) -> list[bytes]:
        """The line of a video that has a file: kept newest, whatever stands in for it.

        The stand-in is written all the same: `ingest` takes from it what the file's own folder
        does not say, such as the official split.
        """
        known = self._index.lines(Video)
        if video_id not in known or self._index.get(Video, video_id).media is None:
            return []
        return [known[video_id] + b"\n"]

    def _enter_type(self, video_id: str, record_type: type[Record], records: list[Record]) -> bool:
        lines = [dump_line(record) for record in records]
        input_sha256 = digest(*map(content_of, lines))
        item_id = _item_id(record_type, video_id)
        if self._ledger.key(item_id) == input_sha256 + bytes.fromhex(_FINGERPRINT):
            return False
        self._record_lines[record_type].extend(lines)
        if record_type is Video:
            self._record_lines[record_type].extend(self._filed_line(video_id))
        ids = tuple(record.id for record in records)
        self._ledger_lines.append(LedgerLine(item_id, input_sha256.hex(), _FINGERPRINT, ids))
        word = WORDS[record_type]
        self.report.num_records[word] = self.report.num_records.get(word, 0) + len(records)
        return True

    def _retire(self, item_id: str) -> None:
        if item_id in self._ledger:
            self._ledger_lines.append(LedgerLine(item_id, "", "", (), is_retired=True))

    def reject(self, source: str, video: UnfitVideo) -> None:
        """Note a video whose entry cannot be used."""
        self.report.unfit.append(video)
        item_id = _unfit_id(source, video.video_id)
        input_sha256 = digest(video.detail.encode()).hex()
        if self._ledger.key(item_id) == settled_key(input_sha256, _FINGERPRINT):
            return
        reject = Reject(
            id=f"{IMPORT_LEDGER}:{item_id}",
            stage=IMPORT_LEDGER,
            item_id=item_id,
            reason="import_mismatch",
            detail=f"{video.video_id}: {video.detail}",
            input_sha256=input_sha256,
            fingerprint=_FINGERPRINT,
        )
        self._record_lines[Reject].append(dump_line(reject))
        self._ledger_lines.append(
            LedgerLine(item_id, input_sha256, _FINGERPRINT, (), reject=reject.reason)
        )

    def write_down(self, ledger: JsonlWriter) -> None:
        """Records first, then the ledger; nothing at all where one of the files is in use."""
        changed_ids = [line.item_id for line in self._ledger_lines if line.record_ids]
        with ExitStack() as stack:
            writers = [
                stack.enter_context(
                    JsonlWriter(self._dataset.record_path(type_), wait_seconds=_WAIT_SECONDS)
                )
                for type_ in self._record_lines
            ]
            ledger.append(self._ledger.void_lines(changed_ids))
            ledger.sync()
            for writer, lines in zip(writers, self._record_lines.values(), strict=True):
                writer.append(lines)
                writer.sync()
            ledger.append(line.dump() for line in self._ledger_lines)
            ledger.sync()


def _item_id(record_type: type[Record], video_id: str) -> str:
    return f"{WORDS[record_type]}:{video_id}"


def _unfit_id(source: str, video_id: str) -> str:
    return f"unfit:{source}:{video_id}"
