"""A worker of a cluster without a cluster: what it does with parcels, in this process."""

import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from engine.errors import ServiceError, UsageError
from engine.executors.local import LocalExecutor
from engine.executors.ray import RayExecutor
from engine.executors.ray_crew import CrewSettings, as_parcels
from engine.executors.ray_node import NodeWorker, Parcel, Taken, kit_here
from engine.stage import Item
from tests.engine.misbehaving import ComputingStage

LOCAL = partial(LocalExecutor, workers=1)


def a_parcel(*bodies: object, first: int = 0) -> Parcel:
    return [(Item(f"{first + place}", body), "video") for place, body in enumerate(bodies)]


def rest_of(worker: NodeWorker) -> Iterator[Taken]:
    """All that a worker hands over until its shift is over."""
    while True:
        taken = worker.take()
        yield taken
        if taken.is_over:
            return


def test_a_shift_ends_after_its_last_parcel_and_the_next_begins_with_another() -> None:
    worker = NodeWorker(ComputingStage(), LOCAL, {})
    for _ in range(2):
        worker.give(a_parcel(None, "reject"), is_last=False)
        worker.give(a_parcel(None, first=2), is_last=True)
        outcomes = [one for taken in rest_of(worker) for one in taken.outcomes]
        assert [one.item_id for one in outcomes] == ["0", "1", "2"]


def test_what_stops_the_run_is_handed_over_with_what_was_done_before() -> None:
    worker = NodeWorker(ComputingStage(), LOCAL, {})
    worker.give(a_parcel(None, "service", None), is_last=False)
    *_, last = all_taken = list(rest_of(worker))
    assert [one.item_id for taken in all_taken for one in taken.outcomes] == ["0"]
    assert isinstance(last.error, ServiceError)
    assert "the endpoint is gone" in str(last.error)


def test_the_next_parcel_is_asked_for_only_when_there_is_room() -> None:
    held = threading.Event()

    class Held(ComputingStage):
        def process(self, item):  # type: ignore[no-untyped-def]
            held.wait(20)
            return super().process(item)

    worker = NodeWorker(Held(), LOCAL, {})
    worker.give(a_parcel(None), is_last=False)
    worker.give(a_parcel(None, first=1), is_last=False)
    third = threading.Thread(
        target=worker.give, args=(a_parcel(None, first=2),), kwargs={"is_last": True}
    )
    third.start()
    time.sleep(0.2)
    assert third.is_alive()
    held.set()
    third.join(timeout=20)
    assert not third.is_alive()
    assert sum(len(taken.outcomes) for taken in rest_of(worker)) == 3


def test_credentials_fill_gaps_and_replace_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("A_KEY_OF_THE_NODE", "its own")
    monkeypatch.setenv("A_KEY_OF_THE_RUN", "gone after the test")
    monkeypatch.delenv("A_KEY_OF_THE_RUN")
    given = {"A_KEY_OF_THE_NODE": "ours", "A_KEY_OF_THE_RUN": "ours"}
    NodeWorker(ComputingStage(), LOCAL, given)
    assert os.environ["A_KEY_OF_THE_NODE"] == "its own"
    assert os.environ["A_KEY_OF_THE_RUN"] == "ours"


def test_a_worker_says_what_it_has_and_what_it_does_not_see(tmp_path: Path) -> None:
    worker = NodeWorker(ComputingStage(), LOCAL, {})
    greeting = worker.greet((tmp_path, tmp_path / "gone"))
    assert greeting.kit == kit_here()
    assert greeting.unseen == (tmp_path / "gone",)
    assert {"python", "vau-data", "av", "numpy"} <= greeting.kit.keys()


def test_parcels_keep_videos_apart_but_texts_together() -> None:
    given = [(Item(f"{n}", None), f"video {n // 20}") for n in range(50)]
    by_video = [len(parcel) for parcel in as_parcels(given, is_media=True)]
    assert by_video == [16, 4, 16, 4, 10]
    assert [len(parcel) for parcel in as_parcels(given, is_media=False)] == [16, 16, 16, 2]


def test_ray_that_is_not_installed_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="make install-ray"):
        RayExecutor("auto", CrewSettings(LOCAL)).__enter__()
