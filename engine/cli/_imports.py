"""Runs one import and says what came of it."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli._datasets import open_dataset
from engine.cli._output import how_many, print_json

if TYPE_CHECKING:
    from engine.import_files import FileImport, ImportTask

_MOST_UNFIT_SHOWN = 20


@dataclass(frozen=True)
class ImportFlags:
    """How a person asked for an import."""

    dataset_dir: Path | None
    path: Path
    is_dry_run: bool
    is_json: bool
    is_quiet: bool


def run_import(flags: ImportFlags, do: "Callable[[ImportTask], FileImport]") -> None:
    """Open the dataset, import one file, and tell."""
    from engine.import_files import ImportTask, check_unfit_rate
    from engine.index import Index
    from engine.progress import Progress
    from schemas import Video

    dataset = open_dataset(flags.dataset_dir)
    num_videos = len(Index(dataset).lines(Video))
    with Progress("reading frame times", num_videos, is_quiet=flags.is_quiet) as progress:
        task = ImportTask(
            dataset, flags.path, flags.is_dry_run, lambda: progress.advance(is_reject=False)
        )
        done = do(task)
    if flags.is_json:
        print_json(asdict(done))
    else:
        print("\n".join(import_lines(done, flags)))
    check_unfit_rate(done, max_reject_rate=dataset.config.run.max_reject_rate)


def import_lines(done: "FileImport", flags: ImportFlags) -> Iterator[str]:
    """A line of counts, then what was passed over, and why."""
    report = done.report
    verb = "would import" if flags.is_dry_run else "imported"
    records = ", ".join(how_many(n, word) for word, n in report.num_records.items())
    videos = how_many(report.num_videos, "video")
    unchanged = f", {report.num_unchanged} of them unchanged" if report.num_unchanged else ""
    yield f"{verb} from {flags.path}: {records or 'nothing new'}; {videos}{unchanged}"
    if done.num_unknown_videos:
        videos = how_many(done.num_unknown_videos, "video")
        yield f"  passed over: {videos} that the dataset does not have"
    yield from (f"  {note}" for note in done.notes)
    if report.unfit:
        yield f"  not imported, because the entry cannot be used: {len(report.unfit)}"
    for unfit in report.unfit[:_MOST_UNFIT_SHOWN]:
        yield f"    {unfit.video_id}: {unfit.detail}"
    if len(report.unfit) > _MOST_UNFIT_SHOWN:
        yield "    … `vau-data rejects --stage import` lists them all"
