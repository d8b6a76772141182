"""Two releases' contents -> CHANGES.md: what was added, removed and changed, with examples.

`contents.jsonl` of a release has a line per segment: where it is and what is said about it.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson

from engine.index import natural_order
from engine.tree import VideoNode
from schemas import Release, ReleaseFile
from schemas.base import Span

CONTENTS_FILE = "contents.jsonl"
CONTENTS = "contents"
"""Its format in `release.json`."""
_MOST_EXAMPLES = 3
_LONGEST_EXAMPLE = 160


@dataclass
class ContentsWriter:
    """Writes the contents of a release: one line per video, event and clip with their texts."""

    dir_path: Path
    needs_all: bool = True
    _stream: BinaryIO = field(init=False)
    _sha256: Any = field(default_factory=hashlib.sha256)
    _num_rows: int = 0
    _size_bytes: int = 0

    def __post_init__(self) -> None:
        self._stream = (self.dir_path / CONTENTS_FILE).open("wb", buffering=1 << 20)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()

    def write(self, node: VideoNode, failed_ids: Collection[str]) -> None:  # noqa: ARG002
        """Add one video."""
        lines = [
            orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in _contents_of(node)
        ]
        block = b"".join(lines)
        self._stream.write(block)
        self._sha256.update(block)
        self._num_rows += len(lines)
        self._size_bytes += len(block)

    def described(self, root: Path) -> list[ReleaseFile]:  # noqa: ARG002
        """The one file; after closing."""
        file = ReleaseFile(
            path=CONTENTS_FILE,
            format=CONTENTS,
            num_rows=self._num_rows,
            size_bytes=self._size_bytes,
            sha256=self._sha256.hexdigest(),
        )
        return [file]


def _contents_of(node: VideoNode) -> Iterator[dict[str, object]]:
    video = node.video
    label = {"is_anomalous": video.is_anomalous, "categories": video.categories}
    text = node.summary.text if node.summary is not None else None
    yield _line("video", video.id, text) | {"split": video.split} | label
    for event in node.events:
        text = event.summary.text if event.summary is not None else None
        label = {
            "is_anomalous": event.event.is_anomalous,
            "categories": event.event.categories,
        }
        yield _line("event", event.event.id, text) | _place(event.event) | label
        for clip in event.clips:
            text = clip.caption.text if clip.caption is not None else None
            yield _line("clip", clip.clip.id, text) | _place(clip.clip)


def _line(granularity: str, id_: str, text: str | None) -> dict[str, object]:
    return {"id": id_, "granularity": granularity, "text": text}


def _place(span: Span) -> dict[str, object]:
    return {"start_seconds": span.start_seconds, "end_seconds": span.end_seconds}


def previous_release(releases_dir_path: Path, name: str, *, draft_name: str) -> str | None:
    """The kept release that comes just before `name`, in natural order; a draft comes last.

    Decided by names alone, so that the same dataset folder always gives the same bytes.
    """
    kept = [
        path.parent.name
        for path in releases_dir_path.glob(f"*/{CONTENTS_FILE}")
        if path.parent.name not in (name, draft_name) and not path.parent.name.startswith(".")
    ]
    earlier = [
        other for other in kept if name == draft_name or natural_order(other) < natural_order(name)
    ]
    return max(earlier, key=natural_order, default=None)


@dataclass
class _Difference:
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(what happened, granularity) -> segments."""
    examples: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def note(self, what: str, line: dict[str, Any], told: str) -> None:
        key = what, line["granularity"]
        self.counts[key] += 1
        if len(self.examples[key]) < _MOST_EXAMPLES:
            self.examples[key].append(f"`{line['id']}`: {told}")


def changes_text(release: Release, new_dir_path: Path, old_dir_path: Path | None) -> str:
    """The page, in Markdown."""
    title = f"# Changes in {release.name}\n\n"
    if old_dir_path is None:
        return title + "There is no earlier release of this dataset.\n"
    found = _compare(old_dir_path / CONTENTS_FILE, new_dir_path / CONTENTS_FILE)
    head = f"Against the release {old_dir_path.name}, segment by segment.\n\n"
    if not found.counts:
        return title + head + "Nothing changed.\n"
    lines = ["| | videos | events | clips |", "| --- | --- | --- | --- |"]
    for what in ("added", "removed", "changed"):
        cells = [f"{found.counts[what, g]:,}" for g in ("video", "event", "clip")]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    for (what, granularity), examples in sorted(found.examples.items()):
        lines += ["", f"## {granularity.capitalize()}s {what}, for example", ""]
        lines += [f"- {example}" for example in examples]
    return title + head + "\n".join(lines) + "\n"


def _compare(old_path: Path, new_path: Path) -> _Difference:
    """Of the old file, only hashes and positions are held."""
    found = _Difference()
    old = {id_: (digest, offset) for id_, digest, offset in _digests(old_path)}
    with old_path.open("rb") as old_file, new_path.open("rb") as new_file:
        for line in new_file:
            new = orjson.loads(line)
            before = old.pop(new["id"], None)
            if before is None:
                found.note("added", new, _short(new["text"]))
            elif before[0] != _digest(line):
                old_file.seek(before[1])
                found.note("changed", new, _told(orjson.loads(old_file.readline()), new))
        for _, offset in old.values():
            old_file.seek(offset)
            gone = orjson.loads(old_file.readline())
            found.note("removed", gone, _short(gone["text"]))
    return found


def _digests(path: Path) -> Iterator[tuple[str, bytes, int]]:
    offset = 0
    with path.open("rb") as file:
        for line in file:
            yield orjson.loads(line)["id"], _digest(line), offset
            offset += len(line)


def _digest(line: bytes) -> bytes:
    return hashlib.blake2b(line, digest_size=12).digest()


def _told(old: dict[str, Any], new: dict[str, Any]) -> str:
    """The fields that differ, old and new."""
    return "; ".join(
        f"{name}: {_short(old.get(name))} → {_short(value)}"
        for name, value in new.items()
        if old.get(name) != value
    )


def _short(value: object) -> str:
    """One line of Markdown: no line breaks, nothing that a renderer would take for mark-up."""
    if not isinstance(value, str):
        return "nothing" if value is None else f"`{orjson.dumps(value).decode()}`"
    text = " ".join(value.split())
    cut = text if len(text) <= _LONGEST_EXAMPLE else f"{text[:_LONGEST_EXAMPLE]}…"
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#" else char for char in cut)
