import os
import subprocess
import sys
import threading
import time
from ast import literal_eval
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from engine.errors import ItemError, ServiceError, UsageError
from engine.executors.local import CHUNK_ITEMS, LocalExecutor
from engine.runner import Outcome
from engine.stage import Item, Pending
from schemas import Caption, Record
from tests.builders import a_caption, pending_of
from tests.engine.misbehaving import ComputingStage, LoadingStage


def items(*bodies: object, group: str = "one video") -> list[Pending[object]]:
    """Items of one video, named by their place."""
    return [
        pending_of(f"{place}", lambda body=body: body, group=group)  # type: ignore[misc]
        for place, body in enumerate(bodies)
    ]


def outcomes(
    executor: LocalExecutor, stage: LoadingStage | ComputingStage, work: list[Pending[object]]
) -> dict[str, Outcome]:
    """Item id -> what became of it; no item twice."""
    found = list(executor.run(stage, work))
    assert len({outcome.item_id for outcome in found}) == len(found)
    return {outcome.item_id: outcome for outcome in found}


def reasons(found: dict[str, Outcome]) -> dict[str, str]:
    """Item id -> reject reason, `done` where it went well."""
    return {
        item_id: outcome.result.reason if isinstance(outcome.result, ItemError) else "done"
        for item_id, outcome in sorted(found.items())
    }


@pytest.fixture(scope="module")
def small() -> Iterator[LocalExecutor]:
    """Two processes of at most 1 GiB each."""
    with LocalExecutor(workers=2, memory_bytes=1 << 30) as local:
        yield local


def test_items_of_one_video_are_loaded_together_up_to_a_chunk(small: LocalExecutor) -> None:
    found = outcomes(small, LoadingStage(), items(*[None] * (CHUNK_ITEMS + 3)))
    sizes = [found[f"{n}"].result[0].text.split()[-1] for n in range(len(found))]  # type: ignore
    assert sizes == [f"{CHUNK_ITEMS})"] * CHUNK_ITEMS + ["3)"] * 3


def test_reading_ahead_gives_way_to_whoever_else_needs_the_cores(small: LocalExecutor) -> None:
    [outcome] = small.run(LoadingStage(), items("fine"))
    assert not isinstance(outcome.result, ItemError)
    [caption] = outcome.result
    assert isinstance(caption, Caption)
    pid, _ = literal_eval(caption.text)
    niceness = {who: os.getpriority(os.PRIO_PROCESS, who) for who in (0, pid)}
    assert niceness[pid] > niceness[0]


def test_items_of_two_videos_are_never_loaded_together(small: LocalExecutor) -> None:
    first, second = items(None, group="a"), [pending_of("x", group="b")]
    found = outcomes(small, LoadingStage(), [*first, *second])
    assert [outcome.result[0].text.split()[-1] for outcome in found.values()] == ["1)", "1)"]  # type: ignore


def test_an_item_that_its_stage_rejects_leaves_its_neighbors_alone(small: LocalExecutor) -> None:
    found = outcomes(small, LoadingStage(), items(None, "reject", None))
    assert reasons(found) == {"0": "done", "1": "media_empty", "2": "done"}


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("kill", "media_unreadable"),
        ("segfault", "media_unreadable"),
        ("exit", "media_unreadable"),
        ("memory", "media_unreadable"),
        ("bad media", "media_unreadable"),
    ],
)
def test_an_item_that_kills_its_process_costs_nobody_else(
    small: LocalExecutor, word: str, reason: str
) -> None:
    found = outcomes(small, LoadingStage(), items(None, word, None, None))
    assert reasons(found) == {"0": "done", "1": reason, "2": "done", "3": "done"}


@pytest.mark.parametrize("word", ["hang", "hang in C"])
def test_a_load_that_hangs_is_killed_at_its_deadline_and_only_it_is_rejected(
    small: LocalExecutor, word: str
) -> None:
    started = time.monotonic()
    found = outcomes(small, LoadingStage(deadline=1.5), items(None, word, None))
    assert reasons(found) == {"0": "done", "1": "media_timeout", "2": "done"}
    assert time.monotonic() - started < 15
    detail = str(found["1"].result)
    assert "longer than 2 s" in detail
    assert "deadline_per_video_second" in detail


@pytest.mark.expects_error_log
def test_a_fault_of_ours_while_loading_is_internal_and_logged_as_an_error(
    small: LocalExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    found = outcomes(small, LoadingStage(), items(None, "fault"))
    assert reasons(found) == {"0": "done", "1": "internal"}
    assert "ZeroDivisionError" in caplog.text
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.expects_error_log
@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_fault_of_ours_while_computing_is_internal_and_logged_as_an_error(
    small: LocalExecutor, caplog: pytest.LogCaptureFixture, concurrency: int
) -> None:
    found = outcomes(small, ComputingStage(concurrency), items(None, "fault", None))
    assert reasons(found) == {"0": "done", "1": "internal", "2": "done"}
    assert "ZeroDivisionError" in caplog.text


def test_a_service_that_is_gone_while_loading_stops_the_run(small: LocalExecutor) -> None:
    with pytest.raises(ServiceError, match="the disk is full"):
        outcomes(small, LoadingStage(), items("service"))


@pytest.mark.parametrize("concurrency", [1, 4])
def test_what_all_items_need_being_gone_stops_the_run(
    small: LocalExecutor, concurrency: int
) -> None:
    with pytest.raises(ServiceError, match="the endpoint is gone"):
        outcomes(small, ComputingStage(concurrency), items(*["service"] * 9))
    with pytest.raises(UsageError, match="no prompt"):
        outcomes(small, ComputingStage(concurrency), items(*["usage"] * 9))


@dataclass(frozen=True)
class GoneServiceStage(ComputingStage):
    """Item 0 finds the service gone after some time; the others take 0.2 s."""

    gone_after_seconds: float = 0.1

    def process(self, item: Item[Any]) -> Iterable[Record]:
        time.sleep(self.gone_after_seconds if item.id == "0" else 0.2)
        return super().process(item)


@pytest.mark.parametrize("gone_after_seconds", [0.1, 0.2, 0.21])
def test_replies_that_are_in_or_about_to_come_when_the_service_goes_are_kept(
    small: LocalExecutor, gone_after_seconds: float
) -> None:
    stage = GoneServiceStage(8, gone_after_seconds=gone_after_seconds)
    kept: list[str] = []
    running = small.run(stage, items("service", *[None] * 7))
    with pytest.raises(ServiceError, match="the endpoint is gone"):
        kept.extend(outcome.item_id for outcome in running)
    assert sorted(kept) == ["1", "2", "3", "4", "5", "6", "7"]


@dataclass(frozen=True)
class CarelessStage(LoadingStage):
    """Its `load` gives nothing for some items, or gives things twice or under strange names."""

    def load(self, items: Sequence[Item[Any]]) -> Iterator[Item[Any] | tuple[str, ItemError]]:
        for item in items:
            if item.body == "misnamed":
                yield item._replace(id="elsewhere")
            elif item.body != "forgotten":
                yield item
            if item.body == "repeated":
                yield item


@pytest.mark.expects_error_log
@pytest.mark.parametrize("body", ["forgotten", "misnamed", "repeated"])
def test_each_item_has_one_outcome_though_its_stage_loads_carelessly(
    small: LocalExecutor, caplog: pytest.LogCaptureFixture, body: str
) -> None:
    found = outcomes(small, CarelessStage(), items(None, body, None))
    assert reasons(found) == {"0": "done", "1": "internal", "2": "done"}
    assert ("elsewhere" in caplog.text) == (body == "misnamed")


def test_processes_that_were_killed_while_idle_are_replaced(small: LocalExecutor) -> None:
    found = outcomes(small, LoadingStage(), items(None))
    pid = int(found["0"].result[0].text.split(",")[0].strip("("))  # type: ignore
    os.kill(pid, 9)
    time.sleep(0.5)
    assert reasons(outcomes(small, LoadingStage(), items(None))) == {"0": "done"}


def test_processes_that_cannot_even_start_stop_the_run_with_a_hint() -> None:
    with (
        LocalExecutor(workers=2, memory_bytes=1 << 20) as starved,
        pytest.raises(ServiceError, match="memory_gib"),
    ):
        outcomes(starved, LoadingStage(), items(None))


def test_items_are_built_only_as_they_are_needed(small: LocalExecutor) -> None:
    built: list[int] = []
    work = (
        pending_of(f"{number}", partial(built.append, number), group=f"{number // 4}")
        for number in range(1000)
    )
    running = small.run(LoadingStage(), work)
    next(iter(running))
    assert len(built) < 200
    running.close()


RUN_THAT_HANGS = """
import sys
from pathlib import Path
from engine.executors.local import LocalExecutor
from tests.builders import a_caption, pending_of
from tests.engine.misbehaving import LoadingStage

item = pending_of("a", lambda: Path(sys.argv[1]))
with LocalExecutor(workers=2) as executor:
    list(executor.run(LoadingStage(deadline=900.0), [item]))
"""


def test_decoding_processes_die_with_a_run_that_is_killed_even_if_they_hang(
    tmp_path: Path,
) -> None:
    note = tmp_path / "pid"
    repository = Path(__file__).parents[2]
    run = subprocess.Popen([sys.executable, "-c", RUN_THAT_HANGS, note], cwd=repository)
    pid = int(_eventually(lambda: note.exists() and note.read_text()))
    assert Path(f"/proc/{pid}").exists()
    run.kill()
    run.wait()
    assert _eventually(lambda: not Path(f"/proc/{pid}").exists())


def _eventually(look: Callable[[], object], *, seconds: float = 20.0) -> str:
    """What `look` returns as soon as it returns something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if seen := look():
            return str(seen)
        time.sleep(0.02)
    raise AssertionError(f"nothing seen within {seconds} s")


@dataclass(frozen=True)
class Pictures:
    """Something loaded that says it is large."""

    num_bytes: int


@dataclass(frozen=True)
class HeavyStage(LoadingStage):
    """Loads as many bytes as the item's body says; its answers take a moment."""

    def load(self, items: Sequence[Item[Any]]) -> Iterator[Item[Any]]:
        return (item.with_loaded(Pictures(item.body)) for item in items)

    def process(self, item: Item[Any]) -> Iterable[Record]:
        time.sleep(0.01)
        return super().process(item)


def most_held(stage: LoadingStage, work: Iterable[tuple[str, int]], *, room: int) -> int:
    """The most bytes of items that were begun and had no outcome yet."""
    held = most = 0
    sizes = dict(work)

    def begin(size: int) -> int:
        nonlocal held, most
        held += size
        most = max(most, held)
        return size

    items = [
        pending_of(id, partial(begin, size), group=f"{place // 40}")
        for place, (id, size) in enumerate(sizes.items())
    ]
    with LocalExecutor(workers=2, memory_bytes=1 << 30, in_flight_bytes=room) as executor:
        for outcome in executor.run(stage, items):
            held -= sizes.pop(outcome.item_id)
    assert not sizes
    return most


def test_what_is_in_flight_is_bounded_by_bytes_however_many_requests_are_allowed() -> None:
    work = [(f"{number}", 10) for number in range(600)]
    assert most_held(HeavyStage(concurrency=200), work, room=1000) <= 1000
    assert most_held(HeavyStage(concurrency=200), work, room=1_000_000) > 1000


def test_items_larger_than_the_bound_are_done_all_the_same_and_no_second_chunk_beside_them() -> (
    None
):
    work = [(f"{number}", 10) for number in range(200)]
    first_chunks = 3 * CHUNK_ITEMS  # nobody knows yet how large items are
    assert most_held(HeavyStage(concurrency=50), work, room=5) <= 10 * first_chunks


def test_items_that_grow_pass_the_bound_by_no_more_than_is_being_loaded() -> None:
    work = [(f"{number}", 1 if number < 200 else 20) for number in range(600)]
    under_way = 3 * CHUNK_ITEMS
    assert most_held(HeavyStage(concurrency=200), work, room=1000) <= 1000 + 20 * under_way


def meet(item: Item[Any], last: threading.Event) -> Iterable[Record]:
    """Item 0 is answered only when item 199 has been."""
    if item.id == "0" and not last.wait(timeout=20):
        raise ServiceError("item 199 was not done while item 0 waited")
    if item.id == "199":
        last.set()
    return [a_caption(item.id)]


@dataclass(frozen=True)
class LoadedRendezvous(LoadingStage):
    last: ClassVar[threading.Event] = threading.Event()

    def process(self, item: Item[Any]) -> Iterable[Record]:
        return meet(item, self.last)


@dataclass(frozen=True)
class Rendezvous(ComputingStage):
    last: ClassVar[threading.Event] = threading.Event()

    def process(self, item: Item[Any]) -> Iterable[Record]:
        return meet(item, self.last)


@pytest.mark.parametrize("stage", [LoadedRendezvous(4), Rendezvous(4)])
def test_no_item_waits_for_another_so_there_are_no_batches(
    small: LocalExecutor, stage: LoadedRendezvous | Rendezvous
) -> None:
    """Items of later chunks and videos are decoded and answered while the first one waits."""
    work = [pending_of(f"{number}", lambda: None, group=f"{number // 40}") for number in range(200)]
    assert len(outcomes(small, stage, work)) == 200


def test_servers_get_their_next_requests_while_what_is_done_is_written(
    small: LocalExecutor,
) -> None:
    begun: list[str] = []

    @dataclass(frozen=True)
    class NotingStage(ComputingStage):
        def process(self, item: Item[Any]) -> Iterable[Record]:
            begun.append(item.id)
            return super().process(item)

    running = small.run(NotingStage(concurrency=16), items(*[None] * 100))
    next(running)
    _eventually(lambda: len(begun) >= 16 + 2)
    running.close()
