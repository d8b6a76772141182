"""Texts that a step made again -> what they said and what they say now, word by word.

Record files keep the older line of an id before the newer one, so that nothing has to be held while
a step runs.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Literal

from engine.dataset import Dataset
from engine.index import Index
from engine.store import ids_of, parse_record, read_blocks
from schemas import Caption, Instruction, Record, Summary

MOST_COMPARED = 10_000
"""Texts of one step; more are no edit, but a change of settings or much new footage."""
_CONTEXT_WORDS = 4
_BLOCK_BYTES = 1 << 20
_PARTS = ("judgement", "description", "analysis")

Target = Literal["caption", "summary", "instruction"]
_WRITTEN_BY: Mapping[str, tuple[Target, type[Record]]] = {
    "caption": ("caption", Caption),
    "summarize": ("summary", Summary),
    "instruct": ("instruction", Instruction),
}
"""Stage -> what it writes, for stages that write texts."""


@dataclass(frozen=True)
class TextChange:
    """One text that was made again and says something else."""

    target: Target
    target_id: str
    field: str
    """Of the record; of an instruction the task, with a number where it has several of one."""
    before: str | None
    """None: there was none."""
    after: str | None
    """None: there is none any more."""
    is_pinned: bool
    """A person wrote what stands: `after` is what was made, and has no effect."""


@dataclass(frozen=True)
class TextChanges:
    """What one step changed."""

    changes: tuple[TextChange, ...]
    is_complete: bool
    """False: so many texts were made that none was compared."""


NO_CHANGES = TextChanges((), is_complete=True)


@dataclass(frozen=True)
class TextWatch:
    """Where a record file ended before a step ran."""

    dataset: Dataset
    stage_name: str
    size_bytes: int
    """Of its complete lines."""

    @classmethod
    def begin(cls, dataset: Dataset, stage_name: str) -> "TextWatch":
        """Before the step; of any stage."""
        written = _WRITTEN_BY.get(stage_name)
        path = None if written is None else dataset.record_path(written[1])
        return cls(dataset, stage_name, 0 if path is None else _complete_size(path))

    def changes(self) -> TextChanges:
        """After the step: those of its texts that were there before and said something else."""
        if self.stage_name not in _WRITTEN_BY or not self.size_bytes:
            return NO_CHANGES
        target, record_type = _WRITTEN_BY[self.stage_name]
        path = self.dataset.record_path(record_type)
        if path.stat().st_size == self.size_bytes:
            return NO_CHANGES
        made = _made_since(path, self.size_bytes)
        if len(made) > MOST_COMPARED:
            return TextChanges((), is_complete=False)
        before, index = _before(path, self.size_bytes, made), Index(self.dataset)

        def parsed(line: bytes) -> Record:
            return parse_record(record_type, line, path=path)

        pairs = ((parsed(line), parsed(made[id_])) for id_, line in before.items())
        changes = (one for pair in pairs for one in _changes(index, target, pair))
        return TextChanges(tuple(changes), is_complete=True)


def _complete_size(path: Path) -> int:
    """Without what a crash left behind the last newline, which the next writer removes."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - _BLOCK_BYTES)
            file.seek(start)
            if (newline := file.read(end - start).rfind(b"\n")) >= 0:
                return start + newline + 1
            end = start
    return 0


def _made_since(path: Path, size_bytes: int) -> dict[str, bytes]:
    """Id -> newest line of what came after; one more than can be compared at most."""
    made: dict[str, bytes] = {}
    with path.open("rb") as file:
        file.seek(size_bytes)
        while len(made) <= MOST_COMPARED and (line := file.readline()):
            made[ids_of([line], path=path)[0]] = line
    return made


def _before(path: Path, size_bytes: int, made: Mapping[str, bytes]) -> dict[str, bytes]:
    """Id -> newest line of what was there already."""
    found: dict[str, bytes] = {}
    position = 0
    for lines in read_blocks(path):
        for record_id, line in zip(ids_of(lines, path=path), lines, strict=True):
            if position >= size_bytes:
                return found
            if record_id in made:
                found[record_id] = line
            position += len(line) + 1
    return found


def _changes(index: Index, target: Target, pair: tuple[Record, Record]) -> Iterator[TextChange]:
    old, new = map(_fields, pair)
    stood, stands = (_fields(index.overlay(record)) for record in pair)
    for name in dict.fromkeys([*old, *new]):
        before, after = stood.get(name), new.get(name)
        if old.get(name) != after:
            is_pinned = name in stands and stands[name] == before != after
            yield TextChange(target, pair[0].id, name, before, after, is_pinned)


def _fields(record: Record) -> dict[str, str]:
    """Name -> what it says."""
    if isinstance(record, Caption):
        return {"text": record.text}
    if isinstance(record, Summary):
        parts = {name: getattr(record, name) for name in _PARTS}
        return {name: part for name, part in parts.items() if part is not None}
    assert isinstance(record, Instruction)
    nth = Counter[str]()
    found: dict[str, str] = {}
    for turn in record.turns:
        nth[turn.task] += 1
        name = turn.task if nth[turn.task] == 1 else f"{turn.task} {nth[turn.task]}"
        found[name] = turn.answer
    return found


def word_diff(before: str, after: str) -> str:
    """One line: `A man [-pushes-] {+pulls+} a woman.`; of long stretches, only their ends."""
    old, new = before.split(), after.split()
    parts: list[str] = []
    i = k = 0
    for start, also_start, size in [*_matches(old, new), (len(old), len(new), 0)]:
        if start > i:
            parts.append(f"[-{_cut(old[i:start])}-]")
        if also_start > k:
            parts.append(f"{{+{_cut(new[k:also_start])}+}}")
        i, k = start + size, also_start + size
        if size:
            is_first, is_last = start == also_start == 0, (i, k) == (len(old), len(new))
            parts.append(_cut(old[start:i], is_first=is_first, is_last=is_last))
    return " ".join(parts)


def _matches(old: list[str], new: list[str]) -> list[tuple[int, int, int]]:
    """(place in the old words, in the new ones, number) of stretches that stayed.

    Single words between two changes are by chance the same, and make a difference hard to read.
    """
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    ends = {(0, 0), (len(old), len(new))}
    return [
        (i, k, size)
        for i, k, size in blocks
        if size > 1 or (size == 1 and ends & {(i, k), (i + size, k + size)})
    ]


def _cut(words: list[str], *, is_first: bool = False, is_last: bool = False) -> str:
    """Only its first and last words; of the text's first and last stretch, those at the change."""
    head = [] if is_first else words[:_CONTEXT_WORDS]
    tail = [] if is_last else words[-_CONTEXT_WORDS:]
    if len(head) + len(tail) >= len(words):
        return " ".join(words)
    return " ".join([*head, "…", *tail])
