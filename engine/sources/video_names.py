"""What other people's files call a video -> the video, where that is one and no other."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from engine.sources.imported import Imported, ImportedVideo, UnfitVideo
from engine.sources.split_lists import stem_of_name
from schemas import Video

_Table = Mapping[str, tuple[Video, ...]]


@dataclass(frozen=True)
class VideoNames:
    """Videos by everything that may be meant by a name in somebody's file.

    An id is given once and is mostly the file's stem. But where two folders hold the same stem,
    one of the videos has it as its id, and who writes the stem may mean the other.
    """

    by_path: _Table
    by_file_name: _Table
    by_stem: _Table
    """Ids among them."""

    def find(self, name: str) -> Video | None:
        """The video of a path below the videos' folder, a file name, a stem or an id; None: none.

        Raises ValueError naming every video that could be meant, and how to say which.
        """
        meant = self.meant(name)
        if len(meant) > 1:
            paths = {video.id: plain_path(video.media.path) for video in meant if video.media}
            shown = " or ".join(f"{id_} ({path})" for id_, path in paths.items())
            raise ValueError(
                f"{name!r} could be {shown}; write the path instead, such as "
                f"{next(iter(paths.values()))}"
            )
        return meant[0] if meant else None

    def meant(self, name: str) -> tuple[Video, ...]:
        """Every video that the name could mean.

        Folders in it tell namesakes apart; else they do not count, since the lists of public data
        sets have folders of their own.
        """
        written = name.replace("\\", "/")
        path = PurePosixPath(written)
        if "/" in written and str(path) in self.by_path:
            return self.by_path[str(path)]
        namesakes = (
            self.by_file_name.get(path.name)
            or self.by_stem.get(path.name)
            or self.by_stem.get(stem_of_name(path.name), ())
        )
        nearest = max((_shared_folders(video, path) for video in namesakes), default=0)
        return tuple(one for one in namesakes if _shared_folders(one, path) == nearest)


def names_of(videos: Iterable[Video]) -> VideoNames:
    """Look-ups over videos, with and without files."""
    by_path: dict[str, tuple[Video, ...]] = {}
    by_file_name: dict[str, tuple[Video, ...]] = {}
    by_stem: dict[str, tuple[Video, ...]] = {}
    for video in sorted(videos, key=lambda video: video.media.path if video.media else ""):
        stems = {video.id}
        if video.media is not None:
            path = PurePosixPath(video.media.path)
            stems.add(path.stem)
            by_path[str(path)] = (video,)
            by_file_name[path.name] = (*by_file_name.get(path.name, ()), video)
        for stem in stems:
            by_stem[stem] = (*by_stem.get(stem, ()), video)
    return VideoNames(by_path, by_file_name, by_stem)


def of_one_file(
    entries: Iterable[ImportedVideo | UnfitVideo], *, videos: Iterable[Video]
) -> Imported:
    """Entries of a published file, which knows videos by their stems alone.

    Where two files have the stem, neither is guessed: the entry is unfit.
    """
    names = names_of(videos)
    for entry in entries:
        meant = names.meant(entry.video_id)
        if isinstance(entry, ImportedVideo) and len(meant) > 1:
            paths = ", ".join(video.media.path for video in meant if video.media is not None)
            detail = f"the dataset has several files of this name ({paths}); rename all but one"
            yield UnfitVideo(entry.video_id, detail)
        else:
            yield entry


def plain_path(path: str) -> str:
    """A path below the videos' folder that nobody takes for a mere file name."""
    return path if "/" in path else f"./{path}"


def _shared_folders(video: Video, path: PurePosixPath) -> int:
    """How many folders before a name are a video's; 0 as well where they contradict."""
    if video.media is None:
        return 0
    own, other = PurePosixPath(video.media.path).parent.parts, path.parent.parts
    num_shared = min(len(own), len(other))
    return num_shared if own[len(own) - num_shared :] == other[len(other) - num_shared :] else 0
