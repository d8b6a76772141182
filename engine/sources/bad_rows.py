"""Problems in a person's file -> the one error that names them all."""

from collections.abc import Sequence
from pathlib import Path

from engine.errors import UsageError


def bad_rows(what: str, *, path: Path, problems: Sequence[str]) -> UsageError:
    """The error to raise: every problem on a line of its own, each naming its row."""
    listed = "\n  ".join(problems)
    count = "1 bad entry" if len(problems) == 1 else f"{len(problems)} bad entries"
    return UsageError(f"{what} {path}: {count}; nothing was imported; mend:\n  {listed}")
