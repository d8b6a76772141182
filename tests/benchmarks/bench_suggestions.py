"""Does marking by suggestions save looking? Two scripted annotators on untrimmed videos of fights.

Run: `python -m tests.benchmarks.bench_suggestions CLIPS WORK_DIR [SEED]`, where CLIPS has the
folders `fight` and `normal`, and WORK_DIR is empty; needs torch. The videos are those of
`tests.benchmarks.fights`, divided by that seed: twelve of its test part, whose clips the trained
scorer never saw. All annotators work on a real server and tell a fight from the rest without
fail, so that only where they look differs:

* alone: plays every video once from end to end and presses M in each event;
* skimming: G plays glances and what the scores point at; who has seen half a second of an event
  presses M 0.2 to 0.5 s later, and the page takes half a second off;
* with suggestions: N goes to the first and loops 2 s around it; A if its frame is in an event, M
  if an event is in the loop elsewhere, X if there is none; what no suggestion shows is not seen.
"""

import random
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from engine.cli.main import run_command_line
from engine.dataset import CONFIG_NAME, Dataset
from engine.intervals import Interval, merge_overlapping
from tests.annotator_ui.site import Browser, a_mark, add_account, running
from tests.benchmarks.fights import FPS, build_fights
from tests.benchmarks.fights_scorer import fights_dataset

NUM_VIDEOS = 12
LOOP_SECONDS = 2.0
ENOUGH_SECONDS = 0.5
"""How much of an event one must see to know that it is one."""
REACTION_SECONDS = 0.2
LATE_SECONDS = 0.3
"""The most by which a press is later than that."""
TAKEN_OFF_SECONDS = 0.5
"""By the page, while it skims."""
RECIPE = "laptop"
Truth = dict[str, list[Interval]]
Way = Callable[[Browser, Truth], "Work"]


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
    """Make the videos, let the annotators work with either scorer, print what came of it."""
    clips_dir_path, work_dir_path = map(Path, arguments[:2])
    seed = int(arguments[2]) if len(arguments) > 2 else 0
    corpus = build_fights(clips_dir_path, work_dir_path, seed=seed)
    dataset = fights_dataset(corpus, work_dir_path / "dataset")
    with (dataset.dir_path / CONFIG_NAME).open("a", encoding="utf-8") as config:
        config.write("\n[annotate]\nblind_share = 0.0\n")
    tested = [video for video in corpus.videos if video.split == "test" and video.events]
    truth: Truth = {
        video.id: [(start / FPS, end / FPS) for start, end in video.events]
        for video in tested[:NUM_VIDEOS]
    }
    # Before anybody marks: marks are clicks, and clicks are what scorers learn from.
    _run(dataset, "train", "scorer", "--recipe", RECIPE)
    _run(dataset, "score", "--quiet")
    works = {
        "none, whole": _worked(dataset, "alone", truth, _without_suggestions),
        "motion, skim": _worked(dataset, "skim", truth, _skimming),
        "motion, N": _worked(dataset, "motion", truth, _with_suggestions),
    }
    (checkpoint,) = (dataset.dir_path / "checkpoints").glob("*/model.safetensors")
    _run(dataset, "score", "--quiet", "--checkpoint", str(checkpoint))
    works["trained, skim"] = _worked(dataset, "trained-skim", truth, _skimming)
    works["trained, N"] = _worked(dataset, "trained", truth, _with_suggestions)
    _report(works)


def _run(dataset: Dataset, *arguments: str) -> None:
    code = run_command_line((*arguments, "--dataset", str(dataset.dir_path)))
    if code:
        raise SystemExit(f"vau-data {' '.join(arguments)} ended with {code}")


def _worked(dataset: Dataset, name: str, truth: Truth, work: Way) -> Work:
    """What somebody of that name does, on a server of the dataset as it is now."""
    opened = Dataset.open(dataset.dir_path)
    add_account(opened, name)
    with running(opened, local_user=None) as site, closing(site.signed_in(name)) as browser:
        return work(browser, truth)


def _report(works: dict[str, Work]) -> None:
    print("suggestions    keys   seen (s)   share    recall   precision")
    whole_seconds = works["none, whole"].seen_seconds
    for name, work in works.items():
        recall, precision = (
            f"{work.num_found}/{work.num_events}",
            f"{work.num_right}/{work.num_marks}",
        )
        share = work.seen_seconds / whole_seconds
        seen = f"{work.seen_seconds:10.0f} {share:7.0%}"
        print(f"{name:13} {work.num_keys:5} {seen} {recall:>9} {precision:>11}")


def _without_suggestions(browser: Browser, truth: Truth) -> Work:
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


def _skimming(browser: Browser, truth: Truth) -> Work:
    """G, M once in each event that was seen, Enter."""
    work, rng = Work(), random.Random(0)
    for name, events in truth.items():
        opaque = browser.opaque(name)
        parts: list[Interval] = [(start, end) for start, end in browser.video(opaque)["skim"]]
        work.looked_at += parts
        marks = [
            mark
            for event in events
            if (mark := _pressed(parts, event, late=rng.uniform(0, LATE_SECONDS))) is not None
        ]
        for seconds in marks:
            _mark(browser, opaque, seconds, "human")
        browser.do(opaque, "video.state", state="done" if marks else "nothing")
        work.num_keys += 2 + len(marks)
        work.close(marks, events)
    return work


def _pressed(parts: Sequence[Interval], event: Interval, *, late: float) -> float | None:
    """Where the mark of an event lands that a skim shows; None where too little of it is shown.

    The press comes 0.2 s and `late` after `ENOUGH_SECONDS` of the event were played, and the page
    goes `TAKEN_OFF_SECONDS` back along the parts: to where so much of the event had been played.
    """
    shown = [(max(start, event[0]), min(end, event[1])) for start, end in parts]
    shown = [(start, end) for start, end in shown if end > start]
    if sum(end - start for start, end in shown) < ENOUGH_SECONDS - 1e-9:
        return None
    left = ENOUGH_SECONDS + REACTION_SECONDS + late - TAKEN_OFF_SECONDS
    for start, end in shown:
        if start + left < end:
            return start + left
        left -= end - start
    return None


def _with_suggestions(browser: Browser, truth: Truth) -> Work:
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


if __name__ == "__main__":
    main(sys.argv[1:])
