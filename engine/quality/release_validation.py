"""A release of ours -> is it whole, and is there any defect in its files?"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.quality.defects import Defect
from engine.quality.file_validation import report_on_file
from engine.quality.published import Against, FileReport
from schemas import Release, ReleaseFile

_READ_SUFFIXES = (".json", ".jsonl", ".csv", ".txt")
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class ReleaseReport:
    """What was looked at in a release."""

    files: dict[str, FileReport]
    """Path -> what was found in it."""
    not_read: tuple[str, ...]
    """Files of other forms; only their bytes were compared with release.json."""
    defects: tuple[Defect, ...]


def report_on_release(
    dataset: Dataset, name: str, *, on_file: Callable[[], None] = lambda: None
) -> ReleaseReport:
    """Compare every file with release.json, then look into those whose form is known.

    Raises `UsageError` where there is no such release, or release.json cannot be read.
    """
    root = dataset.releases_dir_path / name
    files: dict[str, FileReport] = {}
    not_read: list[str] = []
    defects: list[Defect] = []
    for entry in read_release(dataset, name).files:
        broken = list(_compared(root, entry))
        report = None if broken else _looked_into(root / entry.path)
        if report is not None:
            files[entry.path] = report
            defects += report.defects
        elif not broken:
            not_read.append(entry.path)
        defects += broken
        on_file()
    return ReleaseReport(files, tuple(not_read), tuple(defects))


def read_release(dataset: Dataset, name: str) -> Release:
    """What release.json says. Raises `UsageError` where it is not there or cannot be read."""
    path = dataset.releases_dir_path / name / "release.json"
    if not path.is_file():
        there = sorted(one.parent.name for one in dataset.releases_dir_path.glob("*/release.json"))
        raise UsageError(f"no release {name!r}; there are: {', '.join(there) or 'none'}")
    try:
        return Release.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UsageError(
            f"{path} cannot be read ({error.errors()[0]['msg']}); another version of vau-data "
            "wrote it, or it was changed: export again with --overwrite"
        ) from error


def _compared(root: Path, entry: ReleaseFile) -> Iterator[Defect]:
    path = root / entry.path
    if not path.is_file():
        yield Defect("release-file-missing", entry.path, f"{path} is not there")
        return
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            sha256.update(block)
    if sha256.hexdigest() != entry.sha256:
        detail = (
            f"sha256 {sha256.hexdigest()[:16]}…, {path.stat().st_size} bytes; release.json says "
            f"{entry.sha256[:16]}…, {entry.size_bytes} bytes"
        )
        yield Defect("release-file-changed", entry.path, detail)


def _looked_into(path: Path) -> FileReport | None:
    """None: a form that no validator reads."""
    if path.suffix not in _READ_SUFFIXES:
        return None
    try:
        return report_on_file(path, Against())
    except UsageError:
        return None
