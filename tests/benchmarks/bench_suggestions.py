"""Does marking by suggestions save looking? Two scripted annotators on untrimmed videos of fights.

Run: `python -m tests.benchmarks.bench_suggestions CLIPS_DIR [DATASET_DIR]`. `CLIPS_DIR` has short
clips in `fight/` and `normal/`; twelve videos are joined from them, thirty clips each, events of
one to three fights at known places. Both annotators work on a real server and tell a fight from
the rest without fail, so that only where they look differs:

* alone: plays every video once from end to end and presses M in each event;
* with suggestions: N goes to each in turn and loops 2 s around it; A if the frame is in an event,
  M if an event is in the loop elsewhere, X if there is none; what no suggestion shows is not seen.

A dataset that is there already is used with the scores that it has, so another scorer can be tried.
"""

import random
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import orjson
from av import VideoFrame

from engine.dataset import Dataset
from engine.executors.local import LocalExecutor
from engine.intervals import Interval, merge_overlapping
from tests.annotator_ui.site import Browser, a_mark, add_account, running
from tests.builders import a_dataset, run_named

NUM_VIDEOS = 12
NUM_CLIPS = 30
FPS = 25
LOOP_SECONDS = 2.0
_SIZE_PX = (320, 240)
_CONFIG = '[annotate]\nblind_share = 0.0\n\n[score]\nvideos = "all"\n'


@dataclass
class Work:
    """What one annotator did, over all videos."""

    num_keys: int = 0
    seen_seconds: float = 0.0
    num_marks: int = 0
    num_right: int = 0
    """Marks inside an event."""
    num_found: int = 0
    """Events with a mark."""
    num_events: int = 0
    looked_at: list[Interval] = field(default_factory=list)
    """In the video at hand."""

    def close(self, marks: Sequence[float], events: Sequence[Interval]) -> None:
        """One video is done."""
        self.seen_seconds += sum(end - start for start, end in merge_overlapping(self.looked_at))
        self.looked_at = []
        self.num_marks += len(marks)
        self.num_right += sum(any(_is_in(mark, event) for event in events) for mark in marks)
        self.num_found += sum(any(_is_in(mark, event) for mark in marks) for event in events)
        self.num_events += len(events)


def main(arguments: Sequence[str]) -> None:
    """Make the videos, let both annotators work, print what came of it."""
    clips_dir_path = Path(arguments[0])
    with tempfile.TemporaryDirectory() as folder:
        dir_path = Path(arguments[1]) if len(arguments) > 1 else Path(folder) / "dataset"
        dataset, truth = _prepared(clips_dir_path, dir_path)
        for name in ("alone", "aided"):
            add_account(dataset, name)
        works = {}
        with running(dataset, local_user=None) as site:
            with closing(site.signed_in("alone")) as browser:
                works["alone"] = _without_suggestions(browser, truth)
            with closing(site.signed_in("aided")) as browser:
                works["with suggestions"] = _with_suggestions(browser, truth)
    _report(works)


def _report(works: dict[str, Work]) -> None:
    print("annotator          keys   seen (s)   recall   precision")
    for name, work in works.items():
        recall = f"{work.num_found}/{work.num_events}"
        precision = f"{work.num_right}/{work.num_marks}"
        print(f"{name:17} {work.num_keys:5} {work.seen_seconds:10.0f} {recall:>8} {precision:>11}")
    share = works["with suggestions"].seen_seconds / works["alone"].seen_seconds
    print(f"seen with suggestions: {share:.0%} of what is seen without")


def _without_suggestions(browser: Browser, truth: dict[str, list[Interval]]) -> Work:
    """Space, M once in each event, Enter."""
    work = Work()
    for name, events in truth.items():
        opaque = browser.opaque(name)
        info = browser.video(opaque)
        work.looked_at.append((info["start_seconds"], info["end_seconds"]))
        marks = [(start + end) / 2 for start, end in events]
        for seconds in marks:
            _mark(browser, opaque, seconds, "human")
        browser.do(opaque, "video.state", state="done" if marks else "nothing")
        work.num_keys += 2 + len(marks)
        work.close(marks, events)
    return work


def _with_suggestions(browser: Browser, truth: dict[str, list[Interval]]) -> Work:
    """N once, then one key for each suggestion; Enter."""
    work = Work()
    for name, events in truth.items():
        opaque = browser.opaque(name)
        info = browser.video(opaque)
        marks: list[float] = []
        for one in info["suggestions"]:
            marks += _decided(browser, opaque, one, info=info, events=events, work=work)
        browser.do(opaque, "video.state", state="done" if marks else "nothing")
        work.num_keys += 1 + bool(info["suggestions"])
        work.close(marks, events)
    return work


def _decided(
    browser: Browser,
    opaque: str,
    suggestion: dict[str, float],
    *,
    info: dict[str, float],
    events: list[Interval],
    work: Work,
) -> list[float]:
    at = suggestion["time_seconds"]
    loop = (
        max(at - LOOP_SECONDS, info["start_seconds"]),
        min(at + LOOP_SECONDS, info["end_seconds"]),
    )
    work.looked_at.append(loop)
    work.num_keys += 1
    if any(_is_in(at, event) for event in events):
        _mark(browser, opaque, at, "model_accepted", suggestion=suggestion["id"])
        return [at]
    inside = [(max(loop[0], start), min(loop[1], end)) for start, end in events]
    visible = [(start, end) for start, end in inside if end - start > 0.5]
    for start, end in visible:
        _mark(browser, opaque, (start + end) / 2, "model_moved", suggestion=suggestion["id"])
    if visible:
        work.num_keys += 1  # N goes on
    else:
        browser.do(opaque, "suggestion.reject", suggestion=suggestion["id"])
    return [(start + end) / 2 for start, end in visible]


def _mark(browser: Browser, opaque: str, seconds: float, source: str, **more: object) -> None:
    mark = f"m{random.getrandbits(64):016x}"
    body = a_mark(mark, round(seconds * FPS), fps=FPS) | {"source": source} | more
    browser.do(opaque, "mark.add", **body)


def _is_in(seconds: float, event: Interval) -> bool:
    return event[0] <= seconds < event[1]


def _prepared(clips_dir_path: Path, dir_path: Path) -> tuple[Dataset, dict[str, list[Interval]]]:
    """The dataset, scored, and the events of each video."""
    truth_path = dir_path / "truth.json"
    if not truth_path.exists():
        dataset = a_dataset(dir_path, _CONFIG)
        found = _join_videos(clips_dir_path, dir_path / "videos")
        truth_path.write_bytes(orjson.dumps(found))
        with LocalExecutor(workers=2) as executor:
            run_named(dataset, "ingest", "score", executor=executor)
    truth = orjson.loads(truth_path.read_bytes())
    events = {name: [(start, end) for start, end in found] for name, found in truth.items()}
    return Dataset.open(dir_path), events


def _join_videos(clips_dir_path: Path, videos_dir_path: Path) -> dict[str, list[Interval]]:
    """Write all videos; no fight is in two of them."""
    rng = random.Random(0)
    fights = sorted((clips_dir_path / "fight").iterdir())
    normal = sorted((clips_dir_path / "normal").iterdir())
    rng.shuffle(fights)
    events = {}
    for number in range(NUM_VIDEOS):
        plan = rng.choices(normal, k=NUM_CLIPS)
        for start in rng.sample(range(1, NUM_CLIPS - 3, 4), k=2):
            for place in range(start, start + rng.randint(1, 3)):
                plan[place] = fights.pop() if fights else plan[place]
        name = f"joined{number:02d}"
        events[name] = _write(videos_dir_path / f"{name}.mp4", plan)
    return events


def _write(path: Path, plan: Sequence[Path]) -> list[Interval]:
    events: list[Interval] = []
    num_frames = 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "23", "g": "25"})
        stream.width, stream.height = _SIZE_PX
        stream.pix_fmt = "yuv420p"
        for clip in plan:
            start = num_frames
            for picture in _frames(clip):
                picture.pts, picture.time_base = num_frames, Fraction(1, FPS)
                container.mux(stream.encode(picture))
                num_frames += 1
            if clip.parent.name == "fight":
                events.append((start / FPS, num_frames / FPS))
        container.mux(stream.encode(None))
    return merge_overlapping(events)


def _frames(clip: Path) -> list[VideoFrame]:
    """The clip's frames at the common rate and size."""
    with av.open(str(clip)) as container:
        shown = [
            (frame.time or 0.0, frame.to_ndarray(format="rgb24", width=320, height=240))
            for frame in container.decode(video=0)
        ]
    num_frames = round((shown[-1][0] - shown[0][0]) * FPS)
    chosen = []
    for number in range(num_frames):
        now = shown[0][0] + number / FPS + 1e-6
        chosen.append(max((one for one in shown if one[0] <= now), key=lambda one: one[0])[1])
    return [VideoFrame.from_ndarray(picture, format="rgb24") for picture in chosen]


if __name__ == "__main__":
    main(sys.argv[1:])
