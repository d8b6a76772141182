"""What a dataset took in: videos per category, files that are damaged, what a person should mend.

Read only, and of the whole dataset: a re-run that has nothing to do says the same.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.index import Index
from engine.rejects import current_rejects
from engine.sources.categories import alike_categories, count_categories
from engine.sources.split_lists import no_split_warning
from schemas import Video
from schemas.base import Split


@dataclass(frozen=True)
class FlawedFile:
    """A file that something is wrong with."""

    name: str
    """Path below the videos' folder, or the id that an unusable file would have."""
    why: str


@dataclass(frozen=True)
class Intake:
    """What `ingest` made of the files, in this run and before."""

    num_files: int
    """Usable and unusable ones."""
    categories: dict[str, int]
    """Category, or the word for having none -> videos."""
    unusable: tuple[FlawedFile, ...]
    """Rejected: they are not in the dataset."""
    degraded: tuple[FlawedFile, ...]
    """In the dataset, but something of them is lost or in doubt."""
    warnings: tuple[str, ...]


def look_at_intake(index: Index) -> Intake:
    """Everything that `ingest` has to say of the files of a dataset."""
    filed = [fields for fields in _video_fields(index) if fields["media"] is not None]
    categories = count_categories((one["is_anomalous"], one["categories"]) for one in filed)
    unusable = tuple(
        FlawedFile(reject.item_id, f"{reject.reason}: {reject.detail}")
        for reject in current_rejects(index.dataset, stage="ingest")
    )
    return Intake(
        num_files=len(filed) + len(unusable),
        categories=categories,
        unusable=unusable,
        degraded=tuple(_degraded(filed)),
        warnings=(*split_warnings(index), *alike_categories(categories)),
    )


def count_degraded(index: Index) -> int:
    """Videos whose file is degraded."""
    return sum(1 for _ in _degraded(_video_fields(index)))


def split_warnings(index: Index) -> list[str]:
    """A line for each source whose videos have, in part or in whole, no split but should."""
    by_source: dict[str, list[Split | None]] = {}
    for fields in _video_fields(index):
        by_source.setdefault(fields["source"], []).append(fields["split"])
    folder = index.dataset.videos_folder
    found = (
        no_split_warning(source, splits, videos_folder=folder)
        for source, splits in sorted(by_source.items())
    )
    return [warning for warning in found if warning is not None]


def _video_fields(index: Index) -> Iterator[Mapping[str, Any]]:
    return (index.fields(Video, video_id) for video_id in index.lines(Video))


def _degraded(videos: Iterable[Mapping[str, Any]]) -> Iterator[FlawedFile]:
    from engine.media.probe import DEGRADING

    for video in videos:
        media = video["media"]
        if media is None or media["health"] != "degraded":
            continue
        whys = [
            f"{problem['code']}: {problem['detail']}; {problem['hint']}"
            for problem in media["problems"]
            if problem["code"] in DEGRADING
        ]
        yield FlawedFile(media["path"], " · ".join(whys))
