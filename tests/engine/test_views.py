from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, field_validator

from engine.errors import UsageError
from engine.store import dump_line, parse_record
from engine.views import REFUSED, view_reader, view_type, with_fields
from schemas import Caption, Clip, Event, Instruction, Record, Summary, Usage, Video
from schemas.base import Frozen
from tests.builders import a_caption, a_clip, a_media, a_summary, a_video, an_event, an_instruction

RECORDS: tuple[Record, ...] = (
    a_video(),
    a_video(media=a_media()),
    an_event(),
    a_clip(),
    a_caption(),
    a_caption(usage=Usage(prompt_tokens=1, output_tokens=2, seconds=0.5)),
    a_summary(),
    a_summary(analysis=None),
    an_instruction(),
)
READ_AS_VIEWS = (Video, Event, Clip, Caption, Summary, Instruction)
ODD: tuple[object, ...] = (
    *(None, True, 0, -1, 1.0, 1.5, 10**30, "", " ", "\x1c", "é", "clip", "test"),
    *([], [""], [{}], {}, {"text": "x"}),
)


def is_refused(reader: Any, line: bytes) -> bool:
    try:
        reader(line)
    except (*REFUSED, UsageError):
        return True
    return False


def by_pydantic(record_type: type[Record], line: bytes) -> Record:
    return parse_record(record_type, line, path=Path("x.jsonl"))


def places(value: object) -> Iterator[tuple[Any, Any]]:
    """Every container with every key of it."""
    if isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        for key in keys:
            yield value, key
            yield from places(value[key])


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_view_says_what_its_record_says(record: Record) -> None:
    view = view_reader(type(record))(dump_line(record))
    assert msgspec.to_builtins(view) == record.model_dump()
    for name in ("duration_seconds", "is_baseline"):
        assert getattr(view, name, None) == getattr(record, name, None)


@pytest.mark.parametrize("record_type", READ_AS_VIEWS)
def test_every_type_that_is_exported_has_a_view(record_type: type[Record]) -> None:
    assert set(view_type(record_type).__struct_fields__) == set(record_type.model_fields)


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_a_view_refuses_what_its_record_refuses(data: st.DataObject) -> None:
    record = data.draw(st.sampled_from(RECORDS))
    fields = orjson.loads(dump_line(record))
    for _ in range(data.draw(st.integers(1, 2))):
        holder, key = data.draw(st.sampled_from(list(places(fields))))
        change = data.draw(st.sampled_from(["set", "drop", "add"]))
        if change == "set":
            # A copy: what is put into an odd value must not stay in it for the next example.
            holder[key] = deepcopy(data.draw(st.sampled_from(ODD) | st.floats(-5, 5)))
        elif change == "drop":
            del holder[key]
        elif isinstance(holder, dict):
            holder["mood"] = 1
    line = msgspec.json.encode(fields)
    if is_refused(lambda line: by_pydantic(type(record), line), line):
        assert is_refused(view_reader(type(record)), line)


DAMAGES = (
    (b'"text":"', b'"text":"\xff'),
    (b'"text":"', b'"text":"\x01'),
    (b'"text":"', b'"text":"\\ud800'),
    (b'"text":"', b'"text":"\\x'),
    (b'{"id"', b'\xef\xbb\xbf{"id"'),
    (b'"id"', b"id"),
    (b"}\n", b""),
    (b"}\n", b"}{}"),
    (b"}\n", b"} x"),
    (b"}\n", b",}"),
)


@pytest.mark.parametrize(("old", "new"), DAMAGES)
def test_a_damaged_line_is_refused_by_views_as_by_records(old: bytes, new: bytes) -> None:
    line = dump_line(a_caption()).replace(old, new)
    assert is_refused(lambda line: by_pydantic(Caption, line), line)
    assert is_refused(view_reader(Caption), line)


@pytest.mark.parametrize("seconds", [b"NaN", b"Infinity", b"1e999", b'"1"', b"null"])
def test_a_time_that_is_no_finite_number_is_refused(seconds: bytes) -> None:
    line = dump_line(a_clip(start_seconds=7.25, end_seconds=8.5)).replace(b"7.25", seconds)
    assert is_refused(view_reader(Clip), line)


def test_a_stretch_that_ends_before_it_starts_is_refused() -> None:
    line = dump_line(a_clip(start_seconds=7.25, end_seconds=8.5)).replace(b"7.25", b"9.0")
    assert is_refused(view_reader(Clip), line)


class _Checked(Frozen):
    text: str

    @field_validator("text")
    @classmethod
    def _check(cls, text: str) -> str:
        return text


class _Multiple(Frozen):
    count: int = Field(multiple_of=3)


class _Table(Frozen):
    counts: dict[str, int]


@pytest.mark.parametrize("model", [_Checked, _Multiple, _Table])
def test_a_schema_with_a_check_that_views_do_not_know_has_no_view(model: type[Frozen]) -> None:
    with pytest.raises(TypeError, match="no view"):
        view_type(model)


def test_a_view_and_a_record_take_other_values_alike() -> None:
    """Exports read views of videos and of instructions, and rebuilds read records."""
    record = a_video(split="train")
    view = view_reader(Video)(dump_line(record))
    for one in (record, view):
        assert with_fields(one, split="test").split == "test"
    assert (record.split, view.split) == ("train", "train")
