"""`manifests/<source>.toml` -> what a public data set's names, lists and classes mean."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import cast

from engine.errors import UsageError
from schemas.base import Split

SOURCES = ("ucf-crime", "xd-violence")


@dataclass(frozen=True)
class AnomalyClass:
    """One class of anomaly, under its official name."""

    name: str
    """As the data set writes it; this is what `Video.categories` holds."""
    display: str
    """As a sentence would say it."""
    code: str | None
    """As a file name abbreviates it; None where names carry no codes."""
    keywords: tuple[str, ...]
    """Lower-case names of loose files or folders that mean this class."""


@dataclass(frozen=True)
class SplitList:
    """Official files that name the videos of one split."""

    files: str
    """A glob for the file's name."""
    split: Split


@dataclass(frozen=True)
class NameGrammar:
    """How a file stem tells class and split; None: it does not tell."""

    class_pattern: re.Pattern[str] | None
    codes_pattern: re.Pattern[str] | None
    normal_pattern: re.Pattern[str] | None
    test_pattern: re.Pattern[str] | None
    train_pattern: re.Pattern[str] | None


@dataclass(frozen=True)
class SourceManifest:
    """All that is known about one public data set before seeing its files."""

    source: str
    nominal_fps: float
    names: NameGrammar
    lists: tuple[SplitList, ...]
    classes: tuple[AnomalyClass, ...]

    def class_by_name(self, name: str) -> AnomalyClass | None:
        """The class of this official name; None: no such class."""
        return next((entry for entry in self.classes if entry.name == name), None)

    def class_by_code(self, code: str) -> AnomalyClass | None:
        """The class of this code; None: no such class."""
        return next((entry for entry in self.classes if entry.code == code), None)


@cache
def load_manifest(source: str) -> SourceManifest:
    """Read the manifest of `source` (one of `SOURCES`). Raises UsageError for another."""
    if source not in SOURCES:
        raise UsageError(f"no manifest for source {source!r}; known: {', '.join(SOURCES)}")
    file = resources.files("manifests").joinpath(f"{source.replace('-', '_')}.toml")
    return parse_manifest(file.read_text(encoding="utf-8"), name=str(file))


def parse_manifest(text: str, *, name: str) -> SourceManifest:
    """Turn a manifest's text into its record. Raises UsageError naming what is missing."""
    try:
        table = tomllib.loads(text)
        return SourceManifest(
            source=table["source"],
            nominal_fps=float(table["nominal_fps"]),
            names=_grammar(table["names"]),
            lists=tuple(SplitList(files=x["files"], split=x["split"]) for x in table["lists"]),
            classes=tuple(_anomaly_class(entry) for entry in table["classes"]),
        )
    except (tomllib.TOMLDecodeError, KeyError, re.error) as error:
        raise UsageError(f"manifest {name} cannot be read: {error!r}") from error


def _grammar(table: Mapping[str, str]) -> NameGrammar:
    return NameGrammar(
        class_pattern=_pattern(table["class_pattern"]),
        codes_pattern=_pattern(table["codes_pattern"]),
        normal_pattern=_pattern(table["normal_pattern"]),
        test_pattern=_pattern(table["test_pattern"]),
        train_pattern=_pattern(table["train_pattern"]),
    )


def _pattern(text: str) -> re.Pattern[str] | None:
    return re.compile(text) if text else None


def _anomaly_class(entry: Mapping[str, object]) -> AnomalyClass:
    return AnomalyClass(
        name=str(entry["name"]),
        display=str(entry["display"]),
        code=str(entry["code"]) if "code" in entry else None,
        keywords=tuple(cast("list[str]", entry["keywords"])),
    )
