"""What makes features: frames go in as they are decoded, one vector per 16-frame snippet comes out.

The same extractor serves files and live streams, so it may look back, never ahead.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.media.frames import Frame
from engine.models.chat import Json


@dataclass(frozen=True)
class SnippetFeatures:
    """What up to 16 frames look like."""

    start_seconds: float
    """When the first frame is shown."""
    last_seconds: float
    """When the last frame is shown."""
    num_frames: int
    vector: NDArray[np.float32]
    """(width,)"""


class FeatureExtractor(Protocol):
    """Frames in order of time -> snippets in order of time, as soon as each is complete."""

    @property
    def name(self) -> str:
        """Says all that matters of how the vectors are made; also the folder of their files."""
        ...

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        ...

    @property
    def max_side_px(self) -> int:
        """Frames need not be larger than this."""
        ...

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """All that changes a vector."""
        ...

    def snippets(self, frames: Iterable[Frame]) -> Iterator[SnippetFeatures]:
        """Every 16 frames one snippet; the last may be shorter. Holds no more than a batch."""
        ...
