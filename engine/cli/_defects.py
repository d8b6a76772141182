"""Collects defects with progress, and prints them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli._output import counted, how_many, print_json, remark

if TYPE_CHECKING:
    from engine.dataset import Dataset
    from engine.quality.defects import Defect
    from engine.quality.published import FileReport


def all_in_dataset(dataset: "Dataset", *, is_quiet: bool) -> list["Defect"]:
    """Every defect of every live video."""
    from engine.index import Index
    from engine.progress import Progress
    from engine.quality.validation import defects_in_dataset
    from schemas import Video

    num_videos = len(Index(dataset).lines(Video))
    with Progress("validate", num_videos, is_quiet=is_quiet) as progress:
        found = defects_in_dataset(dataset, on_video=lambda: progress.advance(is_reject=False))
        return list(found)


def read_files(paths: Sequence[Path], against: Sequence[Path]) -> dict[str, "FileReport"]:
    """Path -> what is in it."""
    from engine.quality.file_validation import read_against, report_on_file

    others = read_against(against)
    return {str(path): report_on_file(path, others) for path in paths}


def print_defects(defects: Sequence["Defect"], *, is_json: bool) -> int:
    """One line each on standard output; the counts on standard error. How many there were."""
    from engine.quality.validators import count_by_code

    if is_json:
        print_json({"defects": _rows(defects), "counts": count_by_code(defects)})
    else:
        _print_lines(defects)
        _sum_up(defects)
    return len(defects)


def print_file_reports(reports: Mapping[str, "FileReport"], *, is_json: bool) -> int:
    """For each file what it is, its counts and its defects."""
    from engine.quality.validators import count_by_code

    every = [defect for report in reports.values() for defect in report.defects]
    if is_json:
        files = {path: _file_row(report) for path, report in reports.items()}
        print_json({"files": files, "counts": count_by_code(every)})
        return len(every)
    for path, report in reports.items():
        _print_lines(report.defects)
        remark(f"{path}: {report.kind}; {counted(report.counts)}")
    _sum_up(every)
    return len(every)


def print_release(dataset: "Dataset", name: str, *, is_json: bool, is_quiet: bool) -> int:
    """The same for a release, and which of its files were only compared by their bytes."""
    from engine.progress import Progress
    from engine.quality.release_validation import read_release, report_on_release
    from engine.quality.validators import count_by_code

    num_files = len(read_release(dataset, name).files)
    with Progress("validate", num_files, is_quiet=is_quiet) as progress:

        def on_file() -> None:
            progress.advance(is_reject=False)

        report = report_on_release(dataset, name, on_file=on_file)
    if is_json:
        files = {path: _file_row(one) for path, one in report.files.items()}
        counts = count_by_code(report.defects)
        rows = {"defects": _rows(report.defects), "files": files, "not_read": report.not_read}
        print_json({**rows, "counts": counts})
        return len(report.defects)
    _print_lines(report.defects)
    for path, one in report.files.items():
        remark(f"{path}: {one.kind}; {counted(one.counts)}")
    for path in report.not_read:
        remark(f"{path}: as release.json names it; not looked into")
    _sum_up(report.defects)
    return len(report.defects)


def _file_row(report: "FileReport") -> dict[str, object]:
    return {"kind": report.kind, "counts": report.counts, "defects": _rows(report.defects)}


def _rows(defects: Iterable["Defect"]) -> list[dict[str, str]]:
    return [
        {
            "code": defect.code,
            "record_id": defect.record_id,
            "detail": defect.detail,
            "remedy": defect.remedy,
        }
        for defect in defects
    ]


def _print_lines(defects: Iterable["Defect"]) -> None:
    for defect in defects:
        print(f"{defect.record_id}  {defect.code}: {defect.detail}")


def _sum_up(defects: Sequence["Defect"]) -> None:
    """Counts, and what to do about each kind."""
    from engine.quality.defects import DEFECTS
    from engine.quality.validators import count_by_code

    if not defects:
        remark("no defects found")
        return
    counts = count_by_code(defects)
    for code, count in counts.items():
        kind = DEFECTS[code]
        remark(f"{count} {code}: {kind.meaning}; {kind.remedy}")
    remark(f"{how_many(len(defects), 'defect')}: {counted(counts)}")
