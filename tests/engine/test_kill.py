"""`kill -9` at a hundred moments; what a person then has is what they would have had without."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.dataset import Dataset
from engine.index import LEDGERS, Index
from engine.ledger import Ledger
from schemas import Record
from tests.builders import a_click, a_dataset, add_video, bring_in, copy_of, live

REPOSITORY = Path(__file__).parents[2]
MARK = "VAU_TEST_KILL"
"""An environment variable by which a run's processes are found."""
WATCHED = (
    *("runs/fingerprints.jsonl", "videos.jsonl", "runs/ingest.jsonl"),
    *("scores.jsonl", "runs/score.jsonl", "events.jsonl", "runs/propose.jsonl"),
    *("clips.jsonl", "runs/clip.jsonl", "captions.jsonl", "runs/caption.jsonl"),
    *("summaries.jsonl", "runs/summarize.jsonl", "instructions.jsonl", "runs/instruct.jsonl"),
    "releases",
)
"""What a run writes, in this order."""


@dataclass(frozen=True)
class Kind:
    """A corpus, and how it is captioned."""

    config: str
    arguments: tuple[str, ...]
    seed: int


BASELINE = Kind("", (), 11)
SCRIPTED = Kind("[clip]\ntarget_seconds = 0.4\n", ("scripted",), 12)


def corpus(dir_path: Path, kind: Kind) -> Dataset:
    """Five videos of a few seconds: clicked, labelled, normal and unlabelled."""
    dataset = a_dataset(dir_path, kind.config)
    for name in ("Abuse001", "Fighting002", "Normal_Videos003", "street", "yard"):
        add_video(dataset, f"{name}.mp4", num_frames=120)
    bring_in(dataset, a_click("Abuse001_K0", time_seconds=2.0, frame=50), a_click("street_K0"))
    return dataset


class Run:
    """One process over a dataset, to be killed or left alone."""

    def __init__(self, dataset: Dataset, kind: Kind) -> None:
        self.dataset = dataset
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "tests.engine.whole_run",
            dataset.dir_path,
        ]
        with (dataset.dir_path / "stderr.txt").open("wb") as stderr:
            self.process = subprocess.Popen(
                [*command, *kind.arguments],
                cwd=REPOSITORY,
                env={**os.environ, MARK: str(dataset.dir_path)},
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        assert self.process.stdout is not None
        self.process.stdout.readline()

    def kill_after(self, seconds: float) -> bool:
        """Kill it after a while; whether it was still at work."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            time.sleep(0.002)
        return self._kill()

    def kill_when_written(self, name: str, *, then_seconds: float) -> bool:
        """Kill it just after it wrote to a file; whether it was still at work."""
        path = self.dataset.dir_path / name
        before = _size(path)
        while self.process.poll() is None and _size(path) == before:
            time.sleep(0.0003)
        time.sleep(then_seconds)
        return self._kill()

    def _kill(self) -> bool:
        was_at_work = self.process.poll() is None
        if was_at_work:
            self.process.send_signal(signal.SIGKILL)
        self.finish()
        return was_at_work

    def finish(self) -> None:
        """Wait for its end, which must be good or by our hand."""
        assert self.process.stdout is not None
        self.process.wait()
        self.process.stdout.close()
        said = (self.dataset.dir_path / "stderr.txt").read_text()
        assert self.process.returncode in (0, -signal.SIGKILL), said


def _size(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def kill_again_and_again(
    dataset: Dataset, kind: Kind, chance: random.Random, *, finished: Dataset
) -> int:
    """Run and kill until a run comes to its end by itself; how many were killed."""
    num_kills = 0
    while True:
        run = Run(dataset, kind)
        growing = [name for name in WATCHED if not _is_complete(name, dataset, finished)]
        if chance.random() < 0.6:
            pause = chance.choice((0.0, 0.0005, 0.002, 0.01))
            was_killed = run.kill_when_written(chance.choice(growing[:4]), then_seconds=pause)
        else:
            was_killed = run.kill_after(chance.uniform(0.0, 0.8))
        num_kills += was_killed
        if not was_killed:
            return num_kills


def _is_complete(name: str, dataset: Dataset, finished: Dataset) -> bool:
    """Whether nothing is written to it any more; a release's folder never is, until the end."""
    if name == "releases":
        return False
    return _size(dataset.dir_path / name)[0] >= _size(finished.dir_path / name)[0]


def release_bytes(dataset: Dataset) -> dict[str, str]:
    """Path -> hash of every file under `releases`, unfinished ones included."""
    root = dataset.releases_dir_path
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def check_books(dataset: Dataset) -> None:
    """Every live record is listed by exactly one item, and every listed one is there."""
    index = Index(dataset)
    for record_type, stage_names in LEDGERS.items():
        listed = Counter(_listed(dataset, record_type, stage_names))
        assert not [record_id for record_id, count in listed.items() if count > 1]
        assert set(listed) == set(index.lines(record_type))


def _listed(
    dataset: Dataset, record_type: type[Record], stage_names: tuple[str, ...]
) -> Iterator[str]:
    for stage_name in stage_names:
        ledger = Ledger.load(dataset.ledger_path(stage_name))
        word = record_type.__name__.lower()
        for item_id in ledger.item_ids():
            if stage_name != "import" or item_id.startswith(f"{word}:"):
                yield from ledger.record_ids(item_id)


def processes_of(mark: str) -> list[int]:
    """Living processes that some run over this dataset started, at whatever remove."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{MARK}={mark}\0".encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue  # it ended while we looked
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", [BASELINE, SCRIPTED], ids=["baseline", "many clips"])
def test_runs_killed_at_random_moments_end_in_the_release_of_an_undisturbed_run(
    tmp_path: Path, kind: Kind
) -> None:
    source = corpus(tmp_path / "source", kind)
    undisturbed = copy_of(source, tmp_path / "undisturbed")
    Run(undisturbed, kind).finish()
    expected_release, expected_records = release_bytes(undisturbed), live(undisturbed)
    assert len(expected_release) == 7

    def one_chain(number: int) -> int:
        chance, num_kills, round_number = random.Random(f"{kind.seed}/{number}"), 0, 0
        while num_kills < 25:
            dataset = copy_of(source, tmp_path / f"chain{number}_round{round_number}")
            num_kills += kill_again_and_again(dataset, kind, chance, finished=undisturbed)
            assert release_bytes(dataset) == expected_release
            assert live(dataset) == expected_records
            check_books(dataset)
            round_number += 1
        return num_kills

    with ThreadPoolExecutor(2) as chains:
        assert sum(chains.map(one_chain, (0, 1))) >= 50
    check_no_process_is_left(str(tmp_path))


def check_no_process_is_left(root: str) -> None:
    deadline = time.monotonic() + 10
    while left := _all_marked(root):
        assert time.monotonic() < deadline, f"processes {left} outlive their run"
        time.sleep(0.05)


def _all_marked(root: str) -> list[int]:
    marks = {str(path) for path in Path(root).iterdir()}
    return [pid for mark in marks for pid in processes_of(mark)]
