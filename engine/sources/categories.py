"""Names of categories -> how often each is used, which look alike, which a data set knows."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from engine.sources.manifest import SOURCES, SourceManifest, load_manifest

NORMAL_LABEL = "normal"
ABNORMAL_LABEL = "abnormal"
"""Of no named category."""
NO_LABEL = "unlabelled"


def count_categories(labels: Iterable[tuple[bool | None, Sequence[str]]]) -> dict[str, int]:
    """Category, or the word for having none -> videos, most first; one of two counts in both.

    A label is (is_anomalous, categories), as files and videos have it.
    """
    words = {True: ABNORMAL_LABEL, False: NORMAL_LABEL, None: NO_LABEL}
    counts = Counter(
        name for is_anomalous, names in labels for name in (names or (words[is_anomalous],))
    )
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))


def alike_categories(counts: dict[str, int]) -> list[str]:
    """A warning for each two categories that are one but for case, spacing or one letter.

    One of them may be `normal`: a typo of it would make normal videos abnormal. Digits and
    letters that stand alone tell names apart: `type A` and `type B` are two.
    """
    by_sketch: dict[str, list[str]] = {}
    pairs: dict[tuple[str, str], None] = {}
    for name in sorted({*counts, NORMAL_LABEL} - {ABNORMAL_LABEL, NO_LABEL}):
        for sketch in dict.fromkeys(_sketches(name)):
            others = by_sketch.setdefault(sketch, [])
            pairs.update(dict.fromkeys((other, name) for other in others))
            others.append(name)
    return [
        f"categories {one!r} and {two!r} (of {counts.get(one, 0)} and {counts.get(two, 0)} videos) "
        "look alike; where they mean the same, mend the labels csv or the folder's name"
        for one, two in pairs
    ]


def refuse_unknown_classes(names: Iterable[str], *, source: str) -> None:
    """Raises ValueError for a name that is no class of this public data set; folders take any."""
    if source not in SOURCES:
        return
    manifest = load_manifest(source)
    for name in names:
        if manifest.class_by_name(name) is None:
            raise ValueError(f"{name!r} is no class of {source}; {_advice(name, manifest)}")


def _advice(name: str, manifest: SourceManifest) -> str:
    known = [entry.name for entry in manifest.classes] + [NORMAL_LABEL]
    folded = {_folded(one): one for one in known}
    near = get_close_matches(_folded(name), folded, n=1)
    return f"did you mean {folded[near[0]]!r}?" if near else f"there are: {', '.join(known)}"


_MIN_LETTERS = 4
"""A shorter word with a letter changed is as often another word (`cat`, `car`) as a typo."""
_WORD = re.compile(r"[^\W_]+")


def _sketches(name: str) -> Iterator[str]:
    """The name without case and spacing, whole and with any one letter left out.

    Names of which two sketches are equal differ by one letter added, lost, changed or moved.
    """
    words = _WORD.findall(name.casefold())
    yield "".join(words)
    for at, word in enumerate(words):
        before, after = "".join(words[:at]), "".join(words[at + 1 :])
        if len(word) >= _MIN_LETTERS:
            for place, letter in enumerate(word):
                if letter.isalpha():
                    yield f"{before}{word[:place]}{word[place + 1 :]}{after}"


def _folded(name: str) -> str:
    return "".join(_WORD.findall(name.casefold()))
