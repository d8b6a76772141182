"""Official list files -> which split each video is in."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

from engine.errors import UsageError
from engine.media.remote import VideosFolder
from engine.sources.manifest import SOURCES, SourceManifest, load_manifest
from schemas.base import Split

VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mkv", ".mov", ".webm", ".ts", ".m4v", ".mpg"})


def read_split_lists(
    manifest: SourceManifest, *, folders: Sequence[Path]
) -> dict[str, tuple[Split, str]]:
    """Stem -> (split, name of the list), from every official list that lies in `folders`.

    Raises UsageError where two lists put one video into different splits.
    """
    found: dict[str, tuple[Split, str]] = {}
    for split, path in _list_files(manifest, folders):
        for stem in _stems(path):
            known = found.setdefault(stem, (split, path.name))
            if known[0] != split:
                raise UsageError(
                    f"{stem} is in the {known[0]} split by {known[1]} and in the {split} split "
                    f"by {path.name}; remove one of the lists"
                )
    return found


def no_split_warning(
    source: str, splits: Collection[Split | None], *, videos_folder: VideosFolder
) -> str | None:
    """What to say of videos of one source that no split was found for; None: nothing.

    A public data set has an official split, so that each video without one may be test footage
    in a training set. In a person's own folder that is so only where other videos have a split.
    """
    num_without = sum(split is None for split in splits)
    is_public = source in SOURCES
    if not num_without or not (is_public or num_without < len(splits)):
        return None
    if is_public:
        names = ", ".join(entry.files for entry in load_manifest(source).lists)
        beside = f"{videos_folder} or " if isinstance(videos_folder, Path) else ""
        advice = (
            f"put the official lists ({names}) into {beside}the folder that [videos] lists names"
        )
    else:
        advice = (
            "name it in the labels csv, by a sub-folder `train` or `test`, or in [videos] split"
        )
    return (
        f"{num_without} of {len(splits)} {source} videos have no split and are exported under "
        f"`train`, test footage perhaps among them; {advice}, and run `vau-data ingest`"
    )


def stem_of_name(name: str) -> str:
    """The video's id in an official name: no folder, no video suffix; dots elsewhere stay."""
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name


def _list_files(manifest: SourceManifest, folders: Sequence[Path]) -> Iterator[tuple[Split, Path]]:
    for folder in dict.fromkeys(folders):
        for entry in manifest.lists:
            for path in sorted(folder.glob(entry.files)):
                yield entry.split, path


def _stems(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        fields = line.replace(",", " ").split()
        if fields and fields[0] != "video-id":
            yield stem_of_name(fields[0])
