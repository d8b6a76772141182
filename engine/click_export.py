"""A dataset's clicks -> click files, in the form in which GlanceVAD published them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.dataset import Dataset
from engine.index import Index, natural_order
from engine.sources.glance import clicks_csv
from engine.store import write_whole_file
from schemas import Click

Ignored = Literal["drop", "positive", "separate"]
"""What becomes of clicks that a person set apart: Holmes-VAD's tool had such, and its paper does
not say what they were for."""


@dataclass(frozen=True)
class ClickExport:
    """What was written."""

    paths: tuple[Path, ...]
    num_clicks: int
    """Of the first file."""
    num_videos: int
    num_ignored: int
    num_unsure: int
    """Left out."""


def export_clicks(dataset: Dataset, path: Path, *, ignored: Ignored = "drop") -> ClickExport:
    """Write all live clicks, video by video, in order of time.

    Raises `UsageError` for a click that knows only a time: the format holds frames.
    """
    clicks = sorted(
        Index(dataset).all(Click),
        key=lambda click: (natural_order(click.video_id), click.time_seconds, click.frame or 0),
    )
    apart = [click for click in clicks if click.state == "ignored"]
    wanted = [
        click
        for click in clicks
        if click.state in ("confirmed", "added_in_review")
        or (click.state == "ignored" and ignored == "positive")
    ]
    files = {path: wanted}
    if ignored == "separate":
        files[path.with_name(f"{path.stem}.ignored{path.suffix}")] = apart
    for file, of_file in files.items():
        write_whole_file(file, clicks_csv(_as_confirmed(of_file)).encode())
    return ClickExport(
        paths=tuple(files),
        num_clicks=len(wanted),
        num_videos=len({click.video_id for click in wanted}),
        num_ignored=len(apart),
        num_unsure=sum(click.state == "unsure" for click in clicks),
    )


def _as_confirmed(clicks: Iterable[Click]) -> list[Click]:
    """`clicks_csv` leaves ignored ones out, and here it was decided what goes into the file."""
    return [click.model_copy(update={"state": "confirmed"}) for click in clicks]
