"""What every stage in the flow keeps to."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from engine.config import Config
from engine.flow import FLOW, Step
from engine.index import LEDGERS
from engine.models.chat import Json
from engine.stage import MediaStage, fingerprint_of, parts_of
from engine.store import RECORD_FILES, dump_line
from tests.builders import a_dataset, label_of
from tests.engine.stages.examples import example_items, loaded

ENDPOINT = "http://gpu-17.example:8000/v1"
MODEL = {"model": "tiny", "endpoints": (ENDPOINT,)}
SERVED = Config.model_validate({"caption": MODEL, "summarize": MODEL})
each_step = pytest.mark.parametrize("step", FLOW, ids=label_of)
each_config = pytest.mark.parametrize("config", [Config(), SERVED], ids=["baseline", "served"])


@each_step
def test_a_stage_bears_the_name_of_its_config_section_and_ledger(
    step: Step, tmp_path: Path
) -> None:
    stage = step.build(Config())
    assert stage.name == step.name
    assert stage.name in Config.model_fields
    assert a_dataset(tmp_path).ledger_path(stage.name).name == f"{stage.name}.jsonl"


@each_step
def test_a_stage_writes_one_type_of_record_under_its_own_ledger(step: Step) -> None:
    stage = step.build(Config())
    assert stage.writes in RECORD_FILES
    assert stage.name in LEDGERS[stage.writes]


@each_step
@each_config
def test_a_stage_that_reads_videos_goes_to_another_process_and_back(
    step: Step, config: Config
) -> None:
    stage = step.build(config)
    if isinstance(stage, MediaStage):
        again = pickle.loads(pickle.dumps(stage))
        assert fingerprint_of(again) == fingerprint_of(stage)


@each_step
@each_config
def test_a_fingerprint_is_the_same_for_every_instance(step: Step, config: Config) -> None:
    assert fingerprint_of(step.build(config)) == fingerprint_of(step.build(config))


PRINT_FINGERPRINTS = """
import json
from engine.flow import FLOW
from engine.stage import fingerprint_of
from tests.engine.stages.test_contract import SERVED
print(json.dumps([fingerprint_of(step.build(SERVED)) for step in FLOW]))
"""


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    here = [fingerprint_of(step.build(SERVED)) for step in FLOW]
    for hash_seed in ("1", "2"):
        elsewhere = subprocess.run(
            [sys.executable, "-c", PRINT_FINGERPRINTS],
            cwd=Path(__file__).parents[3],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        )
        assert json.loads(elsewhere.stdout) == here


@each_step
@each_config
def test_a_fingerprint_is_made_of_nothing_but_json(step: Step, config: Config) -> None:
    parts = parts_of(step.build(config))
    assert orjson.loads(orjson.dumps(parts)) == json.loads(json.dumps(parts))


NO_PART = {
    *("endpoints", "workers", "timeout_seconds", "max_retries", "patience_seconds"),
    *("concurrency", "api_key_env", "deadline_seconds", "base_deadline_seconds", "memory_gib"),
}


@each_step
def test_where_and_how_fast_a_stage_works_is_no_part_of_its_fingerprint(step: Step) -> None:
    parts = parts_of(step.build(SERVED))
    assert ENDPOINT.encode() not in orjson.dumps(parts)
    for key, value in _all_parts(parts):
        assert key not in NO_PART
        assert not (isinstance(value, str) and value.startswith("/"))


def _all_parts(value: Json, key: str = "") -> Iterator[tuple[str, Json]]:
    yield key, value
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _all_parts(part, name)
    if isinstance(value, list):
        for part in value:
            yield from _all_parts(part, key)


@each_step
def test_a_stage_gives_only_records_of_its_type_and_always_the_same(
    step: Step, tmp_path: Path
) -> None:
    item = example_items(tmp_path)[step.name]
    first, again = (
        tuple(stage.process(loaded(stage, item)))
        for stage in (step.build(Config()), step.build(Config()))
    )
    assert first
    assert {type(record) for record in first} == {step.build(Config()).writes}
    assert list(map(dump_line, first)) == list(map(dump_line, again))


@each_step
def test_a_stage_that_reads_videos_has_a_deadline(step: Step, tmp_path: Path) -> None:
    stage = step.build(Config())
    if isinstance(stage, MediaStage):
        assert stage.deadline_seconds([example_items(tmp_path)[step.name]]) >= 10.0


@each_step
def test_a_stage_touches_no_folder_but_the_videos(step: Step, tmp_path: Path) -> None:
    item = example_items(tmp_path)[step.name]
    before = sorted(tmp_path.rglob("*"))
    stage = step.build(Config())
    list(stage.process(loaded(stage, item)))
    assert sorted(tmp_path.rglob("*")) == before


def test_no_two_steps_share_a_stage_and_a_scope() -> None:
    labels = [label_of(step) for step in FLOW]
    assert len(set(labels)) == len(labels)
