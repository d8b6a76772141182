"""A dataset -> every defect in it."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TypeVar

from engine.dataset import Dataset
from engine.index import Index, natural_order
from engine.ledger import IMPORT_LEDGER
from engine.quality.defects import Defect
from engine.quality.source_validators import (
    defect_of_unfit,
    validate_clicks,
    validate_human_captions,
)
from engine.quality.validators import validate_video
from engine.rejects import current_rejects
from engine.sources.imported import UnfitVideo
from engine.trees import Trees
from schemas import Click, HumanCaption, Record

AnyRecord = TypeVar("AnyRecord", bound=Record)


def defects_in_dataset(
    dataset: Dataset, *, on_video: Callable[[], None] = lambda: None
) -> Iterator[Defect]:
    """Every defect of every live video, then of what an import could not take."""
    index = Index(dataset)
    clicks, captions = _by_video(index, Click), _by_video(index, HumanCaption)
    for node in Trees(index).all():
        yield from validate_video(node)
        yield from validate_clicks(node.video, clicks[node.video.id])
        yield from validate_human_captions(node.video, captions[node.video.id])
        on_video()
    for reject in current_rejects(dataset, stage=IMPORT_LEDGER):
        yield defect_of_unfit(UnfitVideo(reject.item_id.rpartition(":")[2], reject.detail))


def _by_video(index: Index, record_type: type[AnyRecord]) -> dict[str, list[AnyRecord]]:
    """Video id -> its records in order of their ids, which is the order of their file."""
    found: dict[str, list[AnyRecord]] = defaultdict(list)
    for record_id in sorted(index.lines(record_type), key=natural_order):
        record = index.get(record_type, record_id)
        found[str(getattr(record, "video_id", ""))].append(record)
    return found
