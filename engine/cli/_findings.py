"""Collects a dataset's defects with progress, and prints them."""

from typing import TYPE_CHECKING

from engine.cli._output import counted, print_json, remark

if TYPE_CHECKING:
    from engine.dataset import Dataset
    from engine.quality.findings import Finding


def all_in_dataset(dataset: "Dataset", *, is_quiet: bool) -> list["Finding"]:
    """Every defect of every live video."""
    from engine.index import Index
    from engine.progress import Progress
    from engine.validation import findings_in_dataset
    from schemas import Video

    num_videos = len(Index(dataset).lines(Video))
    with Progress("validate", num_videos, is_quiet=is_quiet) as progress:
        found = findings_in_dataset(dataset, on_video=lambda: progress.advance(is_reject=False))
        return list(found)


def print_findings(findings: list["Finding"], *, is_json: bool) -> None:
    """One line each on standard output; the counts on standard error."""
    from engine.quality.validators import count_by_code

    if is_json:
        print_json({"findings": findings, "counts": count_by_code(findings)})
        return
    for finding in findings:
        print(f"{finding.record_id}  {finding.code}: {finding.detail}")
    counts = counted(count_by_code(findings))
    remark(f"{len(findings)} defects: {counts}" if findings else "no defects found")
