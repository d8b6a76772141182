"""Cuts the files that a release's rows name: all segments of a video in one pass over it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from engine.errors import ItemError, MediaError
from engine.exporters.footage import cut_path, frame_paths
from engine.index import Index
from engine.media.cut import Cut, cut_clips
from engine.media.decode import frames_at
from engine.media.frames import FrameRequest, evenly_spaced_times
from engine.media.remote import VideoFile, at_hand, fetch_deadline_seconds
from engine.models.chat import Json
from engine.progress import Progress
from engine.runner import Executor, Outcome
from engine.stage import Item, Pending
from engine.tree import VideoNode
from schemas import Instruction, Record, Reject, Video

_SLOWER_THAN_DECODING = 10.0
"""Encoding takes this much longer than the decoding that the deadline is made for."""
_PICTURE_SIDE_PX = 672
_JPEG_QUALITY = 90


@dataclass(frozen=True)
class Pictures:
    """Pictures of a stretch, evenly spaced, and where they go."""

    times_seconds: tuple[float, ...]
    targets: tuple[Path, ...]


@dataclass(frozen=True)
class VideoCuts:
    """One video and the files to make of it."""

    video_path: VideoFile
    duration_seconds: float
    segments: tuple[tuple[str, Cut], ...]
    """Segment id -> its file."""
    pictures: tuple[tuple[str, Pictures], ...] = ()
    """Segment id -> pictures of it; none unless a format takes pictures alone."""


@dataclass(frozen=True)
class CutMedia:
    """Shaped as a stage so that executors run it; it writes files, and rejects for failures."""

    base_deadline_seconds: float
    deadline_per_video_second: float
    name: ClassVar[str] = "export"
    writes: ClassVar[type[Record]] = Reject
    concurrency: ClassVar[int] = 1

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """Not used: exports are not settled item by item."""
        return {}

    def load(self, items: Sequence[Item[Any]]) -> Iterator[Item[Any] | tuple[str, ItemError]]:
        """Cut; what was loaded is the failures, by segment."""
        for item in items:
            try:
                with at_hand(item.body.video_path) as path:
                    yield item.with_loaded(_cut(path, item.body))
            except ItemError as error:
                yield item.id, error

    def deadline_seconds(self, items: Sequence[Item[Any]]) -> float:
        """For encoding every frame of every cut."""
        seconds: float = sum(
            cut.end_seconds - cut.start_seconds for item in items for _, cut in item.body.segments
        )
        fetch_seconds = sum(fetch_deadline_seconds(item.body.video_path) for item in items)
        cut_seconds = _SLOWER_THAN_DECODING * self.deadline_per_video_second * seconds
        return self.base_deadline_seconds + cut_seconds + fetch_seconds

    def process(self, item: Item[VideoCuts]) -> Iterable[Record]:
        """A Reject per segment that could not be cut; none when all is well."""
        assert isinstance(item.loaded, dict)
        return tuple(_reject(segment_id, error) for segment_id, error in item.loaded.items())


def _reject(segment_id: str, error: ItemError) -> Reject:
    return Reject(
        id=f"{CutMedia.name}:{segment_id}",
        stage=CutMedia.name,
        item_id=segment_id,
        reason=error.reason,
        detail=error.detail,
        input_sha256="",
        fingerprint="",
    )


def _cut(path: Path, body: VideoCuts) -> dict[str, MediaError]:
    """Segment id -> why it failed; empty when all is well."""
    for _, cut in body.segments:
        cut.target.parent.mkdir(parents=True, exist_ok=True)
    failures: dict[str, MediaError] = {}
    try:
        cut_clips(path, [cut for _, cut in body.segments])
    except MediaError:
        failures = _cut_one_by_one(path, body)
    _write_pictures(path, {id_: one for id_, one in body.pictures if id_ not in failures})
    return failures


def _write_pictures(path: Path, wanted: Mapping[str, Pictures]) -> None:
    """JPEG files; one pass over the video. A file that could be cut can be decoded."""
    from PIL import Image

    requests = [FrameRequest(id_, one.times_seconds) for id_, one in wanted.items()]
    for segment_id, frames in frames_at(path, requests, max_side_px=_PICTURE_SIDE_PX):
        targets = wanted[segment_id].targets
        targets[0].parent.mkdir(parents=True, exist_ok=True)
        for frame, target in zip(frames, targets, strict=True):
            Image.fromarray(frame.image).save(target, quality=_JPEG_QUALITY)


def _cut_one_by_one(path: Path, body: VideoCuts) -> dict[str, MediaError]:
    failures: dict[str, MediaError] = {}
    for segment_id, cut in body.segments:
        if cut.target.exists():
            continue
        try:
            cut_clips(path, [cut])
        except MediaError as error:
            failures[segment_id] = error
    return failures


def export_media(
    index: Index,
    nodes: Iterable[VideoNode],
    target: Path,
    *,
    executor: Executor,
    num_frames: int = 0,
) -> dict[str, str]:
    """Cut all segments that have instructions; segment id -> why it could not be cut.

    With `num_frames`, so many pictures of each are written, too. `target` holds these files and
    nothing else afterwards.
    """
    media = index.dataset.config.media
    stage = CutMedia(media.deadline_seconds, media.deadline_per_video_second)
    to_cut = {node.video.id: node for node in nodes if node.instructions}
    failures = {
        row.segment_id: "there is no video file"
        for node in to_cut.values()
        if node.video.media is None
        for row in node.instructions
    }
    work = [
        _pending(index, node, target, num_frames)
        for node in to_cut.values()
        if node.video.media is not None
    ]
    with Progress("cutting", len(work)) as progress:
        for outcome in executor.run(stage, work):
            failures.update(_failures(outcome, to_cut))
            progress.advance(is_reject=isinstance(outcome.result, ItemError))
    _remove_unnamed(target, to_cut.values(), failures, num_frames)
    return failures


def _remove_unnamed(
    target: Path, nodes: Iterable[VideoNode], failures: Mapping[str, str], num_frames: int
) -> None:
    """Files that no row will name: parts that a stopped process left, and what it had finished."""
    kept = [
        (node.video, row)
        for node in nodes
        for row in node.instructions
        if row.segment_id not in failures
    ]
    named = {_cut_of(video, row, target).target for video, row in kept}
    for video, row in kept:
        named.update(_pictures_of(video, row, target, num_frames).targets)
    for path in target.rglob("*"):
        if path.is_file() and path not in named:
            path.unlink()


def _pending(index: Index, node: VideoNode, target: Path, num_frames: int) -> Pending[VideoCuts]:
    build = partial(_cuts_of, index, node, target, num_frames)
    return Pending(node.video.id, "", node.video.id, build)


def _cuts_of(index: Index, node: VideoNode, target: Path, num_frames: int) -> VideoCuts:
    """One file per segment, however many families ask about it."""
    video = node.video
    rows = {row.segment_id: row for row in node.instructions}
    segments = tuple((id_, _cut_of(video, row, target)) for id_, row in rows.items())
    pictures = tuple(
        (id_, _pictures_of(video, row, target, num_frames)) for id_, row in rows.items()
    )
    file = index.dataset.video_file(video)
    return VideoCuts(file, video.duration_seconds, segments, pictures if num_frames else ())


def _pictures_of(video: Video, row: Instruction, target: Path, num_frames: int) -> Pictures:
    times = evenly_spaced_times(row.start_seconds, row.end_seconds, num_frames=num_frames or 1)
    paths = frame_paths(video, row, num_frames=num_frames)
    return Pictures(times, tuple(target / path for path in paths))


def _cut_of(video: Video, row: Instruction, target: Path) -> Cut:
    return Cut(target / cut_path(video, row), row.start_seconds, row.end_seconds)


def _failures(outcome: Outcome, nodes: Mapping[str, VideoNode]) -> dict[str, str]:
    """Failed segments; all of a video's where its process died."""
    if isinstance(outcome.result, ItemError):
        rows = nodes[outcome.item_id].instructions
        return {row.segment_id: outcome.result.detail for row in rows}
    rejects = (record for record in outcome.result if isinstance(record, Reject))
    return {reject.item_id: reject.detail for reject in rejects}
