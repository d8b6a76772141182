"""Which videos are asked about times, and what makes their answers stale."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.flow import FAMILIES, look_at, run_step
from engine.index import Index
from engine.release import ExportOptions, export
from engine.status import dataset_status
from schemas import Instruction
from schemas.review import Discard, EditText, MoveBoundaries
from tests.builders import (
    HERE,
    QUIET,
    a_dataset,
    a_review,
    a_score_track,
    a_summary,
    a_video,
    add_review,
    an_event,
    bring_in,
    reconfigured,
)

STEPS = {step.family: step for step in FAMILIES}
TIMES = ("vad-llama", "grounding")


def a_marked_dataset(dir_path: Path) -> Dataset:
    """One abnormal video with one event from 2 to 8 s, one normal one, no text at all."""
    dataset = reconfigured(
        a_dataset(dir_path), '[instruct]\nfamilies = ["vad-llama", "grounding"]\n'
    )
    normal = a_video("Normal2", is_anomalous=False, categories=())
    bring_in(dataset, a_video("Abuse1"), an_event("Abuse1_E0"), normal)
    return dataset


def instruct(dataset: Dataset) -> dict[str, int]:
    return {
        name: run_step(dataset, STEPS[name], executor=HERE, options=QUIET).num_done  # type: ignore[index]
        for name in TIMES
    }


def answers(dataset: Dataset, instruction_id: str) -> list[str]:
    return [turn.answer for turn in Index(dataset).get(Instruction, instruction_id).turns]


def test_times_need_no_text(tmp_path: Path) -> None:
    dataset = a_marked_dataset(tmp_path)
    assert instruct(dataset) == {"vad-llama": 2, "grounding": 2}
    made = Index(dataset).get(Instruction, "grounding:Abuse1")
    assert (made.granularity, made.is_anomalous, made.family) == ("video", True, "grounding")
    assert "the abuse" in made.turns[1].question
    assert made.turns[1].answer == "It starts at 2 s and ends at 8 s."


def test_a_moved_boundary_makes_the_videos_answers_stale_and_a_text_none(tmp_path: Path) -> None:
    dataset = a_marked_dataset(tmp_path)
    bring_in(dataset, a_summary("Abuse1_E0"))
    instruct(dataset)
    add_review(dataset, a_review("summary", "Abuse1_E0", EditText(field="text", text="Other.")))
    assert instruct(dataset) == {"vad-llama": 0, "grounding": 0}
    moved = MoveBoundaries(start_seconds=3.0, end_seconds=8.0)
    add_review(dataset, a_review("event", "Abuse1_E0", moved))
    assert instruct(dataset) == {"vad-llama": 1, "grounding": 1}
    assert answers(dataset, "vad-llama:Abuse1") == ["Yes, there exist anomalies from 3s to 8s."]


def test_a_discarded_event_is_told_of_no_more(tmp_path: Path) -> None:
    dataset = a_marked_dataset(tmp_path)
    instruct(dataset)
    add_review(dataset, a_review("event", "Abuse1_E0", Discard(reason="no event")))
    instruct(dataset)
    assert set(Index(dataset).lines(Instruction)) == {"vad-llama:Normal2", "grounding:Normal2"}


def test_what_a_category_is_called_makes_its_videos_stale(tmp_path: Path) -> None:
    ours = Path("manifests/categories.toml").read_text(encoding="utf-8")
    file = tmp_path / "elsewhere.toml"
    file.write_text(ours)
    dataset = a_marked_dataset(tmp_path / "ds")
    categories = dataset.config.categories.model_copy(update={"file": str(file)})
    dataset = replace(dataset, config=dataset.config.model_copy(update={"categories": categories}))
    instruct(dataset)
    assert instruct(dataset) == {"vad-llama": 0, "grounding": 0}
    file.write_text(ours.replace('called = "abuse"', 'called = "mistreatment"'))
    pending = look_at(dataset, STEPS["grounding"])[1]
    assert [item.id for item in pending] == ["grounding:Abuse1"]
    assert instruct(dataset)["grounding"] == 1, "and no stamp hides it"


def test_times_are_exported_though_nothing_was_captioned(tmp_path: Path) -> None:
    dataset = a_marked_dataset(tmp_path)
    instruct(dataset)
    report = export(dataset, ExportOptions(("llava", "vad-llama"), "draft"))
    assert report.release.num_instructions == 4
    assert report.release.makers["instructions.jsonl"] == {
        "rule/instruct-grounding": 2,
        "rule/instruct-vad-llama": 2,
    }
    rows = (report.dir_path / "vad-llama" / "train.jsonl").read_text()
    assert "Yes, there exist anomalies from 2s to 8s." in rows


def a_scored_dataset(dir_path: Path, **changes: Any) -> Dataset:
    dataset = a_marked_dataset(dir_path)
    config = dataset.config
    score = config.score.model_copy(update={"model": "/scorer"} | changes)
    instruct_section = config.instruct.model_copy(update={"spans": "scores"})
    changed = config.model_copy(update={"score": score, "instruct": instruct_section})
    return replace(dataset, config=changed)


def test_spans_can_come_from_a_trained_scorer_as_in_the_paper(tmp_path: Path) -> None:
    dataset = a_scored_dataset(tmp_path)
    low, high = (0.1,) * 5, (0.1, 0.9, 0.6, 0.2, 0.5)
    bring_in(dataset, a_score_track("Abuse1", scores=high))
    assert instruct(dataset)["vad-llama"] == 1, "the other waits for its scores"
    assert answers(dataset, "vad-llama:Abuse1") == [
        "Yes, there exist anomalies from 1s to 3s and from 4s to 5s."
    ]
    bring_in(dataset, a_score_track("Normal2", scores=high))
    instruct(dataset)
    assert answers(dataset, "vad-llama:Normal2") == ["No, there are no anomalies."]
    bring_in(dataset, a_score_track("Abuse1", scores=low))
    instruct(dataset)
    assert "vad-llama:Abuse1" not in Index(dataset).lines(Instruction)


def test_the_motion_score_is_no_anomaly_score(tmp_path: Path) -> None:
    dataset = a_scored_dataset(tmp_path, model="baseline")
    with pytest.raises(UsageError, match="needs a trained scorer"):
        look_at(dataset, STEPS["vad-llama"])
    [told] = [one for one in dataset_status(dataset).stages if one.stage == "instruct vad-llama"]
    assert told.problem is not None
