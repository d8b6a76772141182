"""File and folder names -> what they say about normal or abnormal, class and split."""

import re
from dataclasses import dataclass
from functools import cache

from engine.sources.manifest import SOURCES, SourceManifest, load_manifest
from schemas.base import Split

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_NEGATIONS = ("non", "no", "not", "without")
_ANOMALY_WORDS = frozenset(
    {"anomaly", "anomalies", "anomalous", "abnormal", "violence", "violent", "crime", "incident"}
)
_SPLIT_WORDS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
_GENERIC_WORDS = frozenset(
    {
        "video",
        "videos",
        "clip",
        "clips",
        "data",
        "dataset",
        "datasets",
        "media",
        "file",
        "files",
        "raw",
        "footage",
        "mp",
        "avi",
        "mkv",
        "mov",
        "webm",
        "cam",
        "cams",
        "camera",
        "cameras",
        "cctv",
        "part",
        "parts",
        "batch",
        "day",
        "site",
        "channel",
        "ch",
        "input",
        "inputs",
        "all",
        "misc",
        "other",
        "others",
        "unlabelled",
        "unlabeled",
        "unsorted",
        "download",
        "downloads",
        "set",
        "movies",
        "films",
    }
)


@dataclass(frozen=True)
class NameLabel:
    """What a name says; `is_anomalous` True with no categories: abnormal, of no named class."""

    is_anomalous: bool
    categories: tuple[str, ...]


NORMAL = NameLabel(is_anomalous=False, categories=())
ABNORMAL = NameLabel(is_anomalous=True, categories=())


def label_of_stem(stem: str, manifest: SourceManifest) -> NameLabel | None:
    """Read a file stem by one data set's own grammar; None: it is not such a name."""
    names = manifest.names
    if names.normal_pattern and names.normal_pattern.search(stem):
        return NORMAL
    if names.class_pattern and (match := names.class_pattern.search(stem)):
        entry = manifest.class_by_name(match["class"])
        return NameLabel(is_anomalous=True, categories=(entry.name,)) if entry else None
    if names.codes_pattern and (match := names.codes_pattern.search(stem)):
        return _label_of_codes(match["codes"].split("-"), manifest)
    return None


def label_of_any_stem(stem: str) -> NameLabel | None:
    """Read a file stem by the grammar of whichever public data set it fits."""
    labels = (label_of_stem(stem, load_manifest(source)) for source in SOURCES)
    return next((label for label in labels if label is not None), None)


def label_of_folder(name: str) -> NameLabel | None:
    """What a folder of this name holds: normal, a known class, or just abnormal videos."""
    words = words_of(name)
    if _is_normal(words):
        return NORMAL
    known = _class_by_keyword().get(" ".join(words))
    if known is not None:
        return NameLabel(is_anomalous=True, categories=(known,))
    rest = [word for word in words if not _says_nothing(word)]
    is_abnormal = bool(rest) and _ANOMALY_WORDS.issuperset(rest)
    return ABNORMAL if is_abnormal or _denies_normal(words) else None


def official_name(stem: str, manifest: SourceManifest) -> str:
    """The source video's stem, where `stem` names a cut of it (`Abuse001_x264_270_451`)."""
    names = manifest.names
    for pattern in (names.normal_pattern, names.class_pattern, names.codes_pattern):
        if pattern is not None and (match := pattern.search(stem)):
            return stem[: match.end()]
    return stem


def label_of_bare_stem(stem: str) -> NameLabel | None:
    """Of a stem that is a class and nothing else (`car_accident`, `explosion2`, `normal_07`).

    Numbers and words that say nothing may stand beside it. A class among other words is none:
    `anti_robbery_drill` shows no robbery, nor is `back_to_normal` normal.
    """
    words = [word for word in words_of(stem) if not _says_nothing(word)]
    if words in (["normal"], ["normals"]) or _denies_an_anomaly(words):
        return NORMAL
    known = _class_by_keyword().get(" ".join(words))
    return NameLabel(is_anomalous=True, categories=(known,)) if known else None


def split_of_folder(name: str) -> Split | None:
    """`train`, `Testing_Normal_Videos` … -> the split; None: the name says nothing of it."""
    splits = {_SPLIT_WORDS[word] for word in words_of(name) if word in _SPLIT_WORDS}
    return splits.pop() if len(splits) == 1 else None


def is_generic_folder(name: str) -> bool:
    """Whether the name says nothing of what the videos show (`videos`, `test`, `camera 3`)."""
    return all(_says_nothing(word) for word in words_of(name))


def words_of(name: str) -> list[str]:
    """Lower-case words of a name; digits and separators divide, so does a change to capitals."""
    return [word.lower() for word in _WORD.findall(name)]


def _says_nothing(word: str) -> bool:
    return word in _GENERIC_WORDS or word in _SPLIT_WORDS


def _label_of_codes(codes: list[str], manifest: SourceManifest) -> NameLabel | None:
    """Categories of `B1-G-0`; the padding `0` is no class."""
    entries = [manifest.class_by_code(code) for code in codes]
    categories = tuple(dict.fromkeys(entry.name for entry in entries if entry is not None))
    return NameLabel(is_anomalous=True, categories=categories) if categories else None


def _is_normal(words: list[str]) -> bool:
    if "normal" in words or "normals" in words:
        return not _denies_normal(words)
    return _denies_an_anomaly(words)


def _denies_normal(words: list[str]) -> bool:
    return len(words) > 1 and words[0] in _NEGATIONS and words[1] == "normal"


def _denies_an_anomaly(words: list[str]) -> bool:
    named = _ANOMALY_WORDS | _class_by_keyword().keys()
    if len(words) > 1 and words[0] in _NEGATIONS:
        return " ".join(words[1:]) in named
    return bool(words) and any(
        words[0].removeprefix(negation) in named and words[0] not in named
        for negation in ("non", "no")
        if words[0].startswith(negation)
    )


@cache
def _class_by_keyword() -> dict[str, str]:
    by_keyword: dict[str, str] = {}
    for source in SOURCES:
        for entry in load_manifest(source).classes:
            for keyword in (" ".join(words_of(entry.name)), *entry.keywords):
                by_keyword.setdefault(keyword, entry.name)
    return by_keyword
