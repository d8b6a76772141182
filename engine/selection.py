"""What of a dataset an export takes: families, splits drawn for a release, and the mix."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from engine.config import Config
from engine.exporters.leakage import refuse_leaks
from engine.formats import TIMES_FAMILIES
from engine.index import Index
from engine.mix import Mix, Tally, plan_mix
from engine.splits import assign_splits
from engine.tree import VideoNode
from engine.trees import Trees
from schemas import Caption, Summary, Video
from schemas.base import Split


@dataclass(frozen=True)
class Selection:
    """What is taken; `of` gives the videos with it and with nothing else."""

    index: Index
    families: Collection[str]
    splits: Mapping[str, Split]
    """Video id -> split, of those that are exported under another than their own."""
    mix: Mix

    def of(self, nodes: Iterable[VideoNode], tally: Tally | None = None) -> Iterator[VideoNode]:
        """Each video under its split, with the instructions that are taken.

        Not with those whose answer is a text that was discarded or is live no more. `instruct`
        retires them when it next runs, but what a person took out must not wait for that.
        """
        captions, summaries = self.index.lines(Caption), self.index.lines(Summary)
        texts = {"clip": captions, "event": summaries, "video": summaries}
        for node in nodes:
            rows = tuple(
                row
                for row in node.instructions
                if row.family in self.families
                and (row.family in TIMES_FAMILIES or row.segment_id in texts[row.granularity])
            )
            placed = replace(node, video=self._placed(node.video), instructions=rows)
            yield self.mix.applied(placed, tally)

    def _placed(self, video: Video) -> Video:
        split = self.splits.get(video.id)
        return video if split is None else video.model_copy(update={"split": split})


def _videos(trees: Trees) -> Iterator[Video]:
    """In natural order; read anew, since a million clips' videos take 170 MB."""
    return (trees.index.get(Video, video_id) for video_id in trees.facts.video_ids)


def select(trees: Trees, config: Config, families: Collection[str]) -> Selection:
    """As `[splits]` and `[mix]` say. Raises `UsageError` where a source is in two splits."""
    index, seed = trees.index, config.dataset.seed
    splits = assign_splits(_videos(trees), config.splits, seed=seed)
    section = config.mix
    unmixed = Selection(index, families, splits, Mix(seed, {}))
    refuse_leaks(map(unmixed._placed, _videos(trees)))
    mix = plan_mix(
        section.weights,
        section.limits,
        seed=seed if section.seed is None else section.seed,
        nodes=lambda: unmixed.of(trees.with_instructions_alone()),
    )
    return replace(unmixed, mix=mix)
