"""A server that mixes up replies is found out by canaries, and nothing that it wrote stays."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.dataset import Dataset
from engine.errors import MixedUpError, ServiceError
from engine.executors.local import LocalExecutor
from engine.flow import run_step
from engine.identity import NUM_AT_START, CanaryExecutor
from engine.index import Index
from engine.media.frames import RgbImage
from engine.models.canary import code_of
from engine.runner import Outcome, StageReport
from engine.stage import Pending, Stage
from engine.stages.caption import CanaryReply, CaptionStage
from schemas import Caption, Provenance
from tests.builders import (
    HUMAN,
    QUIET,
    a_caption,
    a_clip,
    a_dataset,
    add_video,
    an_event,
    bring_in,
    pending_of,
    reconfigured,
    run_named,
    step_named,
)
from tests.canary_reader import read_code
from tests.fake_replies import Fault, ReceivedRequest
from tests.fakes import FakeOpenAiServer, ScriptedCaptioner
from tests.videos import read_index

NUM_CLIPS = 24
Answer = Callable[[dict[str, Any], list[RgbImage]], str]


def what_is_shown(_body: dict[str, Any], images: list[RgbImage]) -> str:
    """As a good model answers: the code of a canary, the first frame's ordinal of a clip."""
    return read_code(images[0]) or f"Frame {read_index(images[0])}."


def is_canary(request: ReceivedRequest) -> bool:
    return code_of(request.item_id) is not None


@pytest.fixture
def server() -> Iterator[FakeOpenAiServer]:
    with FakeOpenAiServer() as fake:
        fake.behavior.answer = what_is_shown
        yield fake


def config(url: str, *, canary_every: int = 500, concurrency: int = 4) -> str:
    return (
        f'[caption]\nmodel = "tiny"\nendpoints = ["{url}"]\nnum_frames = 2\n'
        f"canary_every = {canary_every}\nconcurrency = {concurrency}\n"
        "patience_seconds = 2.0\nmax_retries = 0\n"
    )


@pytest.fixture
def dataset(tmp_path: Path, server: FakeOpenAiServer, executor: LocalExecutor) -> Dataset:
    """One video, cut into 24 clips a third of a second long."""
    dataset = a_dataset(tmp_path, config(server.url))
    add_video(dataset, "Abuse001.mp4", num_frames=200)
    run_named(dataset, "ingest", executor=executor)
    clips = [
        a_clip(f"Abuse001_E0C{n}", start_seconds=n * 0.32, end_seconds=n * 0.32 + 0.3)
        for n in range(NUM_CLIPS)
    ]
    bring_in(dataset, an_event("Abuse001_E0", start_seconds=0.0, end_seconds=8.0), *clips)
    return dataset


def caption(dataset: Dataset, executor: LocalExecutor) -> StageReport:
    return run_step(dataset, step_named("caption"), executor=executor, options=QUIET)


def captions(dataset: Dataset) -> dict[str, str]:
    return {one.id: one.text for one in Index(dataset).all(Caption)}


def expected() -> dict[str, str]:
    return {f"Abuse001_E0C{n}": f"Frame {int((n * 0.32 + 0.075) * 25)}." for n in range(NUM_CLIPS)}


def canaries(dataset: Dataset) -> list[dict[str, Any]]:
    path = dataset.canaries_path
    return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def verdicts(dataset: Dataset, when: str) -> list[str]:
    return [one["verdict"] for one in canaries(dataset) if one["when"] == when]


def test_canaries_are_read_all_through_a_run_and_are_no_captions(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    report = caption(dataset, executor)
    assert (report.num_done, report.num_records) == (NUM_CLIPS, NUM_CLIPS)
    assert captions(dataset) == expected()
    assert verdicts(dataset, "start") == ["read"] * NUM_AT_START
    # Before the 1st, 2nd, 4th, 8th and 16th clip, and after the last.
    assert verdicts(dataset, "run") == ["read"] * 6
    for path in (dataset.record_path(Caption), dataset.ledger_path("caption")):
        assert b"canary" not in path.read_bytes()
    assert sum(map(is_canary, server.requests)) == NUM_AT_START + 6


def test_the_line_of_a_canary_says_what_was_shown_said_and_by_whom(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    caption(dataset, executor)
    (first, *others) = canaries(dataset)
    assert first["id"] == f"canary:{first['code']}"
    assert (first["reply"], first["model"]) == (first["code"], "openai/tiny")
    assert first["endpoint"] == server.url
    assert first["code"] not in {other["code"] for other in others}


def test_canaries_are_as_frequent_as_the_setting_says(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    caption(reconfigured(dataset, config(server.url, canary_every=3)), executor)
    # Before the 1st, 2nd, and every third; and after the last.
    assert len(verdicts(dataset, "run")) == 2 + NUM_CLIPS // 3 + 1


def test_canaries_are_sent_while_clips_are_under_way(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    server.behavior.reverse_batch = 4
    caption(dataset, executor)
    assert server.most_in_flight > 1
    assert set(verdicts(dataset, "run")) == {"read"}


def test_with_canaries_off_none_is_asked(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    caption(reconfigured(dataset, config(server.url, canary_every=0)), executor)
    assert not any(map(is_canary, server.requests))
    assert canaries(dataset) == []


def test_a_run_with_nothing_to_do_asks_nothing(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    caption(dataset, executor)
    num_before = server.num_completions
    (dataset.dir_path / "runs" / ".stamps").rename(dataset.dir_path / "runs" / "stamps_gone")
    assert caption(dataset, executor).num_settled_before == NUM_CLIPS
    assert server.num_completions == num_before


def test_the_baseline_is_shown_no_canaries(dataset: Dataset, executor: LocalExecutor) -> None:
    caption(reconfigured(dataset, ""), executor)
    assert canaries(dataset) == []


class Swapping:
    """A server that lets two replies change places whenever two are under way together."""

    def __init__(self) -> None:
        self.is_mended = False
        self._changed = threading.Condition()
        self._waiting: list[list[str]] = []

    def __call__(self, body: dict[str, Any], images: list[RgbImage]) -> str:
        text = what_is_shown(body, images)
        if self.is_mended:
            return text
        with self._changed:
            if self._waiting:
                partner = self._waiting.pop()
                partner[0], text = text, partner[0]
                self._changed.notify_all()
                return text
            mine = [text]
            self._waiting.append(mine)
            self._changed.wait_for(lambda: mine not in self._waiting, timeout=0.15)
            if mine in self._waiting:
                self._waiting.remove(mine)
            return mine[0]


def test_a_server_that_swaps_replies_under_load_is_stopped_and_what_it_wrote_is_taken_back(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    swapping = Swapping()
    server.behavior.answer = swapping
    with pytest.raises(MixedUpError, match="replies are mixed up") as caught:
        caption(dataset, executor)
    assert isinstance(caught.value, ServiceError), "exit code 3: resumable"
    assert verdicts(dataset, "start") == ["read"] * NUM_AT_START, "alone, nothing is swapped"
    assert captions(dataset) == {}

    swapping.is_mended = True
    assert caption(dataset, executor).num_done == NUM_CLIPS
    assert captions(dataset) == expected()


def test_what_was_taken_back_is_named_and_what_stays_is_right(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    """The 20th clip gets a canary's reply."""
    dataset = reconfigured(dataset, config(server.url, canary_every=5, concurrency=2))
    shown: list[str] = []

    def answer(body: dict[str, Any], images: list[RgbImage]) -> str:
        text = what_is_shown(body, images)
        if not text.startswith("Frame"):
            shown.append(text)
        is_twentieth = text == expected()["Abuse001_E0C19"]
        return f"A sign says {shown[-1]}." if is_twentieth else text

    server.behavior.answer = answer
    with pytest.raises(MixedUpError, match=r"id_mismatch: the clip Abuse001_E0C19") as caught:
        caption(dataset, executor)
    kept = captions(dataset)
    assert kept == {id_: expected()[id_] for id_ in kept}
    assert kept.keys().isdisjoint({*caught.value.item_ids, "Abuse001_E0C19"})
    assert "run the same command again" in str(caught.value)


def test_a_canary_that_is_answered_with_an_earlier_ones_code_stops_the_run(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    """As a cache does that takes pictures of one size for the same."""
    seen: deque[str] = deque(maxlen=1)

    def answer(body: dict[str, Any], images: list[RgbImage]) -> str:
        text = what_is_shown(body, images)
        if text.startswith("Frame"):
            return text
        before, now = (seen[0] if seen else text), text
        seen.append(now)
        return before

    server.behavior.answer = answer
    with pytest.raises(MixedUpError, match=f"by {server.url} with"):
        caption(dataset, executor)
    assert [one["verdict"] for one in canaries(dataset)] == ["read", "another's code"]
    assert captions(dataset) == {}


def test_a_canary_whose_reply_names_another_item_stops_the_run(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    server.behavior.fault_for = lambda request: (
        Fault("wrong_id", text="Abuse001_E0C3") if is_canary(request) else None
    )
    with pytest.raises(MixedUpError, match="names Abuse001_E0C3"):
        caption(dataset, executor)
    assert [one["verdict"] for one in canaries(dataset)] == ["another's id"]


def test_a_model_that_no_longer_reads_what_it_read_is_stopped(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    """A server restarted with other weights, or one that drops the pictures."""
    num_read = 0

    def answer(body: dict[str, Any], images: list[RgbImage]) -> str:
        nonlocal num_read
        text = what_is_shown(body, images)
        num_read += not text.startswith("Frame")
        return "A street." if num_read > NUM_AT_START + 2 else text

    server.behavior.answer = answer
    with pytest.raises(MixedUpError, match="in a row were answered without the code"):
        caption(dataset, executor)
    assert "not read" in verdicts(dataset, "run")
    assert "A street." not in captions(dataset).values()


def test_a_model_that_misreads_a_canary_now_and_then_goes_on(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    num_shown = 0

    def answer(body: dict[str, Any], images: list[RgbImage]) -> str:
        nonlocal num_shown
        text = what_is_shown(body, images)
        num_shown += not text.startswith("Frame")
        return "I see letters." if num_shown % 4 == 3 and text[0] != "F" else text

    server.behavior.answer = answer
    assert caption(dataset, executor).num_done == NUM_CLIPS
    assert captions(dataset) == expected()
    assert verdicts(dataset, "run").count("not read") >= 1
    assert verdicts(dataset, "run")[-1] == "read", "one that is not read is followed by another"


def test_a_model_that_cannot_read_is_told_of_once_and_captions_all_the_same(
    dataset: Dataset,
    server: FakeOpenAiServer,
    executor: LocalExecutor,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.behavior.answer = lambda _body, _images: "A person walks along a corridor."
    assert caption(dataset, executor).num_done == NUM_CLIPS
    (warning,) = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert "does not read the codes of canaries" in warning.getMessage()
    assert "rests on request ids alone" in warning.getMessage()
    assert verdicts(dataset, "start") == ["not read"] * 2
    assert verdicts(dataset, "run") == []


def test_a_canary_without_a_reply_is_no_sign_of_a_mix_up(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    num_seen = 0

    def fault_for(request: ReceivedRequest) -> Fault | None:
        nonlocal num_seen
        num_seen += is_canary(request)
        return Fault("finish", text="length") if num_seen == NUM_AT_START + 1 else None

    server.behavior.fault_for = fault_for
    report = caption(dataset, executor)
    assert report.num_done + report.num_rejected == NUM_CLIPS
    assert verdicts(dataset, "run").count("no reply") <= 1


@dataclass(frozen=True)
class Parrot:
    """An executor that does items in order; some clips get the code of the last canary."""

    provenance: Provenance
    parroting: Container[str]

    def run(self, stage: Stage[Any], items: Iterable[Pending[Any]]) -> Iterator[Outcome]:
        shown = ""
        for pending in items:
            if code := code_of(pending.id):
                shown = code
                reply = CanaryReply(
                    id=pending.id, text=code, endpoint=None, is_named=True, seconds=0.0
                )
                yield Outcome(pending.id, (reply,))
            else:
                text = f"A plate reads {shown if pending.id in self.parroting else 7}."
                told = a_caption(pending.id, text=text, provenance=self.provenance)
                yield Outcome(pending.id, (told,))


TINY = Provenance(made_by="model", name="openai/tiny")
IDS = [f"Abuse001_E0C{n}" for n in range(NUM_CLIPS)]


def run_parrot(log_path: Path, parrot: Parrot) -> list[str]:
    """Ids that came out, of clips in order with a canary before every fifth."""
    reader = ScriptedCaptioner(reply=lambda request: read_code(request.prepared[0].image) or "")  # type: ignore[index]
    stage = CaptionStage(reader, "caption_clip", "pyav", 10.0, 0.1)
    executor = CanaryExecutor(parrot, every=5, log_path=log_path)
    return [outcome.item_id for outcome in executor.run(stage, map(pending_of, IDS))]


def test_people_may_read_number_plates_but_a_model_that_tells_a_code_is_stopped(
    tmp_path: Path,
) -> None:
    log_path = tmp_path / "canaries.jsonl"
    assert run_parrot(log_path, Parrot(HUMAN, parroting=IDS)) == IDS
    with pytest.raises(MixedUpError, match="which only a canary shows"):
        run_parrot(log_path, Parrot(TINY, parroting=IDS))


def test_only_what_came_since_the_last_good_canary_is_taken_back(tmp_path: Path) -> None:
    with pytest.raises(MixedUpError) as caught:
        run_parrot(tmp_path / "canaries.jsonl", Parrot(TINY, parroting={"Abuse001_E0C17"}))
    assert caught.value.item_ids == ("Abuse001_E0C14", "Abuse001_E0C15", "Abuse001_E0C16")
    assert "all 3 of them are taken back: Abuse001_E0C14 … Abuse001_E0C16" in str(caught.value)
