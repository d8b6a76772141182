"""Short surveillance clips of fights and of normal scenes -> untrimmed videos with known events.

Clips are divided by file into train, validation and test before any video is made, so that no
scene is in two of them. A video is a row of clips of about two seconds; an event is a run of one
to three fights among normal clips. All videos have one size and rate; every clip begins with a
cut, fights and others alike.
"""

import csv
import hashlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
from av import VideoFrame

from schemas.base import Split

FPS = 25
_SIZE_PX = (320, 240)
SHARES: dict[Split, float] = {"train": 0.6, "validation": 0.15, "test": 0.25}
_NUM_OF_EACH: dict[Split, int] = {"train": 36, "validation": 10, "test": 16}
"""Abnormal videos of each part, and as many normal ones."""


@dataclass(frozen=True)
class FightVideo:
    """One untrimmed video and what is true of it."""

    id: str
    split: Split
    num_frames: int
    events: tuple[tuple[int, int], ...]
    """In frames, half open; empty: normal."""
    clicks: tuple[int, ...]
    """One frame per event, drawn at random from it: a simulated click."""


@dataclass(frozen=True)
class FightCorpus:
    """Videos, and files about them in the formats that vau-data reads."""

    videos_dir_path: Path
    labels_path: Path
    """csv video,label,split."""
    clicks_path: Path
    """csv video-id,glance; of the training and validation videos only."""
    annotations_path: Path
    """UCF-Crime's format; of the test videos only."""
    videos: tuple[FightVideo, ...]


def build_fights(clips_dir_path: Path, out_dir_path: Path, *, seed: int = 0) -> FightCorpus:
    """Write all videos and files; `clips_dir_path` has the folders `fight` and `normal`.

    Another seed makes other videos and divides the files in another way.
    """
    videos_dir_path = out_dir_path / "videos"
    videos_dir_path.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    videos: list[FightVideo] = []
    for split in SHARES:
        fights = part_of(sorted((clips_dir_path / "fight").iterdir()), split, seed=seed)
        normal = part_of(sorted((clips_dir_path / "normal").iterdir()), split, seed=seed)
        for number in range(2 * _NUM_OF_EACH[split]):
            is_abnormal = number % 2 == 0
            plan = _plan(rng, fights, normal) if is_abnormal else rng.choices(normal, k=12)
            name = f"{'Fighting' if is_abnormal else 'Normal_Videos_'}{len(videos):03d}_x264"
            path = videos_dir_path / f"{name}.mp4"
            videos.append(_written(path, plan, split, rng))
    return _with_files(out_dir_path, videos_dir_path, videos)


def part_of(files: Sequence[Path], split: Split, *, seed: int = 0) -> list[Path]:
    """The files of one part; which one a file is in depends on the names and the seed alone."""
    salt = str(seed) if seed else ""
    ranked = sorted(
        files, key=lambda path: hashlib.sha256(f"{salt}{path.name}".encode()).hexdigest()
    )
    splits = list(SHARES)
    edges = [sum(list(SHARES.values())[: n + 1]) for n in range(len(splits))]
    place = splits.index(split)
    first = math.floor((edges[place - 1] if place else 0) * len(ranked) + 0.5)
    return ranked[first : math.floor(edges[place] * len(ranked) + 0.5)]


def _plan(rng: random.Random, fights: Sequence[Path], normal: Sequence[Path]) -> list[Path]:
    """Twelve clips; one or two runs of fights, never side by side."""
    plan = rng.choices(normal, k=12)
    starts = [rng.randrange(0, 9)] if rng.random() < 0.5 else [rng.randrange(0, 3), 6]
    for start in starts:
        for place in range(start, start + rng.randrange(1, 4)):
            plan[place] = rng.choice(fights)
    return plan


def _written(path: Path, plan: Sequence[Path], split: Split, rng: random.Random) -> FightVideo:
    events: list[tuple[int, int]] = []
    frames: list[VideoFrame] = []
    for clip in plan:
        start = len(frames)
        frames += _frames(clip)
        if clip.parent.name != "fight":
            continue
        if events and events[-1][1] == start:
            start = events.pop()[0]
        events.append((start, len(frames)))
    if not path.exists():
        _encode(path, frames)
    return FightVideo(
        id=path.stem,
        split=split,
        num_frames=len(frames),
        events=tuple(events),
        clicks=tuple(rng.randrange(start, end) for start, end in events),
    )


@lru_cache(maxsize=150)
def _frames(clip: Path) -> tuple[VideoFrame, ...]:
    """The clip's frames at the common rate and size."""
    with av.open(str(clip)) as container:
        shown = [
            (frame.time or 0.0, frame.reformat(*_SIZE_PX, format="yuv420p"))
            for frame in container.decode(video=0)
        ]
    start = shown[0][0]
    last_step = shown[-1][0] - shown[-2][0] if len(shown) > 1 else 1 / FPS
    num_frames = max(1, round((shown[-1][0] - start + last_step) * FPS))
    times = [time - start for time, _ in shown]
    chosen, place = [], 0
    for number in range(num_frames):
        while place + 1 < len(times) and times[place + 1] <= number / FPS + 1e-6:
            place += 1
        chosen.append(shown[place][1])
    return tuple(chosen)


def _encode(path: Path, frames: Sequence[VideoFrame]) -> None:
    partial = path.with_suffix(".partial.mp4")
    with av.open(str(partial), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "23"})
        stream.width, stream.height = _SIZE_PX
        stream.pix_fmt = "yuv420p"
        for number, frame in enumerate(frames):
            copy = VideoFrame.from_ndarray(frame.to_ndarray(), format="yuv420p")
            copy.pts = number
            copy.time_base = Fraction(1, FPS)
            container.mux(stream.encode(copy))
        container.mux(stream.encode(None))
    partial.rename(path)


def _with_files(
    out_dir_path: Path, videos_dir_path: Path, videos: Sequence[FightVideo]
) -> FightCorpus:
    corpus = FightCorpus(
        videos_dir_path=videos_dir_path,
        labels_path=out_dir_path / "labels.csv",
        clicks_path=out_dir_path / "clicks.csv",
        annotations_path=out_dir_path / "test_annotations.txt",
        videos=tuple(videos),
    )
    with corpus.labels_path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("video", "label", "split"))
        rows.writerows((v.id, "Fighting" if v.events else "normal", v.split) for v in videos)
    with corpus.clicks_path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("video-id", "glance"))
        seen = [video for video in videos if video.split != "test"]
        rows.writerows((video.id, click) for video in seen for click in video.clicks)
    tested = [video for video in videos if video.split == "test"]
    corpus.annotations_path.write_text("".join(map(_annotation, tested)))
    return corpus


def _annotation(video: FightVideo) -> str:
    """One line as in UCF_Annotation.txt."""
    pairs = [*video.events, (-1, -1), (-1, -1)][: max(2, len(video.events))]
    told = " ".join(f"{start} {end}" for start, end in pairs)
    folder, kind = ("Fighting", "Fighting") if video.events else ("Testing_Normal", "Normal")
    return f"{folder}/{video.id}.mp4 {video.num_frames} {kind} {told}\n"
