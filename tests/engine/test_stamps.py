"""A step at rest starts at once, and wakes at any touch."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.dataset import Dataset
from engine.flow import FLOW, run_step
from engine.runner import RunOptions, StageReport
from schemas.review import EditText, MoveBoundaries
from tests.builders import (
    HERE,
    QUIET,
    VIDEO_ID,
    a_caption,
    a_clip,
    a_dataset,
    a_review,
    a_video,
    add_review,
    an_event,
    bring_in,
    reconfigured,
)

CLIP_ID = f"{VIDEO_ID}_E0C0"


@pytest.fixture
def at_rest(tmp_path: Path) -> Dataset:
    """Texts that need no footage, all steps run."""
    dataset = a_dataset(tmp_path)
    bring_in(dataset, a_video(), an_event(), a_clip(), a_caption(CLIP_ID))
    run(dataset)
    run(dataset)
    return dataset


def run(dataset: Dataset, options: RunOptions = QUIET) -> dict[str, StageReport]:
    return {
        step.label: run_step(dataset, step, executor=HERE, options=options) for step in FLOW[1:]
    }


def stamp_of(dataset: Dataset, label: str) -> Path:
    return dataset.dir_path / "runs" / ".stamps" / f"{label}.json"


def test_a_step_at_rest_leaves_a_stamp_and_counts_as_before(at_rest: Dataset) -> None:
    again = run(at_rest)
    assert again["instruct hivau"].num_settled_before == 3
    assert again["instruct hivau"].num_done == 0
    assert stamp_of(at_rest, "instruct hivau").exists()


def test_a_stamp_that_holds_spares_reading_the_records(at_rest: Dataset) -> None:
    path = at_rest.record_path(FLOW[-1].build(at_rest.config).writes)
    state = path.stat()
    path.write_bytes(b"x" * (state.st_size - 1) + b"\n")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    [step] = [step for step in FLOW if step.label == "instruct hivau"]
    assert run_step(at_rest, step, executor=HERE, options=QUIET).num_settled_before == 3


def edit_a_caption(dataset: Dataset) -> None:
    add_review(dataset, a_review("caption", CLIP_ID, EditText(field="text", text="He runs.")))


def move_an_event(dataset: Dataset) -> None:
    moved = MoveBoundaries(start_seconds=1.0, end_seconds=50.0)
    add_review(dataset, a_review("event", f"{VIDEO_ID}_E0", moved))


@pytest.mark.parametrize(
    ("touch", "label"),
    [
        (edit_a_caption, "summarize events"),
        (edit_a_caption, "instruct hivau"),
        (move_an_event, "instruct hivau"),
    ],
)
def test_a_touched_input_wakes_the_steps_that_read_it(
    at_rest: Dataset, touch: Callable[[Dataset], None], label: str
) -> None:
    touch(at_rest)
    assert run(at_rest)[label].num_done > 0


def test_a_changed_setting_wakes_the_step(at_rest: Dataset) -> None:
    assert run(reconfigured(at_rest, "[dataset]\nseed = 7\n"))["instruct hivau"].num_done == 3


def test_a_broken_stamp_counts_for_nothing(at_rest: Dataset) -> None:
    stamp_of(at_rest, "instruct hivau").write_bytes(b"{")
    report = run(at_rest)["instruct hivau"]
    assert (report.num_settled_before, report.num_done) == (3, 0)


def test_a_step_with_work_left_leaves_no_stamp(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, a_video(), an_event(), a_clip(), a_caption(CLIP_ID))
    run(dataset, RunOptions(limit=0, is_quiet=True))
    assert not stamp_of(dataset, "summarize events").exists()
    assert run(dataset)["summarize events"].num_done == 1
