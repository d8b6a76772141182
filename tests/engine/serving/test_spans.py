"""What servers held, written down so that a killed run is paid for too, and what it cost."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.dataset import Dataset
from engine.serving.spans import ServingSpan, new_span, note_serving, serving_spans
from engine.statistics import dataset_tables
from schemas import Provenance
from tests.builders import (
    a_caption,
    a_clip,
    a_dataset,
    a_summary,
    a_video,
    an_event,
    bring_in,
    reconfigured,
)

MODEL = "openai/tiny"
TINY = Provenance(made_by="model", name=MODEL)
PRICE = "[vllm]\nprice_per_gpu_hour = 3.0\n"


def held(hours: float, *, num_gpus: int = 4, stage: Any = "caption") -> ServingSpan:
    """A span that began some hours ago."""
    span = new_span(stage=stage, model=MODEL, num_gpus=num_gpus)
    return span.model_copy(update={"started_at": span.started_at - timedelta(hours=hours)})


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Fifty captions and one event summary of a served model; one caption of a person's."""
    dataset = a_dataset(tmp_path, PRICE)
    clips = [a_clip(f"V_E0C{n}") for n in range(51)]
    captions = [a_caption(f"V_E0C{n}", provenance=TINY) for n in range(50)]
    summary = a_summary("V_E0", provenance=TINY)
    bring_in(
        dataset, a_video("V"), an_event("V_E0"), *clips, *captions, a_caption("V_E0C50"), summary
    )
    return dataset


def rows(dataset: Dataset) -> list[dict[str, Any]]:
    return dataset_tables(dataset)["serving"]


def test_gpu_hours_are_what_was_held_by_all_gpus_and_not_what_requests_took(
    dataset: Dataset,
) -> None:
    note_serving(dataset, held(2.0), num_requests=1000, output_tokens=720_000)
    (row,) = rows(dataset)
    assert (row["hours"], row["GPU hours"]) == pytest.approx((2.0, 8.0), abs=0.001)
    assert row["output tokens/s"] == pytest.approx(100.0, abs=0.1)


def test_cost_is_told_for_a_thousand_texts_of_the_stages_own_kind(dataset: Dataset) -> None:
    note_serving(dataset, held(2.0))
    note_serving(dataset, held(0.5, num_gpus=2, stage="summarize"))
    caption, summarize = rows(dataset)
    assert (caption["texts"], summarize["texts"]) == (50, 1)
    assert caption["GPU hours/1,000"] == pytest.approx(160.0, abs=0.1)
    assert (caption["cost"], caption["cost/1,000"]) == pytest.approx((24.0, 480.0), abs=0.1)
    assert summarize["cost/1,000"] == pytest.approx(3000.0, abs=1.0)


def test_runs_of_one_model_are_summed_up(dataset: Dataset) -> None:
    note_serving(dataset, held(1.0))
    note_serving(dataset, held(2.0, num_gpus=1))
    (row,) = rows(dataset)
    assert (row["runs"], row["GPU hours"]) == (2, pytest.approx(6.0, abs=0.001))


def test_a_span_that_is_noted_again_is_one_run_that_lasted_longer(dataset: Dataset) -> None:
    span = held(0.0)
    note_serving(dataset, span)
    later = span.model_copy(update={"started_at": span.started_at - timedelta(hours=3)})
    note_serving(dataset, later, num_requests=7)
    (found,) = serving_spans(dataset)
    assert found.hours == pytest.approx(3.0, abs=0.001)
    assert found.num_requests == 7


def test_without_a_price_there_are_gpu_hours_and_no_cost(dataset: Dataset) -> None:
    note_serving(dataset, held(1.0))
    (row,) = rows(reconfigured(dataset, ""))
    assert row["GPU hours/1,000"] > 0
    assert "cost" not in row


def test_a_fleet_that_made_nothing_has_cost_and_no_cost_per_text(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path, PRICE)
    note_serving(dataset, held(1.0))
    (row,) = rows(dataset)
    assert (row["texts"], row["cost"]) == (0, pytest.approx(12.0, abs=0.01))
    assert (row["cost/1,000"], row["output tokens/s"]) == (None, None)


def test_a_dataset_that_was_never_served_has_nothing_to_say(dataset: Dataset) -> None:
    assert rows(dataset) == []
