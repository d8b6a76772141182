"""What files are validated against, and what is said of a file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.quality.defects import Defect
from engine.sources.manifest import SOURCES, load_manifest
from engine.sources.names import label_of_stem
from engine.sources.official import OfficialRow
from schemas.base import Split


@dataclass(frozen=True)
class Against:
    """Other files that a person named, to hold one file to."""

    official: Mapping[str, OfficialRow] = field(default_factory=dict)
    """Video -> its line in an official test list."""
    clicks: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Video -> frames that a person clicked."""

    def is_test_video(self, stem: str) -> bool:
        """Whether the official lists, or the name itself, put it in the test split."""
        return stem in self.official or split_of_stem(stem) == "test"


@dataclass(frozen=True)
class FileReport:
    """One file, looked through."""

    kind: str
    """What it was taken for."""
    counts: Mapping[str, int]
    """What -> how many; videos, rows, sentences …"""
    defects: tuple[Defect, ...]


def split_of_stem(stem: str) -> Split | None:
    """The split that a public data set's own naming tells; None: it does not."""
    for source in SOURCES:
        names = load_manifest(source).names
        if names.test_pattern and names.test_pattern.search(stem):
            return "test"
        if names.train_pattern and names.train_pattern.search(stem):
            return "train"
    return None


def nominal_fps(stem: str) -> float | None:
    """Frames per second of the public data set that the name belongs to; None for any other."""
    for source in SOURCES:
        manifest = load_manifest(source)
        if label_of_stem(stem, manifest) is not None:
            return manifest.nominal_fps
    return None


def again(names: Iterable[str], code: str) -> Iterator[Defect]:
    """A defect for each name that stood before."""
    seen: set[str] = set()
    for number, name in enumerate(names, start=1):
        if name in seen:
            yield Defect(code, name, f"row {number}")
        seen.add(name)
