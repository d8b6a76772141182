"""The numbers of the published modules; tests that need them skip where they are not."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

REFERENCE = Path(__file__).resolve().parents[3] / "shared"

needs_reference = pytest.mark.skipif(
    not (REFERENCE / "golden" / "scorer.json").exists(),
    reason="the reference numbers (../shared/golden) are not here",
)


@cache
def figures() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((REFERENCE / "golden" / "scorer.json").read_text())
    return loaded


@cache
def arrays() -> dict[str, NDArray[np.float32]]:
    with np.load(REFERENCE / "golden" / "scorer.npz") as found:
        return dict(found)
