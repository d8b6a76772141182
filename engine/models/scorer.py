"""What a trained scorer is to the engine: features of one video in, anomaly scores out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.errors import UsageError
from engine.features import sha256_of


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


MODEL_NAME = "model.safetensors"
"""Of the weights in a folder that training wrote."""
LoadScorer = Callable[[Path], Scorer]
"""A checkpoint file -> the scorer; raises `UsageError` for files that hold none."""


def nobody_loads(path: Path) -> Scorer:
    """Stands where only plans are made. Raises `UsageError`."""
    raise UsageError(
        f"nothing here can load {path}; `vau-data score --checkpoint {path}` does, where PyTorch "
        "is installed"
    )


@dataclass(frozen=True)
class ScorerFile:
    """A checkpoint; read when the first video is to be scored."""

    path: Path
    """The file, or the folder that training wrote."""
    load: LoadScorer = nobody_loads

    @property
    def file_path(self) -> Path:
        """The file itself."""
        return self.path / MODEL_NAME if self.path.is_dir() else self.path

    @cached_property
    def sha256(self) -> str:
        """Hash of the file. Raises `UsageError` where it is not there."""
        try:
            return sha256_of(self.file_path)
        except OSError as error:
            raise UsageError(
                f"cannot read the checkpoint {self.file_path}: {error.strerror}; name a file with "
                "--checkpoint or [score] model, or train one with `vau-data train scorer`"
            ) from error

    @cached_property
    def scorer(self) -> Scorer:
        """The scorer itself."""
        return self.load(self.path)
