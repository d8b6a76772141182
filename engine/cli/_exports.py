"""Writes a release and says what is in it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.cli._datasets import local_executor

if TYPE_CHECKING:
    from engine.dataset import Dataset
    from engine.release import ExportOptions, ExportReport

_MOST_FAILURES_SHOWN = 20


def do_export(
    dataset: "Dataset", options: "ExportOptions", *, workers: int | None, is_quiet: bool
) -> "ExportReport":
    """Export with progress; processes are started only for media."""
    from engine.index import Index
    from engine.progress import Progress
    from engine.release import export
    from schemas import Video

    num_videos = len(Index(dataset).lines(Video))
    with (
        local_executor(dataset, workers=workers) as executor,
        Progress("export", num_videos, is_quiet=is_quiet) as progress,
    ):
        return export(
            dataset,
            options,
            executor=executor,
            on_video=lambda: progress.advance(is_reject=False),
        )


def export_row(report: "ExportReport") -> dict[str, object]:
    """A report as plain values."""
    return {
        "dir_path": str(report.dir_path),
        "release": report.release,
        "failed_media": report.failed_media,
    }


def export_lines(report: "ExportReport") -> Iterator[str]:
    """Where the release is, and its files."""
    release = report.release
    yield (
        f"export: {release.num_videos} videos, {release.num_events} events, {release.num_clips} "
        f"clips, {release.num_instructions} instructions -> {report.dir_path}"
    )
    for file in release.files:
        yield f"  {file.path}: {file.num_rows} rows, {file.format}"
    failures = list(report.failed_media.items())
    if failures:
        yield f"  {len(failures)} segments have no media, and their rows are left out:"
    yield from (f"    {segment}: {why}" for segment, why in failures[:_MOST_FAILURES_SHOWN])
    if len(failures) > _MOST_FAILURES_SHOWN:
        yield f"    … and {len(failures) - _MOST_FAILURES_SHOWN} more"
