"""Twins are captioned as clips are, follow their events, and are part of nothing else."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.dataset import Dataset
from engine.executors.local import LocalExecutor
from engine.flow import Step, run_step
from engine.index import Index
from engine.models.chat import CaptionRequest
from engine.quality.twins import TWINS, TwinStage, report_on_twins, stretch_before
from engine.release import ExportOptions, export
from engine.stages.caption import CaptionStage
from schemas import Twin
from schemas.review import Discard, MoveBoundaries
from tests.builders import (
    QUIET,
    a_caption,
    a_clip,
    a_dataset,
    a_review,
    a_summary,
    a_video,
    add_review,
    add_video,
    an_event,
    bring_in,
    copy_of,
    run_named,
)
from tests.fakes import ScriptedCaptioner

VIDEO = a_video(end_seconds=60.0)


@pytest.mark.parametrize(
    ("event", "others", "stretch"),
    [
        ((20.0, 25.0), [], (14.0, 19.0)),
        ((5.0, 25.0), [], (0.0, 4.0)),
        ((20.0, 30.0), [(2.0, 12.0)], (13.0, 19.0)),
        ((20.0, 25.0), [(30.0, 40.0)], (14.0, 19.0)),
        ((2.5, 25.0), [], None),
        ((20.0, 25.0), [(10.0, 18.0)], None),
        ((20.0, 25.0), [(10.0, 22.0)], None),
    ],
)
def test_twin_is_as_long_as_its_event_where_nothing_is_in_the_way(
    event: tuple[float, float],
    others: list[tuple[float, float]],
    stretch: tuple[float, float] | None,
) -> None:
    assert stretch_before(event, [event, *others], VIDEO) == stretch


def says(request: CaptionRequest) -> str:
    return "A man holds a gun." if request.id.startswith("Abuse001_E0") else "A man walks."


def step_that(reply: Any = says) -> Step:
    def build(config: Any) -> TwinStage:
        captioner = ScriptedCaptioner(reply=reply, concurrency=2, num_frames=1)
        return TwinStage(CaptionStage(captioner, config.caption.prompt, "pyav", 60.0, 1.0))

    return replace(TWINS, build=build)


@pytest.fixture(scope="module")
def _footage(tmp_path_factory: pytest.TempPathFactory, executor: LocalExecutor) -> Dataset:
    """Abuse001, 24 s: abnormal from 8 to 11 and from 16 to 19; a normal event and video beside."""
    dataset = a_dataset(tmp_path_factory.mktemp("twins"))
    for name in ("Abuse001", "Calm002"):
        add_video(dataset, f"{name}.mp4", num_frames=600)
    run_named(dataset, "ingest", executor=executor)
    found = []
    for number, (start, end) in enumerate([(8.0, 11.0), (16.0, 19.0), (4.0, 7.0)]):
        label: dict[str, Any] = {"is_anomalous": False, "categories": ()} if number == 2 else {}
        event_id, span = f"Abuse001_E{number}", {"start_seconds": start, "end_seconds": end}
        found += [an_event(event_id, **span, **label), a_clip(f"{event_id}C0", **span)]
    bring_in(dataset, *found, a_caption("Abuse001_E0C0", video_id="Abuse001", text="A gun!"))
    return dataset


@pytest.fixture
def dataset(_footage: Dataset, tmp_path: Path) -> Dataset:
    return copy_of(_footage, tmp_path / "dataset")


def make(dataset: Dataset, executor: LocalExecutor, **changes: Any) -> tuple[int, int]:
    """How many were captioned, how many retired."""
    report = run_step(dataset, step_that(**changes), executor=executor, options=QUIET)
    assert report.num_rejected == 0
    return report.num_done, report.num_retired


def twins_of(dataset: Dataset) -> dict[str, tuple[float, float, str]]:
    twins = Index(dataset).all(Twin)
    return {one.id: (one.start_seconds, one.end_seconds, one.text) for one in twins}


def test_each_abnormal_event_has_its_twin_captioned_once(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    assert make(dataset, executor) == (2, 0)
    assert twins_of(dataset) == {
        "Abuse001_E0T": (4.0, 7.0, "A man holds a gun."),
        "Abuse001_E1T": (12.0, 15.0, "A man walks."),
    }
    assert make(dataset, executor) == (0, 0)


def test_what_twins_tell_of_anomalies_is_counted(dataset: Dataset, executor: LocalExecutor) -> None:
    assert report_on_twins(dataset).num_twins == 0
    make(dataset, executor)
    report = report_on_twins(dataset)
    assert (report.num_twins, report.num_twins_with_claims) == (2, 1)
    assert (report.num_events, report.num_events_with_claims) == (1, 1)
    assert report.claims == {"weapon": 1}
    assert report.examples == (("Abuse001_E0T", "A man holds a gun."),)


def test_moved_event_has_its_twin_captioned_again_alone(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    make(dataset, executor)
    moved = MoveBoundaries(start_seconds=17.0, end_seconds=19.0)
    add_review(dataset, a_review("event", "Abuse001_E1", moved))
    assert make(dataset, executor) == (1, 0)
    assert twins_of(dataset)["Abuse001_E1T"][:2] == (14.0, 16.0)


def test_twin_goes_with_its_event(dataset: Dataset, executor: LocalExecutor) -> None:
    make(dataset, executor)
    add_review(dataset, a_review("event", "Abuse001_E0", Discard(reason="none")))
    assert make(dataset, executor)[1] == 1
    assert set(twins_of(dataset)) == {"Abuse001_E1T"}


def test_nothing_of_a_twin_is_exported(dataset: Dataset, executor: LocalExecutor) -> None:
    bring_in(dataset, a_summary("Abuse001_E1", video_id="Abuse001"))
    run_named(dataset, "instruct")

    def released() -> bytes:
        done = export(dataset, ExportOptions(("hivau-raw", "hivau-single"), "draft"))
        return (done.dir_path / "release.json").read_bytes()

    before = released()
    make(dataset, executor)
    assert released() == before
