"""Videos in, as many clips to caption as anybody asks for out: what `bench serve` works on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from engine.errors import MediaError, UsageError
from engine.media.container import frame_times
from engine.stage import Pending
from engine.stages.caption import CaptionItem
from schemas import Clip, Provenance

CLIP_SECONDS = 6.5
"""As `[clip] target_seconds`."""
_NO_INPUT = "0" * 64
_RULE = Provenance(made_by="rule", name="rule/bench")


@dataclass(frozen=True)
class Stretch:
    """A stretch of one video."""

    video_path: Path
    start_seconds: float
    end_seconds: float
    video_duration_seconds: float


def stretches_of(folder: Path) -> tuple[Stretch, ...]:
    """All videos below a folder, each cut into stretches of about `CLIP_SECONDS`.

    Files that are no videos are passed over. Raises `UsageError` where there is none.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    found = tuple(stretch for path in paths for stretch in _stretches(path))
    if not found:
        raise UsageError(f"{folder} holds no video that can be read; name another with --videos")
    return found


def _stretches(path: Path) -> Iterator[Stretch]:
    try:
        times_seconds = frame_times(path)
    except MediaError:
        return
    first, last = float(times_seconds[0]), float(times_seconds[-1])
    num_stretches = max(1, round((last - first) / CLIP_SECONDS))
    step = (last - first) / num_stretches
    for number in range(num_stretches):
        start = first + number * step
        yield Stretch(path, start, start + step, last)


def clips_without_end(stretches: Sequence[Stretch]) -> Iterator[Pending[CaptionItem]]:
    """The stretches over and over, each time under new ids: video, event and clip."""
    numbers = {path: n for n, path in enumerate(dict.fromkeys(s.video_path for s in stretches))}
    for turn in count():
        num_clips: dict[str, int] = {}
        for stretch in stretches:
            video_id = f"Bench{turn}_{numbers[stretch.video_path]}"
            place = num_clips[video_id] = num_clips.get(video_id, -1) + 1
            clip_id = f"{video_id}_E0C{place}"
            build = partial(_item, clip_id, video_id, stretch)
            yield Pending(clip_id, _NO_INPUT, video_id, build)


def _item(clip_id: str, video_id: str, stretch: Stretch) -> CaptionItem:
    clip = Clip(
        id=clip_id,
        video_id=video_id,
        start_seconds=stretch.start_seconds,
        end_seconds=stretch.end_seconds,
        event_id=f"{video_id}_E0",
        human_caption_id=None,
        provenance=_RULE,
    )
    return CaptionItem(clip, None, stretch.video_path, stretch.video_duration_seconds)
