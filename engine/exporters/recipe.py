"""Trees <-> `recipe.jsonl`: hashes, times and texts of a release, without a pixel of its footage.

The first line says what the release was; then comes one line per video, with its records as
reviewed and a hash of the frame in the middle of every segment. Whoever owns the footage can make
the release again from it (`engine/rebuild.py`).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self, TypeVar

import orjson
from pydantic import ValidationError

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.exporters.frame_hashes import frame_hashes
from engine.formats import Format
from engine.media.remote import at_hand
from engine.tree import ClipNode, EventNode, VideoNode
from schemas import Caption, Clip, Event, Instruction, Release, ReleaseFile, Summary, Video
from schemas.base import Frozen, Seconds, Span

RECIPE_FILE = "recipe.jsonl"


class FrameHash(Frozen):
    """The frame on screen at a moment."""

    time_seconds: Seconds
    """On the container's clock."""
    sha256: str


class RecipeEvent(Frozen):
    """An event with what hangs on it; a caption has the id of its clip."""

    event: Event
    clips: tuple[Clip, ...]
    captions: tuple[Caption, ...]
    summary: Summary | None


class RecipeVideo(Frozen):
    """One line after the first."""

    video: Video
    events: tuple[RecipeEvent, ...]
    summary: Summary | None
    instructions: tuple[Instruction, ...]
    frames: dict[str, FrameHash]
    """Segment id -> its middle frame; none where the release had annotations alone."""

    @property
    def node(self) -> VideoNode:
        """As exporters read it."""
        return VideoNode(
            self.video, tuple(map(_event_node, self.events)), self.summary, self.instructions
        )


class RecipeHead(Frozen):
    """The first line."""

    recipe: int
    """Version of this form."""
    release: Release
    card: str
    formats: tuple[Format, ...]
    compat: bool
    with_media: bool
    with_times: bool
    num_frames: int
    families: tuple[str, ...] = ("hivau",)


@dataclass
class RecipeWriter:
    """Writes the lines of videos; the head, known last, is put before them by `finish`."""

    dataset: Dataset
    dir_path: Path
    needs_all: bool = True
    _stream: IO[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._stream = self._body_path.open("wb")

    @property
    def _body_path(self) -> Path:
        return self.dir_path / f".{RECIPE_FILE}.body"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()

    def write(self, node: VideoNode, failed_ids: Collection[str]) -> None:
        """Add one video; segments whose media failed keep their events, but no instruction."""
        kept = tuple(row for row in node.instructions if row.segment_id not in failed_ids)
        line = RecipeVideo(
            video=node.video,
            events=tuple(map(_recipe_event, node.events)),
            summary=node.summary,
            instructions=kept,
            frames=self._frames(node),
        )
        self._stream.write(_line(line))

    def _frames(self, node: VideoNode) -> dict[str, FrameHash]:
        # In this process: `ingest` decoded the whole file before, in one that can be killed.
        if node.video.media is None:
            return {}
        moments = _moments(node)
        with at_hand(self.dataset.video_file(node.video)) as path:
            hashes = frame_hashes(path, moments)
        return {
            id_: FrameHash(time_seconds=seconds, sha256=hashes[id_])
            for id_, seconds in moments.items()
        }

    def described(self, root: Path) -> list[ReleaseFile]:  # noqa: ARG002
        """None: the head holds the release, so the release cannot hold the hash of the file."""
        return []

    def finish(self, head: RecipeHead) -> None:
        """Write the file: the head, then the videos."""
        with (self.dir_path / RECIPE_FILE).open("wb") as target:
            target.write(_line(head))
            with self._body_path.open("rb") as body:
                while block := body.read(1 << 20):
                    target.write(block)
        self._body_path.unlink()


def _moments(node: VideoNode) -> dict[str, float]:
    """Segment id -> its middle."""
    segments: list[Span | Video] = [node.video, *(event.event for event in node.events)]
    segments += [clip.clip for event in node.events for clip in event.clips]
    return {one.id: (one.start_seconds + one.end_seconds) / 2 for one in segments}


def read_head(path: Path) -> RecipeHead:
    """The first line. Raises `UsageError` where the file is no recipe."""
    with path.open("rb") as file:
        return _parsed(RecipeHead, file.readline(), path, 1)


def read_videos(path: Path) -> Iterator[RecipeVideo]:
    """The other lines, one at a time. Raises `UsageError` naming the first that does not fit."""
    with path.open("rb") as file:
        file.readline()
        for number, line in enumerate(file, start=2):
            yield _parsed(RecipeVideo, line, path, number)


Model = TypeVar("Model", bound=Frozen)


def _parsed(model: type[Model], line: bytes, path: Path, number: int) -> Model:
    try:
        return model.model_validate_json(line)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise UsageError(
            f"{path}, line {number}: no recipe of `vau-data export --recipe`: {place}: "
            f"{problem['msg']}"
        ) from error


def _line(value: Frozen) -> bytes:
    return orjson.dumps(value.model_dump(mode="json"), option=orjson.OPT_APPEND_NEWLINE)


def _recipe_event(node: EventNode) -> RecipeEvent:
    captions = (clip.caption for clip in node.clips)
    return RecipeEvent(
        event=node.event,
        clips=tuple(clip.clip for clip in node.clips),
        captions=tuple(caption for caption in captions if caption is not None),
        summary=node.summary,
    )


def _event_node(one: RecipeEvent) -> EventNode:
    captions = {caption.id: caption for caption in one.captions}
    clips = tuple(ClipNode(clip, captions.get(clip.id)) for clip in one.clips)
    return EventNode(one.event, clips, one.summary)
