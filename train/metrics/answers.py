"""A model's answers, lines of `{"id": …, "answer": …}` -> texts by question; every misfit named."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import orjson

from engine.errors import UsageError

_MOST_NAMED = 20


def read_texts(path: Path) -> list[tuple[str, str]]:
    """(question id, what was answered) of every line, in order; ids that are numbers as text.

    Raises `UsageError` naming the first line that is no answer.
    """
    lines = enumerate(path.read_bytes().splitlines(), start=1)
    return [_text_in(line, f"{path}, line {n}") for n, line in lines if line.strip()]


def _text_in(line: bytes, place: str) -> tuple[str, str]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{place}: {error}") from error
    fields = row if isinstance(row, dict) else {}
    id_, answer = fields.get("id"), fields.get("answer")
    if isinstance(id_, bool) or not isinstance(id_, str | int) or not isinstance(answer, str):
        raise UsageError(f'{place}: {line[:80]!r} is not {{"id": "…", "answer": "…"}}')
    return str(id_), answer


def misfits(
    answers: Sequence[tuple[str, str]],
    *,
    wanted: Collection[str],
    allowed: Collection[str] = (),
) -> dict[str, list[str]]:
    """What is wrong with a set of answers -> the ids it is wrong with; empty lists: nothing.

    `allowed` are ids that may be answered and need not be.
    """
    given: dict[str, int] = {}
    for id_, _ in answers:
        given[id_] = given.get(id_, 0) + 1
    known = {*wanted, *allowed}
    return {
        "questions have no answer": [id_ for id_ in wanted if id_ not in given],
        "questions are answered twice": [n for n, count in given.items() if count > 1],
        "answers are to no question": [id_ for id_ in given if id_ not in known],
    }


def refuse(path: Path, problems: Mapping[str, Sequence[str]]) -> None:
    """Raises `UsageError` naming every id of every problem, as far as they can be listed."""
    told = [f"{len(ids)} {what}: {some(ids)}" for what, ids in problems.items() if ids]
    if told:
        raise UsageError(f"{path}: {'; '.join(told)}; mend these, and score again")


def some(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" … and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
