"""What a dataset took in -> lines to read; warnings go beside them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from engine.cli._output import counted, remark

if TYPE_CHECKING:
    from engine.intake import FlawedFile, Intake

_MOST_FILES_SHOWN = 5
_MOST_CATEGORIES_SHOWN = 40
_MOST_WARNINGS_SHOWN = 10


def intake_lines(intake: "Intake") -> Iterator[str]:
    """Which files are flawed, then a table of the categories."""
    flawed = {"unusable": intake.unusable, "degraded": intake.degraded}
    counts = counted({kind: len(files) for kind, files in flawed.items()})
    yield f"files: {counts}, of {intake.num_files}"
    for kind, files in flawed.items():
        yield from _flawed_lines(kind, files)
    yield from category_lines(intake.categories)


def _flawed_lines(kind: str, files: Sequence["FlawedFile"]) -> Iterator[str]:
    yield from (f"  {kind}: {file.name}: {file.why}" for file in files[:_MOST_FILES_SHOWN])
    if len(files) > _MOST_FILES_SHOWN:
        num_more = len(files) - _MOST_FILES_SHOWN
        yield f"  … and {num_more} more {kind}; `vau-data ingest --json` lists all"


def category_lines(categories: Mapping[str, int]) -> Iterator[str]:
    """A table: category, videos."""
    shown = list(categories.items())[:_MOST_CATEGORIES_SHOWN]
    width = max((len(name) for name, _ in shown), default=0)
    yield "videos by category:"
    yield from (f"  {name.ljust(width)}  {count}" for name, count in shown)
    if len(categories) > len(shown):
        yield f"  … and {len(categories) - len(shown)} more categories"


def warn(warnings: Sequence[str]) -> None:
    """Say them on standard error."""
    for warning in warnings[:_MOST_WARNINGS_SHOWN]:
        remark(f"warning: {warning}")
    if len(warnings) > _MOST_WARNINGS_SHOWN:
        remark(f"warning: … and {len(warnings) - _MOST_WARNINGS_SHOWN} more of the kind")
