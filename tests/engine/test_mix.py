"""`[mix]`: shares and limits of what is trained on, the same every time; what is held out stays."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.config import Config
from engine.dataset import Dataset
from engine.flow import FAMILIES, run_step
from engine.mix import Mix, Tally, plan_mix
from engine.release import ExportOptions, ExportReport, export
from engine.tree import VideoNode
from schemas import Instruction, Turn
from schemas.base import Split
from tests.builders import (
    HERE,
    QUIET,
    a_caption,
    a_clip,
    a_dataset,
    a_summary,
    a_video,
    an_event,
    an_instruction,
    bring_in,
    run_named,
)

TASKS = ("judgement", "description", "analysis")


def an_asked_node(name: str, *families: str, split: Split | None = "train") -> VideoNode:
    turns = tuple(Turn(task=task, question="Q?", answer="A.") for task in TASKS)  # type: ignore[arg-type]
    rows = tuple(
        an_instruction(id=f"{family}:{name}", family=family, segment_id=name, turns=turns)
        for family in families or ("hivau",)
    )
    return VideoNode(a_video(name, split=split), (), None, rows)


NODES = [an_asked_node(f"v{number}", "hivau", "grounding") for number in range(400)]


def taken(mix: Mix, nodes: list[VideoNode]) -> list[Instruction]:
    return [row for node in nodes for row in mix.applied(node).instructions]


def planned(
    weights: dict[str, float] | None = None,
    limits: dict[str, int] | None = None,
    *,
    seed: int = 0,
    nodes: list[VideoNode] | None = None,
) -> Mix:
    return plan_mix(weights or {}, limits or {}, seed=seed, nodes=lambda: nodes or NODES)


def count(rows: list[Instruction]) -> Counter[str]:
    return Counter(row.family for row in rows)


def test_without_settings_everything_is_taken() -> None:
    assert taken(planned(), NODES) == [row for node in NODES for row in node.instructions]


def test_a_weight_is_the_share_of_a_family_that_is_taken() -> None:
    found = count(taken(planned({"hivau": 0.25}), NODES))
    assert found["grounding"] == 400
    assert 70 < found["hivau"] < 130
    assert count(taken(planned({"hivau": 0.0}), NODES)) == {"grounding": 400}


def test_a_task_s_weight_takes_answers_and_leaves_the_others_of_an_instruction() -> None:
    rows = taken(planned({"hivau/analysis": 0.5}), NODES)
    tasks = Counter(turn.task for row in rows for turn in row.turns if row.family == "hivau")
    assert tasks["judgement"] == tasks["description"] == 400
    assert 160 < tasks["analysis"] < 240


def test_an_instruction_of_which_no_answer_is_taken_is_left_out() -> None:
    rows = taken(planned({f"hivau/{task}": 0.0 for task in TASKS}), NODES)
    assert count(rows) == {"grounding": 400}


@pytest.mark.parametrize("most", [0, 1, 37, 400, 9999])
def test_a_limit_is_kept_exactly(most: int) -> None:
    assert count(taken(planned(limits={"hivau": most}), NODES))["hivau"] == min(most, 400)
    rows = taken(planned(limits={"hivau/analysis": most}), NODES)
    tasks = Counter(turn.task for row in rows for turn in row.turns if row.family == "hivau")
    assert tasks["analysis"] == min(most, 400)


def test_limits_of_a_task_count_what_is_left_of_its_family() -> None:
    mix = planned({"hivau/analysis": 0.9}, {"hivau": 100, "hivau/analysis": 50})
    rows = [row for row in taken(mix, NODES) if row.family == "hivau"]
    assert len(rows) == 100
    assert sum(turn.task == "analysis" for row in rows for turn in row.turns) == 50


def test_the_same_seed_takes_the_same_in_any_order_and_another_takes_others() -> None:
    ids = {row.id for row in taken(planned(limits={"hivau": 50}), NODES)}
    again = planned(limits={"hivau": 50}, nodes=NODES[::-1])
    assert {row.id for row in taken(again, NODES[::-1])} == ids
    assert {row.id for row in taken(planned(limits={"hivau": 50}, seed=1), NODES)} != ids


def test_less_is_a_part_of_more() -> None:
    few, many = ({row.id for row in taken(planned({"hivau": w}), NODES)} for w in (0.1, 0.6))
    assert few < many


def test_what_is_held_out_is_whole_and_counts_toward_no_limit() -> None:
    held_out = [an_asked_node(f"t{n}", split="test" if n % 2 else "validation") for n in range(50)]
    nodes = [*held_out, *NODES]
    mix = planned({"hivau": 0.5}, {"hivau": 10}, nodes=nodes)
    assert count(taken(mix, held_out)) == {"hivau": 50}
    assert count(taken(mix, NODES))["hivau"] == 10


def test_videos_without_a_split_are_mixed_as_training_is() -> None:
    """They stand in the training file."""
    nodes = [an_asked_node(f"u{number}", split=None) for number in range(20)]
    assert len(taken(planned(limits={"hivau": 5}, nodes=nodes), nodes)) == 5


def test_a_tally_tells_the_families_of_which_something_was_left_out() -> None:
    mix, tally = planned(limits={"hivau": 10}), Tally()
    for node in NODES:
        mix.applied(node, tally)
    assert tally.changed() == {"hivau": (30, 1200)}


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ({"weights": {"hivvau": 0.5}}, "'hivvau' is no family"),
        ({"limits": {"hivau/caption/x": 1}}, "is no family"),
        ({"limits": {"hivau/captions": 1}}, "is no family, and no family/task"),
        ({"weights": {"hivau": 1.5}}, "a weight is a share"),
        ({"limits": {"hivau": -1}}, "0 or more"),
    ],
)
def test_a_mix_of_what_there_is_not_is_refused(section: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Config.model_validate({"mix": section})


def mixed_dataset(dir_path: Path, **mix: Any) -> Dataset:
    dataset = a_dataset(dir_path)
    for number in range(8):
        video, event = f"Abuse{number}", f"Abuse{number}_E0"
        records = [a_summary(event), a_summary(video, video_id=video, granularity="video")]
        clip = (a_clip(f"{event}C0"), a_caption(f"{event}C0"))
        split = "test" if number >= 6 else "train"
        bring_in(dataset, a_video(video, split=split), an_event(event), *clip, *records)
    run_named(dataset, "instruct")
    config = Config.model_validate({"mix": mix})
    changed = dataset.config.model_copy(update={"mix": config.mix})
    return replace(dataset, config=changed)


def exported(dataset: Dataset, **changes: Any) -> ExportReport:
    options: dict[str, Any] = {"formats": ("hivau-single", "llava", "parquet"), "name": "draft"}
    return export(dataset, ExportOptions(**(options | changes)))


def rows_in(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_a_release_is_mixed_and_its_papers_say_so(tmp_path: Path) -> None:
    dataset = mixed_dataset(tmp_path, limits={"hivau/caption": 2})
    report = exported(dataset)
    single = report.dir_path / "hivau-single"
    train, test = (
        rows_in(single / f"merge_instruction_{split}.jsonl") for split in ("train", "test")
    )
    assert Counter(row["task"] for row in train)["caption"] == 2
    assert Counter(row["task"] for row in test)["caption"] == 2, "two videos, none left out"
    assert [row["id"] for row in train] == list(range(len(train)))
    assert report.release.mixed == {"hivau": (38, 42)}
    assert report.release.makers["instructions.jsonl"] == {"rule/instruct-hivau": 20}
    card = (report.dir_path / "README.md").read_text()
    assert "38 of 42 answers of family `hivau` for training were taken (`[mix]`)" in card
    first = {path.name: path.read_bytes() for path in single.iterdir()}
    again = exported(dataset, overwrite=True)
    assert {p.name: p.read_bytes() for p in (again.dir_path / "hivau-single").iterdir()} == first


def test_what_a_mix_leaves_out_does_not_come_back_as_another_row(tmp_path: Path) -> None:
    """The form makes items of summaries where an event has none of its own."""
    dataset = mixed_dataset(tmp_path, limits={"vad-instruct": 1, "vad-llama": 1})
    families = ("vad-instruct", "vad-llama")
    instruct = dataset.config.instruct.model_copy(update={"families": families})
    dataset = replace(dataset, config=dataset.config.model_copy(update={"instruct": instruct}))
    for step in FAMILIES:
        if step.family in families:
            run_step(dataset, step, executor=HERE, options=QUIET)
    report = exported(dataset, formats=families)
    for family in families:
        assert len(rows_in(report.dir_path / family / "train.jsonl")) == 1
        assert len(rows_in(report.dir_path / family / "test.jsonl")) == 2
    assert report.release.mixed == {"vad-instruct": (1, 6), "vad-llama": (1, 6)}
