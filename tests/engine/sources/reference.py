"""Where the reference data lie, for tests that measure against published files."""

from pathlib import Path

import pytest

REFERENCE_DIR = Path(__file__).resolve().parents[4] / "shared" / "data"

needs_reference_data = pytest.mark.skipif(
    not REFERENCE_DIR.is_dir(), reason=f"reference data is absent: no {REFERENCE_DIR.name} folder"
)


def reference(name: str) -> Path:
    """A file of the reference data."""
    return REFERENCE_DIR / name
