"""Prompts, question pools and previews of requests -> rows and lines."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.preview import Preview


def prompt_rows() -> dict[str, list[str]]:
    """Prompt -> its placeholders."""
    from engine.prompting import placeholders, prompt_names

    return {name: sorted(placeholders(name)) for name in prompt_names()}


def question_rows() -> dict[str, int]:
    """Question pool -> how many questions it has."""
    from engine.prompting import question_pools, questions

    return {pool: len(questions(pool)) for pool in question_pools()}


def preview_lines(preview: "Preview") -> Iterator[str]:
    """The request's address and body, or why there is none."""
    import orjson

    yield f"{preview.stage} {preview.item_id} with {preview.model}"
    if preview.body is None:
        yield preview.note
        return
    for endpoint in preview.endpoints:
        yield f"POST {endpoint.rstrip('/')}/chat/completions"
    yield orjson.dumps(preview.body, option=orjson.OPT_INDENT_2).decode()
