"""Trees -> what a release's card and report tell: counts, durations, words, and a sample.

Held for a million clips: two numbers per segment, a counter per group, and a few dozen trees.
"""

import hashlib
import heapq
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from engine.statistics import NOBODY_SAID
from engine.tree import VideoNode
from schemas import Video
from schemas.base import Granularity

GRANULARITIES: tuple[Granularity, ...] = ("clip", "event", "video")
_SAMPLE_OF_EACH = 12
"""Videos shown in the report, abnormal and others apart."""


class Spread(NamedTuple):
    """How some numbers lie."""

    num: int
    mean: float
    median: float
    most: float


@dataclass
class Figures:
    """What was counted so far; `add` every tree once."""

    seconds: dict[str, "array[float]"] = field(default_factory=lambda: _columns())
    words: dict[str, "array[float]"] = field(default_factory=lambda: _columns())
    by_split: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(split, granularity) -> segments."""
    by_category: Counter[tuple[str, str]] = field(default_factory=Counter)
    questions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(family, granularity, task) -> how many."""
    answer_words: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    right_letters: Counter[str] = field(default_factory=Counter)
    """Of multiple choice."""
    _sample: dict[bool, list[tuple[bytes, str, VideoNode]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def add(self, node: VideoNode) -> None:
        """Count a video with all that hangs on it."""
        video = node.video
        self._add_segment(video, "video", video.duration_seconds)
        if node.summary is not None:
            self.words["video"].append(_num_words(node.summary.text))
        for event in node.events:
            self._add_segment(video, "event", event.event.duration_seconds)
            if event.summary is not None:
                self.words["event"].append(_num_words(event.summary.text))
            for clip in event.clips:
                self._add_segment(video, "clip", clip.clip.duration_seconds)
                if clip.caption is not None:
                    self.words["clip"].append(_num_words(clip.caption.text))
        for row in node.instructions:
            for turn in row.turns:
                key = (row.family, row.granularity, turn.task)
                self.questions[key] += 1
                self.answer_words[key] += _num_words(turn.answer)
                if turn.task == "mcq":
                    self.right_letters[turn.answer] += 1
        self._keep_some(node)

    def _add_segment(self, video: Video, granularity: str, seconds: float) -> None:
        self.seconds[granularity].append(seconds)
        self.by_split[video.split or "none", granularity] += 1
        for category in categories_of(video):
            self.by_category[category, granularity] += 1

    def _keep_some(self, node: VideoNode) -> None:
        """A uniform sample that depends on nothing but ids: those of the largest hashes."""
        kept = self._sample[node.video.is_anomalous is True]
        item = (hashlib.sha256(node.video.id.encode()).digest(), node.video.id, node)
        if len(kept) < _SAMPLE_OF_EACH:
            heapq.heappush(kept, item)
        elif item[:2] > kept[0][:2]:
            heapq.heapreplace(kept, item)

    def sample(self) -> list[VideoNode]:
        """Abnormal videos, then others; each in order of their ids."""
        return [
            node
            for is_abnormal in (True, False)
            for _, _, node in sorted(self._sample[is_abnormal], key=lambda item: item[1])
        ]

    @property
    def num_queries(self) -> int:
        """Questions of all kinds, as VAD-Instruct50k's Table 6 counts them."""
        return self.questions.total()

    @property
    def mean_answer_words(self) -> float:
        """Words of an answer on average; 0 where there is none."""
        return self.answer_words.total() / max(1, self.num_queries)


def spread(numbers: "array[float]") -> Spread | None:
    """None where there is no number."""
    if not numbers:
        return None
    return Spread(len(numbers), sum(numbers) / len(numbers), median(numbers), max(numbers))


def share_per_bin(numbers: Iterable[float], edges: tuple[float, ...]) -> list[float]:
    """Shares below the first edge, between each two, and from the last on; they sum to 1 or 0."""
    from bisect import bisect_right

    counts = [0] * (len(edges) + 1)
    for number in numbers:
        counts[bisect_right(edges, number)] += 1
    total = max(1, sum(counts))
    return [count / total for count in counts]


def categories_of(video: Video) -> tuple[str, ...]:
    """What a video counts as in tables by category."""
    if video.is_anomalous is None:
        return (NOBODY_SAID,)
    return video.categories or (("abnormal",) if video.is_anomalous else ("normal",))


def _columns() -> dict[str, "array[float]"]:
    return {granularity: array("d") for granularity in GRANULARITIES}


def _num_words(text: str) -> int:
    return len(text.split())
