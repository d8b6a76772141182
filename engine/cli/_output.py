"""What commands print: JSON or lines on standard output, remarks on standard error."""

import sys
from collections.abc import Mapping


def print_json(value: object) -> None:
    """Dataclasses, records and plain values as indented JSON."""
    import orjson

    options = orjson.OPT_INDENT_2 | orjson.OPT_PASSTHROUGH_SUBCLASS
    print(orjson.dumps(value, default=_plain, option=options).decode())


def _plain(value: object) -> object:
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"no JSON for a {type(value).__name__}")


def remark(text: str) -> None:
    """Say something beside the result, so that pipes get the result alone."""
    print(text, file=sys.stderr, flush=True)


def counted(counts: Mapping[str, int]) -> str:
    """`3 media_timeout, 1 internal`."""
    return ", ".join(f"{count} {what}" for what, count in counts.items())


def how_many(count: int, word: str) -> str:
    """`1 video`, `2 videos`, `3 summaries`."""
    plural = f"{word.removesuffix('y')}ies" if word.endswith("ry") else f"{word}s"
    return f"{count} {word if count == 1 else plural}"
