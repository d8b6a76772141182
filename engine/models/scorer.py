"""What a trained scorer is to the engine: features of one video in, anomaly scores out."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Scorer(Protocol):
    """A network with its weights, ready to score."""

    @property
    def extractor(self) -> str:
        """Name of the extractor whose features it was trained on; "" where the file is silent."""
        ...

    @property
    def width(self) -> int:
        """Numbers per snippet that it takes."""
        ...

    @property
    def network(self) -> str:
        """`ur_dmu` …"""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of the file that it was read from."""
        ...

    def score(self, features: NDArray[np.floating]) -> NDArray[np.floating]:
        """(C, T, D) features of one video -> (T,) scores in [0, 1], crops averaged."""
        ...
