"""Writes a release and says what is in it, and what is not."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.cli._cluster import executor_for
from engine.cli._output import remark

if TYPE_CHECKING:
    from engine.dataset import Dataset
    from engine.release import ExportOptions, ExportReport

_MOST_FAILURES_SHOWN = 20


def do_export(
    dataset: "Dataset",
    options: "ExportOptions",
    *,
    workers: int | None,
    ray: str | None = None,
    is_quiet: bool,
) -> "ExportReport":
    """Export with progress; processes are started, and a cluster is used, only for media."""
    from engine.index import Index
    from engine.intake import split_warnings
    from engine.progress import Progress
    from engine.release import export
    from schemas import Video

    index = Index(dataset)
    num_videos = len(index.lines(Video))
    for warning in split_warnings(index):
        remark(f"warning: {warning}")
    with (
        executor_for(
            dataset,
            workers=workers,
            ray=ray if options.with_media else None,
            writes_files=True,
        ) as executor,
        Progress("export", num_videos, is_quiet=is_quiet) as progress,
    ):
        return export(
            dataset,
            options,
            executor=executor,
            on_video=lambda: progress.advance(is_reject=False),
        )


def unsettled_items(dataset: "Dataset") -> dict[str, int | None]:
    """Step -> how many of its items are to be done or retired, or wait; said on standard error.

    None: the step cannot tell. A census of every step, so not for the end of a run.
    """
    from engine.status import dataset_status

    found: dict[str, int | None] = {}
    for stage in dataset_status(dataset).stages:
        count = stage.num_to_do + stage.num_to_retire + sum(stage.waiting.values())
        if count or stage.problem is not None:
            found[stage.stage] = count if stage.problem is None else None
    if found:
        items = ", ".join(f"{name} {'?' if n is None else n}" for name, n in found.items())
        remark(
            f"warning: items are not settled ({items}); what is exported may be out of date or "
            "incomplete: `vau-data status` says why, `vau-data run` settles what can be settled"
        )
    return found


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
