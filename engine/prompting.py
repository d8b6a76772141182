"""Prompt and question files: read, filled strictly, and hashed. Their headers are never sent."""

import hashlib
import string
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from zlib import crc32

from engine.errors import UsageError

PROMPTS_DIR_PATH = Path(__file__).resolve().parent.parent / "prompts"
_FENCE = "---\n"


@cache
def prompt_body(name: str) -> str:
    """What `prompts/<name>.md` says to the model: the file without its header, stripped."""
    path = PROMPTS_DIR_PATH / f"{name}.md"
    if not path.is_file():
        known = ", ".join(prompt_names())
        raise UsageError(f"no prompt {name!r}; there are: {known}")
    text = path.read_text(encoding="utf-8")
    if not text.startswith(_FENCE) or _FENCE not in text[len(_FENCE) :]:
        raise UsageError(f"{path} must start with a header between two lines of ---")
    return text[len(_FENCE) :].partition(_FENCE)[2].strip()


def prompt_names() -> list[str]:
    """All prompts there are."""
    return sorted(path.stem for path in PROMPTS_DIR_PATH.glob("*.md") if path.stem != "README")


def fill(name: str, values: Mapping[str, str]) -> str:
    """The prompt with its placeholders filled; exactly those, or it is a fault.

    Values may contain braces: what is filled in is not looked at again.
    """
    body = prompt_body(name)
    wanted = placeholders(name)
    if wanted != set(values):
        raise UsageError(
            f"prompts/{name}.md has the placeholders {sorted(wanted)}, but is filled with "
            f"{sorted(values)}"
        )
    return body.format_map(values)


def placeholders(name: str) -> set[str]:
    """Names of the placeholders in a prompt."""
    fields = string.Formatter().parse(prompt_body(name))
    return {field for _, field, _, _ in fields if field is not None}


def prompt_sha256(name: str) -> str:
    """Hash of what is sent, so that mending a header makes nothing stale."""
    return hashlib.sha256(prompt_body(name).encode()).hexdigest()


@cache
def questions(pool: str) -> tuple[str, ...]:
    """The questions of `prompts/questions/<pool>.txt`, one per line."""
    path = PROMPTS_DIR_PATH / "questions" / f"{pool}.txt"
    if not path.is_file():
        known = ", ".join(question_pools())
        raise UsageError(f"no question pool {pool!r}; there are: {known}")
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def question_pools() -> list[str]:
    """All question pools there are."""
    return sorted(path.stem for path in (PROMPTS_DIR_PATH / "questions").glob("*.txt"))


def draw(pool: str, key: str) -> str:
    """The question that falls to `key`: always the same, spread evenly over the pool."""
    choices = questions(pool)
    return choices[crc32(f"{pool}/{key}".encode()) % len(choices)]
