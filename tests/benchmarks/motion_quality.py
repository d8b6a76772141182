"""How well motion scores point at events: `python -m tests.benchmarks.motion_quality [FIGHTS_DIR]`.

Renders the demo corpus and says, per abnormal video, whether the highest score lies in an event,
and the frame AUC. With a folder of short clips (`fight/`, `normal/`), it also joins them into
untrimmed videos (ten normal clips and two fights each, by a fixed seed) and gives the frame AUC
over all of them; 0.5 is chance.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.demo import render_corpus
from engine.demo.encode import write_mp4
from engine.media.decode import all_frames
from engine.media.frames import Frame
from engine.models.motion import MotionScores, motion_scores

_SIZE = (320, 240)
Interval = tuple[float, float]


def main(arguments: Sequence[str]) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        _report_demo(Path(folder))
        if arguments:
            _report_joined(Path(arguments[0]), Path(folder))


def area_under_curve(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    """ROC AUC by ranks, ties counted half."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positive, negative = int(labels.sum()), int((~labels).sum())
    return float((ranks[labels].sum() - positive * (positive + 1) / 2) / (positive * negative))


def sampled(
    found: MotionScores, events: Sequence[Interval], *, step_seconds: float = 0.04
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores and labels at every step of the video's time line."""
    times = np.arange(found.snippet_starts_seconds[0], found.end_seconds, step_seconds)
    index = np.searchsorted(found.snippet_starts_seconds, times, side="right") - 1
    labels = np.zeros(len(times), bool)
    for start, end in events:
        labels |= (times >= start) & (times < end)
    return np.array(found.scores)[index], labels


def _report_demo(folder: Path) -> None:
    render_corpus(folder)
    truth = json.loads((folder / "events.json").read_text(encoding="utf-8"))
    pooled = []
    for path in sorted((folder / "videos").rglob("*.mp4")):
        found, events = motion_scores(path), truth[path.stem]["events"]
        scores, labels = sampled(found, events)
        pooled.append((scores, labels))
        top = found.snippet_starts_seconds[int(np.argmax(found.scores))]
        words = f"{path.stem}: max {scores.max():.2f} at {top:.1f} s"
        if events:
            inside = any(start - 1.3 <= top < end for start, end in events)
            words += f", in an event: {inside}, AUC {area_under_curve(scores, labels):.3f}"
        print(words)
    scores, labels = (np.concatenate(part) for part in zip(*pooled, strict=True))
    print(f"demo corpus, all videos: AUC {area_under_curve(scores, labels):.3f}")


def _report_joined(clips: Path, folder: Path) -> None:
    rng = np.random.default_rng(0)
    fights = rng.permutation(sorted((clips / "fight").glob("*.mp4")))
    normals = rng.permutation(sorted((clips / "normal").glob("*.mp4")))
    count = min(len(fights) // 2, len(normals) // 5)
    pooled, hits, single = [], 0, []
    for number in range(count):
        chosen = [(path, False) for path in rng.choice(normals, 10, replace=False)]
        for path in fights[2 * number : 2 * number + 2]:
            chosen.insert(int(rng.integers(1, len(chosen))), (path, True))
        target = folder / f"joined{number}.mp4"
        events: list[Interval] = []
        write_mp4(target, _joined(chosen, events))
        found = motion_scores(target)
        scores, labels = sampled(found, events)
        pooled.append((scores, labels))
        single.append(area_under_curve(scores, labels))
        hits += bool(labels[int(np.argmax(scores))])
    scores, labels = (np.concatenate(part) for part in zip(*pooled, strict=True))
    print(
        f"{count} joined videos: pooled AUC {area_under_curve(scores, labels):.3f}, mean of each "
        f"{np.mean(single):.3f}, peak in a fight {hits}/{count}, share of fight {labels.mean():.2f}"
    )


def _joined(chosen: Sequence[tuple[Path, bool]], events: list[Interval]) -> Iterator[Frame]:
    start = 0.0
    for path, is_fight in chosen:
        frames = list(all_frames(path, max_side_px=max(_SIZE)))
        times = [frame.time_seconds - frames[0].time_seconds for frame in frames]
        for frame, time in zip(frames, times, strict=True):
            small = cv2.resize(frame.image, _SIZE, interpolation=cv2.INTER_AREA)
            yield Frame(np.asarray(small, np.uint8), start + time)
        end = start + times[-1] + max(times[-1] / max(len(times) - 1, 1), 0.02)
        if is_fight:
            events.append((start, end))
        start = end


if __name__ == "__main__":
    main(sys.argv[1:])
