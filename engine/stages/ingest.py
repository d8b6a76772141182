"""Video file -> Video: what decoding it showed, under the label that its source gives it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from engine.errors import ItemError
from engine.media.probe import ProbedMedia, probe
from engine.models.chat import Json
from engine.stage import Item
from schemas import Provenance, Record, Video
from schemas.base import Split

_LEAST_BYTES_PER_SECOND = 25_000
"""200 kbit/s: a file's size over this bounds its length before anything of it is decoded."""


@dataclass(frozen=True)
class IngestItem:
    """A file that was found, and what its source says of it."""

    file_path: Path
    relative_path: str
    size_bytes: int
    source: str
    is_anomalous: bool | None
    categories: tuple[str, ...]
    split: Split | None


@dataclass(frozen=True)
class IngestStage:
    """The media doctor: decodes every frame once, so that later stages meet no surprise."""

    base_deadline_seconds: float
    deadline_per_video_second: float
    name: ClassVar[str] = "ingest"
    writes: ClassVar[type[Record]] = Video
    concurrency: ClassVar[int] = 1

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """Only the version: there are no settings."""
        return {"version": 1}

    def load(self, items: Sequence[Item[Any]]) -> Iterator[Item[Any] | tuple[str, ItemError]]:
        """Decode each file."""
        for item in items:
            try:
                yield item.with_loaded(probe(item.body.file_path))
            except ItemError as error:
                yield item.id, error

    def deadline_seconds(self, items: Sequence[Item[Any]]) -> float:
        """By file size, since the duration is not known yet and a header may lie."""
        size_bytes: int = sum(item.body.size_bytes for item in items)
        longest_seconds = size_bytes / _LEAST_BYTES_PER_SECOND
        return self.base_deadline_seconds + self.deadline_per_video_second * longest_seconds

    def process(self, item: Item[IngestItem]) -> Iterable[Record]:
        """One Video."""
        assert isinstance(item.loaded, ProbedMedia)
        probed, body = item.loaded, item.body
        yield Video(
            id=item.id,
            source=body.source,
            split=body.split,
            is_anomalous=body.is_anomalous,
            categories=body.categories,
            start_seconds=probed.start_seconds,
            end_seconds=probed.end_seconds,
            num_frames=probed.num_frames,
            fps=probed.fps,
            media=probed.to_media(body.relative_path),
            provenance=Provenance(made_by="rule", name="rule/media-doctor"),
        )
