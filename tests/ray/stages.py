"""Stages for workers on nodes: items say how they go wrong."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from engine.errors import ServiceError
from engine.stage import Item
from schemas import Record
from tests.builders import a_caption
from tests.engine.misbehaving import LoadingStage


@dataclass(frozen=True)
class WorkingStage(LoadingStage):
    """Loads like its base; then works for a while, and dies or stops the run if its item says so.

    The caption tells the process in which it was made.
    """

    seconds: float = 0.0

    def process(self, item: Item[Any]) -> Iterable[Record]:
        time.sleep(self.seconds)
        if item.body == "take the worker down":
            os._exit(3)
        if item.body == "service gone":
            raise ServiceError("the endpoint is gone")
        return [a_caption(item.id, text=f"{os.getpid()}")]
