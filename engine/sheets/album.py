"""Videos of a dataset -> their contact sheets, as files of a folder."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from engine.errors import MediaError, UsageError
from engine.ids import event_id_of, parent_id
from engine.index import Index, natural_order
from engine.joins.facts import Facts
from engine.sheets.contact_sheet import contact_sheet
from engine.store import write_whole_file
from engine.trees import Trees
from schemas import Click, ScoreTrack, Summary, Video


@dataclass
class Album:
    """What was drawn."""

    paths: dict[str, Path] = field(default_factory=dict)
    """Video id -> its page."""
    failed: dict[str, str] = field(default_factory=dict)
    """Video id -> why its file could not be decoded."""


def pick_videos(index: Index, named_ids: Sequence[str], *, all_abnormal: bool) -> list[str]:
    """The videos that were named, each once; then, if asked, all abnormal ones.

    Abnormal is what its label calls so or, where it has none, the summary of the video. Raises
    `UsageError` where an id is no video's, or no video is left to draw.
    """
    videos = index.lines(Video)
    for video_id in named_ids:
        if video_id not in videos:
            raise UsageError(_unknown(index, video_id))
    abnormal = sorted(_abnormal(index), key=natural_order) if all_abnormal else ()
    picked = list(dict.fromkeys([*named_ids, *abnormal]))
    if not picked and all_abnormal:
        raise UsageError(f"no video of {index.dataset.dir_path} is abnormal; name some by id")
    if not picked:
        raise UsageError("name the videos to draw, or draw all abnormal ones with --all-abnormal")
    return picked


def draw_sheets(
    index: Index,
    video_ids: Sequence[str],
    dir_path: Path,
    *,
    on_video: Callable[[], None] = lambda: None,
) -> Album:
    """Write `<video id>.png` for each video. A file that cannot be decoded fails alone."""
    if dir_path.exists() and not dir_path.is_dir():
        raise UsageError(f"{dir_path} is a file; name a folder for the sheets")
    trees, facts, album = Trees(index), Facts(index), Album()
    for video_id in video_ids:
        node = trees.of(video_id)
        has_scores = video_id in index.lines(ScoreTrack)
        try:
            page = contact_sheet(
                node,
                index.dataset.video_file(node.video) if node.video.media else None,
                score_track=index.get(ScoreTrack, video_id) if has_scores else None,
                clicks=[
                    index.get(Click, click_id) for click_id in facts.clicks_of.get(video_id, ())
                ],
            )
        except MediaError as error:
            album.failed[video_id] = str(error)
        else:
            path = dir_path / f"{video_id}.png"
            write_whole_file(path, page)
            album.paths[video_id] = path
        on_video()
    return album


def _abnormal(index: Index) -> Iterator[str]:
    summaries = index.lines(Summary)
    for video_id in index.lines(Video):
        is_anomalous = index.fields(Video, video_id)["is_anomalous"]
        if is_anomalous is None and video_id in summaries:
            is_anomalous = index.fields(Summary, video_id)["is_anomalous"]
        if is_anomalous:
            yield video_id


def _unknown(index: Index, wanted_id: str) -> str:
    videos = index.lines(Video)
    event_id = event_id_of(wanted_id)
    video_id = parent_id(event_id, mark="_E") if event_id else ""
    if video_id in videos:
        return f"{wanted_id} is no video; a sheet is of a whole one: `vau-data sheet {video_id}`"
    near = get_close_matches(wanted_id, videos, n=5, cutoff=0.6)
    hint = f"near to it: {', '.join(sorted(near))}" if near else "`vau-data ingest` finds videos"
    return f"no video of id {wanted_id!r} in {index.dataset.dir_path}; {hint}"
