"""Official interval lists and split lists of UCF-Crime and XD-Violence -> counts and defects."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path, PurePosixPath

from engine.quality.defects import Defect
from engine.quality.published import Against, FileReport, again, split_of_stem
from engine.sources.names import label_of_any_stem, label_of_bare_stem
from engine.sources.official import OfficialRow, read_official_rows
from engine.sources.split_lists import VIDEO_SUFFIXES, stem_of_name


def report_on_official(path: Path, against: Against) -> FileReport:
    """A list of intervals. Raises `UsageError` naming the first line that is none.

    Lengths that the file lacks are taken from the list that it is held against.
    """
    rows = read_official_rows(path)
    return FileReport(
        kind=f"official intervals of {rows[0].source}" if rows else "official intervals",
        counts={
            "videos": len(rows),
            "abnormal videos": sum(row.is_anomalous for row in rows),
            "intervals": sum(len(row.intervals) for row in rows),
        },
        defects=(
            *again((row.video_id for row in rows), "duplicate-video"),
            *stray_suffixes(_first_words(path)),
            *(defect for row in rows for defect in _row_defects(row, against)),
        ),
    )


def report_on_names(path: Path, against: Against) -> FileReport:
    """A list of videos, one name a line, with or without the head `video-id`."""
    names = [name for name in _first_words(path) if name != "video-id"]
    stems = [stem_of_name(PurePosixPath(name).name) for name in names]
    return FileReport(
        kind="list of videos",
        counts={
            "videos": len(names),
            "official test videos": sum(against.is_test_video(stem) for stem in stems),
        },
        defects=(
            *again(stems, "duplicate-video"),
            *stray_suffixes(names),
            *(defect for name in names for defect in _folder_defects(name)),
            *split_leaks(stems, path=path, against=against),
        ),
    )


def split_leaks(stems: Sequence[str], *, path: Path, against: Against) -> Iterator[Defect]:
    """Videos of the test split in a file whose name says that it is another's."""
    name = path.stem.casefold()
    if "train" not in name and "val" not in name:
        return
    for stem in dict.fromkeys(stems):
        if against.is_test_video(stem):
            why = "by its name" if split_of_stem(stem) == "test" else "by the official list"
            yield Defect("split-leak", stem, f"a test video {why}, in {path.name}")


def stray_suffixes(names: Sequence[str]) -> Iterator[Defect]:
    """Names with a video's suffix, where most names of the file have none."""
    with_suffix = [name for name in names if PurePosixPath(name).suffix in VIDEO_SUFFIXES]
    if 2 * len(with_suffix) < len(names):
        for name in with_suffix:
            yield Defect("stray-suffix", stem_of_name(name), f"written as {name}")


def _first_words(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return [line.split()[0] for line in lines if line.strip()]


def _row_defects(row: OfficialRow, against: Against) -> Iterator[Defect]:
    named = label_of_any_stem(row.video_id)
    is_known = named is not None and bool(named.categories)
    for start, end, categories in row.intervals:
        if named is not None and is_known and not set(categories) <= set(named.categories):
            detail = f"{start}–{end} is {', '.join(categories)}, the name says {named.categories}"
            yield Defect("category-contradicts-name", row.video_id, detail)
    if row.is_anomalous and not row.intervals:
        yield Defect("abnormal-without-interval", row.video_id, "its intervals are all -1")
    if not row.is_anomalous and row.intervals:
        yield Defect("normal-with-interval", row.video_id, f"{row.intervals}")
    yield from _extents(row, against)


def _extents(row: OfficialRow, against: Against) -> Iterator[Defect]:
    elsewhere = against.official.get(row.video_id)
    num_frames = row.num_frames or (elsewhere.num_frames if elsewhere else None)
    for start, end, _ in row.intervals:
        if num_frames is not None and end > num_frames:
            detail = f"{start}–{end}, but the video has {num_frames} frames"
            yield Defect("interval-past-video-end", row.video_id, detail)
    for earlier, later in pairwise(row.intervals):
        if later[0] < earlier[1] and later[2] == earlier[2]:
            detail = f"{later[0]}–{later[1]} comes after {earlier[0]}–{earlier[1]}"
            yield Defect("intervals-overlap", row.video_id, detail)


def _folder_defects(name: str) -> Iterator[Defect]:
    """A line such as `Abuse/Arson001_x264.mp4`."""
    path = PurePosixPath(name)
    folder = label_of_bare_stem(path.parent.name)
    named = label_of_any_stem(stem_of_name(path.name))
    if folder is None or named is None:
        return
    if folder.is_anomalous != named.is_anomalous or folder.categories != named.categories:
        detail = f"{name}: the folder says {folder.categories or 'normal'}"
        yield Defect("category-contradicts-name", stem_of_name(path.name), detail)
