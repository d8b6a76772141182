"""Losses and figures of a training run -> TensorBoard files."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch


class TrainingLog:
    """TensorBoard; lines after the step that a resumed run begins with are dropped."""

    def __init__(self, dir_path: Path, first_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(dir_path), purge_step=first_step)

    def losses(self, losses: Mapping[str, torch.Tensor], step: int) -> None:
        """Of one step."""
        for name, loss in losses.items():
            self._writer.add_scalar(f"losses/{name}", float(loss), step)

    def value(self, name: str, value: float, step: int) -> None:
        """One number."""
        self._writer.add_scalar(name.replace(" ", "_"), value, step)

    def close(self) -> None:
        """Everything reaches the disk."""
        self._writer.close()


@contextmanager
def training_log(dir_path: Path, first_step: int) -> Iterator[TrainingLog]:
    """A log that is closed whatever happens."""
    log = TrainingLog(dir_path, first_step)
    try:
        yield log
    finally:
        log.close()
