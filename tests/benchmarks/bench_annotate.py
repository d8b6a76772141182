"""Twenty people mark at once, and a list of 2,000 videos: how long until a press is on disk?

Run: `python -m tests.benchmarks.bench_annotate [SECONDS]` (120 unless said otherwise). A real
server process; people are threads of this one, each with a keep-alive connection. A press is an
`mark.add`, one every 0.3 to 1.2 s for each person, with `video.seen` every 5 s; one in ten opens
another video, and one asks for the list. Every event is looked for in the log at the end.
"""

import datetime
import os
import platform
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import orjson

from annotator_ui.journal import LOG_NAME
from engine.dataset import Dataset
from engine.store import read_lines
from schemas import ScoreTrack
from tests.annotator_ui.site import Browser, a_mark, add_account, an_event_of
from tests.builders import HUMAN, a_dataset, a_media, a_video, bring_in
from tests.videos import Coding, constant_rate

NUM_PEOPLE = 20
NUM_VIDEOS = 2000
REPOSITORY = Path(__file__).parents[2]


@dataclass
class Times:
    """Seconds of each kind of request, of all people."""

    press: list[float] = field(default_factory=list)
    other: dict[str, list[float]] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    """Uuids that were acknowledged."""
    mutex: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, seconds: float) -> None:
        """One request."""
        with self.mutex:
            if what == "press":
                self.press.append(seconds)
            else:
                self.other.setdefault(what, []).append(seconds)


def big_dataset(dir_path: Path) -> Dataset:
    """2,000 videos of a minute with scores; all are one and the same file."""
    dataset = a_dataset(dir_path)
    coding = Coding(gop=25, num_b_frames=0)
    path = constant_rate(dataset.dir_path / "videos" / "all.mp4", num_frames=1500, coding=coding)
    media = a_media(path="all.mp4", size_bytes=path.stat().st_size, problems=(), health="ok")
    chance = random.Random(0)
    records: list[Any] = []
    for number in range(NUM_VIDEOS):
        name = f"Abuse{number:04}_x264"
        records.append(a_video(name, media=media))
        records.append(_a_track(name, chance))
    bring_in(dataset, *records)
    for number in range(NUM_PEOPLE):
        add_account(dataset, f"ann{number}")
    return dataset


def _a_track(video_id: str, chance: random.Random) -> ScoreTrack:
    starts = tuple(number * 0.64 for number in range(94))
    peaks = [chance.randrange(94) for _ in range(3)]
    scores = tuple(
        min(1.0, 0.1 * chance.random() + sum(0.8 * (abs(n - peak) < 3) for peak in peaks))
        for n in range(94)
    )
    return ScoreTrack(
        id=video_id,
        video_id=video_id,
        snippet_starts_seconds=starts,
        end_seconds=60.0,
        scores=scores,
        provenance=HUMAN,
    )


def one_person(url: str, name: str, until: float, times: Times) -> None:
    """Sign in and work."""
    chance = random.Random(name)
    browser = Browser(url)
    assert browser.sign_in(name, "correct horse").status_code == 200
    rows = _timed(times, "list of 2,000", browser.queue)
    videos = [str(row["id"]) for row in rows]
    video = chance.choice(videos)
    seen_at = time.monotonic()
    while time.monotonic() < until:
        time.sleep(chance.uniform(0.3, 1.2))
        if chance.random() < 0.1:
            video = chance.choice(videos)
            _timed(times, "open a video", partial(browser.video, video))
        if chance.random() < 0.01:
            _timed(times, "list of 2,000", browser.queue)
        event = an_event_of(video, "mark.add")
        event["body"] = a_mark(event["uuid"], chance.randrange(1500))
        _send(browser, times, event)
        if time.monotonic() > seen_at + 5:
            seen_at = time.monotonic()
            _send(browser, times, an_event_of(video, "video.seen", ranges=[[0.0, 5.0]]))
    browser.close()


def _send(browser: Browser, times: Times, event: dict[str, Any]) -> None:
    said = _timed(times, "press", lambda: browser.send(event))
    assert said["acknowledged"] == [event["uuid"]], said
    with times.mutex:
        times.sent.append(event["uuid"])


def _timed(times: Times, what: str, do: Any) -> Any:
    started = time.perf_counter()
    answer = do()
    times.note(what, time.perf_counter() - started)
    return answer


def measure(seconds: float) -> dict[str, Any]:
    """Figures in milliseconds, and whether every acknowledged event is in the log once."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = big_dataset(Path(folder) / "dataset")
        command = [sys.executable, "-m", "tests.annotator_ui.killable", str(dataset.dir_path)]
        server = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdout.readline()
        server.stdin.write("go\n")
        server.stdin.flush()
        pid, url = server.stdout.readline().split()
        times = Times()
        try:
            _first_list(url, times)
            until = time.monotonic() + seconds
            people = [
                threading.Thread(target=one_person, args=(url.rstrip("/"), f"ann{n}", until, times))
                for n in range(NUM_PEOPLE)
            ]
            for person in people:
                person.start()
            for person in people:
                person.join()
        finally:
            os.kill(int(pid), 2)
            server.stdin.close()
            server.wait(timeout=60)
        counts = Counter(
            orjson.loads(line)["id"] for line in read_lines(dataset.dir_path / LOG_NAME)
        )
        is_all_once = set(counts) == set(times.sent) and max(counts.values()) == 1
        return {
            "presses": len(times.press),
            "is_all_once": is_all_once,
            "press": _quantiles(times.press),
            **{what: _quantiles(found) for what, found in times.other.items()},
        }


def _first_list(url: str, times: Times) -> None:
    """The first one after a start: nothing is read yet."""
    headers = {"Sec-Fetch-Site": "same-origin"}
    with httpx.Client(base_url=url, timeout=60, headers=headers) as client:
        client.post("/login", json={"name": "ann0", "password": "correct horse"}).raise_for_status()
        _timed(times, "first list of 2,000", lambda: client.get("/api/queue").raise_for_status())


def _quantiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "n": len(ordered),
        "p50_ms": round(1000 * median(ordered), 1),
        "p99_ms": round(1000 * ordered[int(0.99 * (len(ordered) - 1))], 1),
        "worst_ms": round(1000 * ordered[-1], 1),
    }


def main() -> None:
    """Print one line for each figure, with machine and date."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 120.0
    load = os.getloadavg()[0]
    found = measure(seconds)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"{today}: {machine}, load before {load:.1f}; {NUM_PEOPLE} people, {seconds:.0f} s")
    for what, figures in found.items():
        print(f"  {what}: {figures}")


if __name__ == "__main__":
    main()
