"""Drawing contact sheets with a progress bar, for `sheet` and for `demo`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.index import Index
    from engine.sheets.album import Album


def draw_with_progress(
    index: "Index", video_ids: Sequence[str], dir_path: Path | None, *, is_quiet: bool
) -> "Album":
    """One page per video in this folder, else in `sheets/` of the dataset."""
    from engine.progress import Progress
    from engine.sheets.album import draw_sheets

    target = dir_path or index.dataset.dir_path / "sheets"
    with Progress("sheets", len(video_ids), is_quiet=is_quiet) as progress:
        return draw_sheets(
            index, video_ids, target, on_video=lambda: progress.advance(is_reject=False)
        )
