"""Annotation files of UCF-Crime and XD-Violence, and how many frames videos have -> labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from engine.errors import UsageError
from engine.sources.manifest import SOURCES, load_manifest
from engine.sources.names import label_of_stem
from engine.sources.official import read_official_rows

LONGEST_OVERSHOOT = 30
"""Frames by which an interval may end past its video: seven of UCF-Crime's do, by at most 16 once
labels are cut to whole snippets. It is cut there; more is refused."""


@dataclass(frozen=True)
class AnnotatedVideo:
    """What a person said of one video, in frames; intervals are half open, from 0."""

    id: str
    num_frames: int | None
    """None: the file does not say."""
    is_abnormal: bool
    categories: tuple[str, ...]
    intervals: tuple[tuple[int, int], ...]

    def frame_labels(self, num_frames: int) -> NDArray[np.int8]:
        """(num_frames,) 1 where abnormal. Raises `UsageError` for intervals beyond the video."""
        labels = np.zeros(num_frames, dtype=np.int8)
        for start, end in self.intervals:
            if start >= num_frames or end > num_frames + LONGEST_OVERSHOOT:
                raise UsageError(
                    f"{self.id}: frames {start} to {end} are marked, but the video has "
                    f"{num_frames}; is the number of frames that of another file?"
                )
            labels[start:end] = 1
        return labels


def read_annotations(path: Path) -> dict[str, AnnotatedVideo]:
    """Video id -> what the file says, in the file's order.

    Reads Temporal_Anomaly_Annotation.txt and UCF_Annotation.txt of UCF-Crime, and XD-Violence's
    annotations.txt with and without classes. Raises `UsageError` naming the first bad line.
    """
    found = {}
    for row in read_official_rows(path):
        named = (name for *_, names in row.intervals for name in names)
        found[row.video_id] = AnnotatedVideo(
            id=row.video_id,
            num_frames=row.num_frames,
            is_abnormal=bool(row.intervals),
            categories=tuple(dict.fromkeys(named)),
            intervals=tuple((start, end) for start, end, _ in row.intervals),
        )
    if not found:
        raise UsageError(f"{path} annotates no video; is it the right file?")
    return found


def read_frame_counts(path: Path) -> dict[str, int]:
    """Video id -> number of frames, from JSON: an object, or a list of pairs.

    Raises `UsageError` where it is something else.
    """
    try:
        loaded = orjson.loads(path.read_bytes())
        counts = dict(loaded.items() if isinstance(loaded, dict) else loaded)
        if not all(isinstance(n, int) and n > 0 for n in counts.values()):
            raise ValueError("a number of frames is no positive whole number")
    except (ValueError, TypeError) as error:
        raise UsageError(
            f'{path} must be JSON such as {{"Abuse028_x264": 1412}}: {error}'
        ) from error
    return {str(video_id): count for video_id, count in counts.items()}


def unannotated(video_id: str) -> AnnotatedVideo | None:
    """A video that the file leaves out; None unless its name says that it is normal.

    XD-Violence's files list the 500 abnormal test videos only.
    """
    for source in SOURCES:
        label = label_of_stem(video_id, load_manifest(source))
        if label is not None and not label.is_anomalous:
            return AnnotatedVideo(video_id, None, False, (), ())
    return None


def annotations_for(
    annotations: Mapping[str, AnnotatedVideo],
    scored_ids: Sequence[str],
    *,
    path: Path,
    is_partial: bool,
) -> list[AnnotatedVideo]:
    """What is evaluated: annotated videos in the file's order, then normal ones that it omits.

    Raises `UsageError` naming scored videos that nothing is known of and, unless `is_partial`,
    annotated videos without scores.
    """
    scored = set(scored_ids)
    omitted = {id_: unannotated(id_) for id_ in scored_ids if id_ not in annotations}
    unknown = [id_ for id_, video in omitted.items() if video is None]
    if unknown:
        raise UsageError(
            f"{path} says nothing of {_some(unknown)}, which {_have(unknown)} scores; leave the "
            "scores out, or name the whole annotation file"
        )
    missing = [id_ for id_ in annotations if id_ not in scored]
    if missing and not is_partial:
        raise UsageError(
            f"no scores for {_some(missing)}; score {_them(missing)}, or evaluate the videos that "
            "have scores with --partial, which gives figures of another set of videos"
        )
    known = [video for id_, video in annotations.items() if id_ in scored]
    return known + [video for video in omitted.values() if video is not None]


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - 3} more videos" if len(ids) > 3 else ""
    return f"{', '.join(ids[:3])}{more}"


def _have(ids: Sequence[str]) -> str:
    return "has" if len(ids) == 1 else "have"


def _them(ids: Sequence[str]) -> str:
    return "it" if len(ids) == 1 else "them"
