"""Families side by side: each is a step of its own, and none makes another stale."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.cli._exports import unsettled_items
from engine.config import Config
from engine.dataset import Dataset
from engine.errors import UsageError
from engine.flow import FAMILIES, look_at, named_steps, run_step, wanted_steps
from engine.index import Index
from engine.joins.families import scope_of
from engine.release import ExportOptions, export
from engine.status import dataset_status
from schemas import Instruction
from schemas.review import Discard, EditText
from tests.builders import (
    HERE,
    QUIET,
    a_caption,
    a_clip,
    a_dataset,
    a_review,
    a_summary,
    a_video,
    add_review,
    an_event,
    bring_in,
)

E0 = "Abuse1_E0"


def a_summarized_dataset(dir_path: Path, *families: str) -> Dataset:
    dataset = with_families(a_dataset(dir_path), *families)
    bring_in(
        dataset,
        a_video("Abuse1"),
        an_event(E0),
        a_clip(f"{E0}C0"),
        a_caption(f"{E0}C0"),
        a_summary(E0),
        a_summary("Abuse1", video_id="Abuse1", granularity="video"),
    )
    return dataset


def with_families(dataset: Dataset, *families: str) -> Dataset:
    config = dataset.config
    instruct = config.instruct.model_copy(update={"families": families})
    return replace(dataset, config=config.model_copy(update={"instruct": instruct}))


def instruct(dataset: Dataset) -> dict[str, int]:
    """Family -> how many items were done."""
    return {
        str(step.family): run_step(dataset, step, executor=HERE, options=QUIET).num_done
        for step in named_steps(dataset.config)
        if step.family is not None
    }


def made(dataset: Dataset) -> set[str]:
    return set(Index(dataset).lines(Instruction))


def test_every_family_is_a_step_whose_items_bear_its_name() -> None:
    for step in FAMILIES:
        assert step.family is not None
        assert (step.name, step.scope) == ("instruct", scope_of(step.family))
        assert step.label == f"instruct {step.family}"


def test_a_run_takes_the_families_that_are_named_and_hivau_by_default() -> None:
    def taken(*families: str) -> list[str | None]:
        config = Config.model_validate({"instruct": {"families": families}} if families else {})
        return [step.family for step in wanted_steps(config) if step.family is not None]

    assert taken() == ["hivau"]
    assert taken("vad-instruct", "hivau") == ["hivau", "vad-instruct"]
    assert taken("vad-instruct") == ["vad-instruct"]


def test_a_family_that_is_added_redoes_nothing_of_another(tmp_path: Path) -> None:
    dataset = a_summarized_dataset(tmp_path, "hivau")
    assert instruct(dataset) == {"hivau": 3}
    both = with_families(dataset, "hivau", "vad-instruct")
    assert instruct(both) == {"hivau": 0, "vad-instruct": 1}
    assert f"vad-instruct:{E0}" in made(dataset)
    assert f"hivau:{E0}" in made(dataset)
    assert instruct(both) == {"hivau": 0, "vad-instruct": 0}


def test_a_family_that_is_named_no_more_keeps_its_records_and_is_let_alone(tmp_path: Path) -> None:
    dataset = a_summarized_dataset(tmp_path, "hivau", "vad-instruct")
    instruct(dataset)
    alone = with_families(dataset, "hivau")
    assert instruct(alone) == {"hivau": 0}
    assert f"vad-instruct:{E0}" in made(alone)
    assert instruct(dataset) == {"hivau": 0, "vad-instruct": 0}


def test_an_edited_summary_makes_the_item_of_each_family_stale(tmp_path: Path) -> None:
    dataset = a_summarized_dataset(tmp_path, "hivau", "vad-instruct")
    instruct(dataset)
    edit = EditText(field="analysis", text="A blow is violence.")
    add_review(dataset, a_review("summary", E0, edit))
    stale = {step.family: look_at(dataset, step)[1] for step in named_steps(dataset.config)[-2:]}
    assert [item.id for item in stale["hivau"]] == [f"hivau:{E0}"]
    assert [item.id for item in stale["vad-instruct"]] == [f"vad-instruct:{E0}"]
    [told] = [one for one in dataset_status(dataset).stages if one.stage == "instruct vad-instruct"]
    assert told.reasons == {"its input changed": 1}


def test_an_answer_of_an_event_whose_summary_goes_is_retired_in_each_family(tmp_path: Path) -> None:
    dataset = a_summarized_dataset(tmp_path, "hivau", "vad-instruct")
    instruct(dataset)
    add_review(dataset, a_review("summary", E0, Discard(reason="wrong")))
    instruct(dataset)
    assert made(dataset) == {f"hivau:{E0}C0", "hivau:Abuse1"}


def exported(dataset: Dataset, *formats: str) -> tuple[dict[str, dict[str, int]], Path]:
    report = export(dataset, ExportOptions(formats, "draft"))  # type: ignore[arg-type]
    return report.release.makers, report.dir_path


def test_an_export_takes_the_families_that_are_named(tmp_path: Path) -> None:
    dataset = a_summarized_dataset(tmp_path, "hivau", "vad-instruct")
    instruct(dataset)
    makers, dir_path = exported(dataset, "llava")
    assert makers["instructions.jsonl"] == {
        "rule/instruct-hivau": 3,
        "rule/instruct-vad-instruct": 1,
    }
    assert (dir_path / "llava" / "llava_train.jsonl").read_text().count('"id"') == 4
    makers, dir_path = exported(with_families(dataset, "vad-instruct"), "llava")
    assert makers["instructions.jsonl"] == {"rule/instruct-vad-instruct": 1}
    assert (dir_path / "llava" / "llava_train.jsonl").read_text().count('"id"') == 1


def test_forms_of_hivau_carry_no_other_family(tmp_path: Path) -> None:
    """They name a segment and a task, so rows of two families could not be told apart."""
    dataset = a_summarized_dataset(tmp_path, "hivau", "vad-instruct")
    instruct(dataset)
    _, dir_path = exported(dataset, "hivau-single", "hivau-multi")
    single = dir_path / "hivau-single" / "merge_instruction_train.jsonl"
    assert single.read_text().count('"conversations"') == 7
    multi = (dir_path / "hivau-multi" / "instruction_train.jsonl").read_text()
    assert multi.count(f'"id":"{E0}"') == 1


def test_a_form_that_can_carry_none_of_the_families_is_refused_by_name(tmp_path: Path) -> None:
    dataset = a_summarized_dataset(tmp_path, "vad-instruct")
    instruct(dataset)
    with pytest.raises(UsageError, match="hivau-single carries instructions of hivau alone"):
        exported(dataset, "hivau-single")
    exported(dataset, "hivau-raw", "vad-instruct", "llava")


def test_what_an_export_leaves_out_is_not_called_unsettled(tmp_path: Path) -> None:
    dataset = a_summarized_dataset(tmp_path, "hivau", "vad-instruct")
    instruct(with_families(dataset, "hivau"))
    assert unsettled_items(dataset).get("instruct vad-instruct") == 1
    assert "instruct vad-instruct" not in unsettled_items(with_families(dataset, "hivau"))
