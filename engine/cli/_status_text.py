"""A dataset's status -> lines to read."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.cli._output import counted, how_many

if TYPE_CHECKING:
    from engine.status import DatasetStatus, StageStatus

_COLUMNS = ("stage", "settled", "to do", "rejected", "waiting")


def status_lines(status: "DatasetStatus") -> Iterator[str]:
    """Counts of records, a table of stages, the reasons, and what to do next."""
    yield f"dataset {status.dir_path}"
    counts = [how_many(n, word.replace("_", " ")) for word, n in status.records.items() if n]
    yield f"live records: {', '.join(counts) or 'none yet'}"
    yield ""
    yield from _table(status)
    reasons = [line for stage in status.stages for line in _reason_lines(stage)]
    if reasons:
        yield ""
        yield from reasons
    yield ""
    yield from _remarks(status)


def _table(status: "DatasetStatus") -> Iterator[str]:
    rows = [_COLUMNS, *(_row(stage) for stage in status.stages)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        name = row[0].ljust(widths[0])
        yield "  ".join(
            [name, *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        )


def _row(stage: "StageStatus") -> tuple[str, ...]:
    if stage.problem is not None:
        return (stage.stage, "?", "?", "?", "?")
    counts = (stage.num_settled, stage.num_to_do, stage.num_rejected, sum(stage.waiting.values()))
    return (stage.stage, *(str(count) if count else "–" for count in counts))


def _reason_lines(stage: "StageStatus") -> Iterator[str]:
    if stage.problem is not None:
        yield f"{stage.stage}: cannot tell: {stage.problem}"
    for why, count in stage.reasons.items():
        yield f"{stage.stage}: {count} to do: {why}"
    for what, count in stage.waiting.items():
        yield f"{stage.stage}: {count} waiting for {what}"
    if stage.num_to_retire:
        yield f"{stage.stage}: {stage.num_to_retire} to retire: what they were made from is gone"


def _audit_remarks(status: "DatasetStatus") -> Iterator[str]:
    """Nothing of audits where there was none: they are asked for, not due."""
    if status.findings:
        num_findings = sum(status.findings.values())
        yield f"{how_many(num_findings, 'finding')} in the texts: {counted(status.findings)}"
    num_settled = sum(audit.num_settled for audit in status.audits)
    num_to_do = sum(audit.num_to_do + audit.num_to_retire for audit in status.audits)
    if num_settled and num_to_do:
        yield f"the audit is behind by {how_many(num_to_do, 'item')}: `vau-data audit`"


def _remarks(status: "DatasetStatus") -> Iterator[str]:
    num_rejected = status.num_import_rejects + sum(one.num_rejected for one in status.stages)
    if num_rejected:
        yield f"{num_rejected} rejected: `vau-data rejects` lists them"
    if status.num_degraded_files:
        files = how_many(status.num_degraded_files, "degraded file")
        yield f"{files} in use: `vau-data ingest` says what is lost"
    if status.num_orphaned_reviews:
        yield (
            f"{status.num_orphaned_reviews} reviews are of records that are gone; they are kept, "
            "without effect"
        )
    yield from _audit_remarks(status)
    if status.releases:
        yield f"releases: {', '.join(status.releases)}"
    for name, count in status.num_media_missing.items():
        yield (
            f"release {name} lacks {how_many(count, 'segment')} whose files could not be cut: once "
            f"the videos are back, `vau-data export --media --name {name} --overwrite`"
        )
    yield "next: vau-data run" if status.has_work else "everything is settled"
