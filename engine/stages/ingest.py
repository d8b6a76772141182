"""Video file -> Video: what decoding it showed, under the label that its source gives it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from engine.errors import ItemError
from engine.media.probe import ProbedMedia, probe
from engine.media.remote import VideoFile, at_hand, fetch_deadline_seconds
from engine.models.chat import Json
from engine.stage import Item
from schemas import Provenance, Record, Video
from schemas.base import Split

_LOW_BYTES_PER_SECOND = 25_000
"""200 kbit/s, as surveillance recorders write it: bounds the length of an ordinary file."""
_LOW_RATE_SECONDS = 3600.0
"""Beyond an hour of that, a file is taken to be of a better rate …"""
_USUAL_BYTES_PER_SECOND = 200_000
"""… 1.6 Mbit/s, little for a camera of today."""
_MOST_SECONDS = 4 * 3600.0
"""No file is granted more: decoding is many times faster than playing, so that this is enough for
a day of video, while a large file that hangs must not hold its worker for a night."""


@dataclass(frozen=True)
class IngestItem:
    """A file that was found, and what its source says of it."""

    file_path: VideoFile
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
                with at_hand(item.body.file_path) as path:
                    yield item.with_loaded(probe(path))
            except ItemError as error:
                yield item.id, error

    def deadline_seconds(self, items: Sequence[Item[Any]]) -> float:
        """By file size, since the duration is not known yet and a header may lie."""
        seconds = sum(_granted_video_seconds(item.body.size_bytes) for item in items)
        fetch_seconds = sum(fetch_deadline_seconds(item.body.file_path) for item in items)
        return self.base_deadline_seconds + self.deadline_per_video_second * seconds + fetch_seconds

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


def _granted_video_seconds(size_bytes: int) -> float:
    at_low_rate = min(size_bytes / _LOW_BYTES_PER_SECOND, _LOW_RATE_SECONDS)
    return min(max(at_low_rate, size_bytes / _USUAL_BYTES_PER_SECOND), _MOST_SECONDS)
