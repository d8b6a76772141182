"""A JSON file keyed by video -> its entries, checked to be objects; nothing else is assumed."""

from collections.abc import Sequence
from pathlib import Path

import orjson

from engine.errors import UsageError
from engine.models.chat import Json


def read_object(path: Path, *, what: str) -> dict[str, Json]:
    """The file's one object. Raises UsageError when it is not JSON or not an object."""
    try:
        loaded: Json = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{what} {path} is not JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise UsageError(
            f"{what} {path}: expected one object keyed by video, got a {_kind(loaded)}"
        )
    return loaded


def as_object(value: Json, *, what: str) -> dict[str, Json]:
    """`value` as an object; ValueError naming `what` otherwise."""
    if not isinstance(value, dict):
        raise ValueError(f"{what} is a {_kind(value)}, expected an object")
    return value


def as_list(value: Json, *, what: str) -> list[Json]:
    """`value` as a list; ValueError naming `what` otherwise."""
    if not isinstance(value, list):
        raise ValueError(f"{what} is a {_kind(value)}, expected a list")
    return value


def as_text(value: Json, *, what: str) -> str:
    """`value` as a string; ValueError naming `what` otherwise."""
    if not isinstance(value, str):
        raise ValueError(f"{what} is a {_kind(value)}, expected a string")
    return value


def as_filled_text(value: Json, *, what: str) -> str:
    """`value` as a string with something in it; ValueError naming `what` otherwise."""
    text = as_text(value, what=what)
    if not text.strip():
        raise ValueError(f"{what} is empty")
    return text


def as_number(value: Json, *, what: str) -> float:
    """`value` as a float; ValueError naming `what` otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{what} is a {_kind(value)}, expected a number")
    return float(value)


def as_texts(value: Json, *, what: str) -> list[str]:
    """`value` as a list of strings; ValueError naming `what` otherwise."""
    return [as_text(entry, what=f"an entry of {what}") for entry in as_list(value, what=what)]


def as_span(value: Json, *, what: str) -> tuple[float, float]:
    """`[start, end]` in seconds, start not after end; ValueError naming `what` otherwise."""
    pair: Sequence[Json] = as_list(value, what=what)
    if len(pair) != 2:
        raise ValueError(f"{what} has {len(pair)} numbers, expected [start, end]")
    start, end = (as_number(number, what=what) for number in pair)
    if end < start:
        raise ValueError(f"{what} ends at {end} s before it starts at {start} s")
    return start, end


def as_spans(value: Json, *, what: str) -> list[tuple[float, float]]:
    """`[[start, end], …]` in seconds; ValueError naming the entry otherwise."""
    entries = as_list(value, what=what)
    return [as_span(entry, what=f"{what}[{number}]") for number, entry in enumerate(entries)]


def _kind(value: Json) -> str:
    names = {dict: "object", list: "list", str: "string", bool: "truth value", type(None): "null"}
    return names.get(type(value), "number")
