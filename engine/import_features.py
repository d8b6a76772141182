"""A folder of published features -> feature files of a dataset, and their records."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from engine.errors import ItemError, UsageError
from engine.features import SNIPPET_FRAMES, features_path, save_features
from engine.import_files import FileImport, ImportTask, counted, frame_times_of
from engine.imports import write_imported
from engine.index import Index
from engine.joins.facts import Facts
from engine.sources.feature_files import (
    FeatureFiles,
    find_feature_files,
    read_feature_files,
    snippet_edges,
)
from engine.sources.imported import ImportedVideo, UnfitVideo
from schemas import FeatureTrack, Provenance, Video

_MOST_NAMED = 5


def import_features(task: ImportTask, *, extractor: str) -> FileImport:
    """Copy what fits into `features/<extractor>/`; the rest is said by name.

    Raises `UsageError` where the folder holds nothing about the dataset's videos.
    """
    facts = Facts(Index(task.dataset))
    found = find_feature_files(task.path, facts.videos.values())
    if not (found.of_video or found.unfit):
        raise UsageError(
            f"{task.path}: none of its {len(found.unknown_names)} names, such as "
            f"{found.unknown_names[0]!r}, is a video of {task.dataset.dir_path}; run `vau-data "
            "ingest` first, or rename the files after the videos"
        )
    entries = list(_entries(task, facts, found, extractor))
    if task.is_dry_run:
        done = FileImport(counted(entries), len(found.unknown_names))
    else:
        report = write_imported(task.dataset, "features", entries)
        done = FileImport(report, len(found.unknown_names))
    done.notes.extend(_notes(found))
    return done


def _entries(
    task: ImportTask, facts: Facts, found: FeatureFiles, extractor: str
) -> Iterator[ImportedVideo | UnfitVideo]:
    for name, why in found.unfit.items():
        yield UnfitVideo(name, why)
    for video_id, paths in found.of_video.items():
        video = facts.videos[video_id]
        try:
            features = read_feature_files(paths, video)
            track = _stored(task, video, features, extractor)
        except ItemError as error:
            yield UnfitVideo(video_id, error.detail)
        except ValueError as error:
            yield UnfitVideo(video_id, str(error))
        else:
            yield ImportedVideo(video_id, None, (track,))


def _stored(
    task: ImportTask, video: Video, features: NDArray[np.float32], extractor: str
) -> FeatureTrack:
    times_seconds = frame_times_of(task)(video) if video.media is not None else None
    num_crops, num_snippets, width = features.shape
    edges = snippet_edges(num_snippets, video, times_seconds)
    path = features_path(extractor, video.id)
    sha256 = "0" * 64 if task.is_dry_run else save_features(task.dataset.dir_path / path, features)
    return FeatureTrack(
        id=video.id,
        video_id=video.id,
        path=path,
        sha256=sha256,
        extractor=extractor,
        num_crops=num_crops,
        num_snippets=num_snippets,
        width=width,
        snippet_starts_seconds=edges[:-1],
        end_seconds=edges[-1],
        num_frames=min(num_snippets * SNIPPET_FRAMES, max(video.num_frames, 1)),
        provenance=Provenance(made_by="model", name=f"imported/{extractor}"),
    )


def _notes(found: FeatureFiles) -> Iterator[str]:
    for what, names in (
        ("files of no video of this dataset", found.unknown_names),
        ("videos of this dataset without a file", found.missing_ids),
    ):
        if names:
            more = f" … and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            yield f"{len(names)} {what}: {', '.join(names[:_MOST_NAMED])}{more}"
