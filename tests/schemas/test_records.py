import math

import orjson
import pytest
from pydantic import ValidationError

from schemas import Provenance, Record, Review
from schemas.review import MoveBoundaries
from tests.builders import (
    ONE_OF_EACH,
    VIDEO_ID,
    a_caption,
    a_clip,
    a_media,
    a_score_track,
    a_video,
    an_event,
    an_instruction,
)

each_record = pytest.mark.parametrize("record", ONE_OF_EACH, ids=lambda r: type(r).__name__)


@each_record
def test_a_record_cannot_be_changed(record: Record) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        record.id = "another"  # type: ignore[misc]


@each_record
def test_a_record_with_an_unknown_part_is_refused(record: Record) -> None:
    line = orjson.dumps(record.model_dump(mode="json") | {"mood": "good"})
    with pytest.raises(ValidationError, match="mood"):
        type(record).model_validate_json(line)


@each_record
def test_a_record_that_lacks_a_part_is_refused(record: Record) -> None:
    parts = record.model_dump(mode="json")
    for name, field in type(record).model_fields.items():
        if field.is_required():
            line = orjson.dumps({key: value for key, value in parts.items() if key != name})
            with pytest.raises(ValidationError, match=name):
                type(record).model_validate_json(line)


@each_record
def test_an_empty_id_is_refused(record: Record) -> None:
    line = orjson.dumps(record.model_dump(mode="json") | {"id": ""})
    with pytest.raises(ValidationError, match=r"\bid\b"):
        type(record).model_validate_json(line)


@each_record
def test_provenance_stands_behind_all_that_is_true(record: Record) -> None:
    names = list(type(record).model_fields)
    if "provenance" in names:
        assert set(names[names.index("provenance") :]) <= {"provenance", "usage"}


@pytest.mark.parametrize("wrong", ["2.0", True, math.nan, math.inf])
def test_a_time_is_a_finite_number_and_nothing_that_looks_like_one(wrong: object) -> None:
    with pytest.raises(ValidationError, match="start_seconds"):
        an_event(start_seconds=wrong)


def test_a_stretch_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"ends at 1\.0 s, starts at 2\.0 s"):
        a_clip(start_seconds=2.0, end_seconds=1.0)


def test_a_stretch_may_start_before_zero_as_containers_do() -> None:
    assert a_clip(start_seconds=-0.5, end_seconds=1.0).duration_seconds == 1.5


def test_a_score_track_has_a_start_for_every_score() -> None:
    known = a_score_track().model_dump()
    with pytest.raises(ValidationError, match="1 scores for 2 snippets"):
        type(a_score_track()).model_validate(known | {"scores": (0.1,)})


def test_a_caption_of_nothing_but_blanks_is_refused() -> None:
    with pytest.raises(ValidationError, match="text"):
        a_caption(text=" \n")


def test_an_instruction_without_a_question_is_refused() -> None:
    with pytest.raises(ValidationError, match="turns"):
        an_instruction(turns=())


def test_a_video_of_no_rate_or_a_picture_of_no_width_is_refused() -> None:
    with pytest.raises(ValidationError, match="fps"):
        a_video(fps=0.0)
    with pytest.raises(ValidationError, match="width_px"):
        a_media(width_px=0)


def test_the_kind_of_a_correction_decides_how_it_is_read() -> None:
    line = orjson.dumps(
        {
            "id": "r1",
            "target": "event",
            "target_id": f"{VIDEO_ID}_E0",
            "correction": {"kind": "move_boundaries", "start_seconds": 1.0, "end_seconds": 2.5},
            "author": "tester",
            "at": "2026-01-01T00:00:00Z",
        }
    )
    correction = Review.model_validate_json(line).correction
    assert correction == MoveBoundaries(start_seconds=1.0, end_seconds=2.5)


def test_only_names_that_start_so_are_the_baselines() -> None:
    assert Provenance(made_by="model", name="baseline/captioner-1").is_baseline
    assert not Provenance(made_by="model", name="openai/baseline/x").is_baseline
