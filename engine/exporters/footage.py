"""How a release's rows name the footage they are about."""

from dataclasses import dataclass
from pathlib import Path

from engine.exporters.hivau import media_path
from schemas import Instruction, Video
from schemas.base import Span

FRAMES_DIR = "frames"


@dataclass(frozen=True)
class Footage:
    """Cut files, or times into the source videos."""

    with_times: bool = False
    """Rows name the source video and a stretch of it; else a file that `--media` cuts."""
    media_dir_path: Path | None = None
    """Where cut files lie, for forms that pack them; None: none were cut."""
    num_frames: int = 8
    """Of a segment, for trainers that take pictures alone."""

    def path(self, video: Video, instruction: Instruction) -> str:
        """The file that a row names: a cut one, or the source video's."""
        if self.with_times:
            return source_path(video)
        return cut_path(video, instruction)


def cut_path(video: Video, instruction: Instruction) -> str:
    """Where `--media` puts an instruction's segment, relative to the release."""
    return media_path(video, granularity=instruction.granularity, segment_id=instruction.segment_id)


def source_path(video: Video) -> str:
    """The source video's file, relative to the folder of videos; a guess where there is none."""
    return video.media.path if video.media is not None else f"{video.id}.mp4"


def frame_paths(video: Video, instruction: Instruction, *, num_frames: int) -> list[str]:
    """Where `--media` puts the pictures of an instruction's segment, in order of time."""
    stem = cut_path(video, instruction).removesuffix(".mp4")
    return [f"{FRAMES_DIR}/{stem}/{number}.jpg" for number in range(num_frames)]


def seconds_into(video: Video, span: Span) -> tuple[float, float]:
    """Start and end of a stretch in seconds after the video's first frame, 3 decimals."""
    start = video.start_seconds
    return round(span.start_seconds - start, 3), round(span.end_seconds - start, 3)
