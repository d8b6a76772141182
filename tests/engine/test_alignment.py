"""Five hundred clips through an endpoint that is late, faulty and out of order: every caption
stands at its own clip, checked on the pixels that the endpoint was sent.
"""

import random
import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.dataset import Dataset
from engine.executors.local import LocalExecutor
from engine.flow import run_step
from engine.index import Index
from engine.ledger import Ledger
from engine.media.container import frame_times
from engine.media.frames import RgbImage, evenly_spaced_times
from engine.runner import RunOptions
from engine.store import read_lines
from schemas import Caption, Clip
from tests.builders import QUIET, a_clip, a_dataset, an_event, bring_in, run_named, step_named
from tests.canary_reader import read_code
from tests.fake_replies import Behavior, Fault, ReceivedRequest
from tests.fakes import FakeOpenAiServer
from tests.videos import constant_rate, read_index, variable_rate_ticks, write_video

NUM_VIDEOS, CLIPS_EACH, NUM_FRAMES = 10, 50, 4
ZONE_SECONDS = 4.0
"""Clips of video `n` lie in its `n`th zone, so that a frame's ordinal also tells its video."""


def codes_seen(_body: dict[str, Any], images: list[RgbImage]) -> str:
    """The code of a canary, or the ordinals of the pictures that came with the request."""
    if code := read_code(images[0]):
        return code
    return "Frames " + " ".join(str(read_index(image)) for image in images) + "."


class Mischief:
    """Which request fails how: most of it passes, some stays for as long as it lasts."""

    def __init__(self) -> None:
        self._attempts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.is_over = False
        self.counts: Counter[str] = Counter()

    def __call__(self, request: ReceivedRequest) -> Fault | None:
        if request.is_probe or request.item_id.startswith("canary:") or self.is_over:
            return None
        with self._lock:
            self._attempts[request.item_id] += 1
            attempt = self._attempts[request.item_id]
        fault = fault_of(request.item_id, attempt)
        if fault is not None:
            with self._lock:
                self.counts[f"{fault.kind} {fault.status if fault.kind == 'status' else ''}"] += 1
        return fault


def fault_of(item_id: str, attempt: int) -> Fault | None:
    """Drawn by the clip's id; transient faults strike the first attempt alone."""
    draw = random.Random(item_id).random()
    if draw < 0.03:
        return Fault("wrong_id", text=another_clip(item_id))
    if draw < 0.06:
        return Fault("finish", text="length")
    if attempt > 1:
        return None
    if draw < 0.09:
        return Fault("status", status=500)
    if draw < 0.12:
        return Fault("status", status=429, retry_after="0.1")
    if draw < 0.14:
        return Fault("half_closed")
    if draw < 0.16:
        return Fault("broken_json")
    return Fault("drop") if draw < 0.18 else None


def another_clip(item_id: str) -> str:
    """The id of a clip whose caption would be wrong here."""
    video, _, number = item_id.partition("_E0C")
    return f"{video}_E0C{(int(number) + 1) % CLIPS_EACH}"


def lasting(item_id: str) -> str | None:
    """The reject reason of clips whose fault does not pass."""
    fault = fault_of(item_id, attempt=2)
    return {"wrong_id": "id_mismatch", "finish": "reply_truncated"}[fault.kind] if fault else None


@pytest.fixture
def servers() -> Iterator[tuple[FakeOpenAiServer, ...]]:
    """Two replicas."""
    behaviors = [
        Behavior(answer=codes_seen, latency_seconds=(0.0, 0.08), seed=seed) for seed in (1, 2)
    ]
    with FakeOpenAiServer(behaviors[0]) as first, FakeOpenAiServer(behaviors[1]) as second:
        yield first, second


def a_corpus(dir_path: Path, urls: list[str], executor: LocalExecutor) -> Dataset:
    config = (
        f'[caption]\nmodel = "tiny"\nendpoints = {urls}\nnum_frames = {NUM_FRAMES}\n'
        "concurrency = 24\ntimeout_seconds = 10.0\n"
    )
    dataset = a_dataset(dir_path, config)
    for number in range(NUM_VIDEOS):
        path, num_frames = dataset.videos_dir_path / f"v{number}.mp4", 25 * 4 * (number + 1)
        if number % 3 == 2:
            ticks = [tick for tick in variable_rate_ticks(num_frames) if tick < num_frames * 40]
            write_video(path, ticks, time_base=Fraction(1, 1000))
        else:
            constant_rate(path, num_frames=num_frames)
    run_named(dataset, "ingest", executor=executor)
    bring_in(dataset, *(record for n in range(NUM_VIDEOS) for record in _event_and_clips(n)))
    return dataset


def _event_and_clips(number: int) -> Iterator[Any]:
    start, end = number * ZONE_SECONDS, (number + 1) * ZONE_SECONDS
    yield an_event(f"v{number}_E0", start_seconds=start, end_seconds=end)
    chance = random.Random(number)
    for place in range(CLIPS_EACH):
        first = round(chance.uniform(start, end - 0.4), 3)
        last = round(chance.uniform(first + 0.2, end), 3)
        yield a_clip(f"v{number}_E0C{place}", start_seconds=first, end_seconds=last)


def expected_texts(dataset: Dataset) -> dict[str, str]:
    """From the containers' own frame times, without decoding anything."""
    times: dict[str, list[float]] = {}
    texts = {}
    for clip in Index(dataset).all(Clip):
        if clip.video_id not in times:
            path = dataset.videos_dir_path / f"{clip.video_id}.mp4"
            times[clip.video_id] = [float(time) for time in frame_times(path)]
        shown = [
            bisect_right(times[clip.video_id], moment) - 1
            for moment in evenly_spaced_times(
                clip.start_seconds, clip.end_seconds, num_frames=NUM_FRAMES
            )
        ]
        texts[clip.id] = "Frames " + " ".join(map(str, dict.fromkeys(shown))) + "."
    return texts


def captions(dataset: Dataset) -> dict[str, str]:
    return {caption.id: caption.text for caption in Index(dataset).all(Caption)}


@pytest.mark.slow
def test_every_caption_stands_at_its_own_clip_whatever_the_endpoint_does(
    tmp_path: Path, servers: tuple[FakeOpenAiServer, ...], executor: LocalExecutor
) -> None:
    mischief = Mischief()
    for server in servers:
        server.behavior.fault_for = mischief
    dataset = a_corpus(tmp_path, [server.url for server in servers], executor)
    expected = expected_texts(dataset)
    assert len(expected) == NUM_VIDEOS * CLIPS_EACH
    assert len(set(expected.values())) > 0.9 * len(expected), "captions tell the clips apart"

    report = run_step(dataset, step_named("caption"), executor=executor, options=QUIET)
    failing = {clip_id: reason for clip_id in expected if (reason := lasting(clip_id))}
    assert Ledger.load(dataset.ledger_path("caption")).rejects() == failing
    assert captions(dataset) == {i: text for i, text in expected.items() if i not in failing}
    assert len(mischief.counts) == 7, f"not every fault struck: {mischief.counts}"
    assert min(server.num_completions for server in servers) > 100, "both replicas worked"
    assert report.num_done + report.num_rejected == len(expected)
    verdicts = [orjson.loads(line)["verdict"] for line in read_lines(dataset.canaries_path)]
    assert verdicts == ["read"] * 16, "before the 1st, 2nd, 4th … 256th and 500th, and at the end"

    mischief.is_over = True
    again = RunOptions(retry_rejects=True, is_quiet=True)
    report = run_step(dataset, step_named("caption"), executor=executor, options=again)
    assert (report.num_done, report.num_rejected) == (len(failing), 0)
    assert captions(dataset) == expected
