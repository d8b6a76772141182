"""Who made the records of a release: counted, and refused where baseline texts mix with others."""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain, islice, repeat
from operator import itemgetter
from pathlib import Path

import orjson

from engine.errors import UsageError
from engine.joins.facts import Facts
from engine.store import PROVENANCE_MARK, parse_object
from schemas import Caption, Click, Clip, Event, Record, Summary, Video
from schemas.base import Granularity

_COUNTED: tuple[type[Record], ...] = (Video, Click, Event, Clip, Caption, Summary)
"""But instructions, which are counted as they are taken."""


_SEGMENTS_OF: Mapping[type[Record], tuple[Granularity, ...]] = {
    Event: ("event",),
    Clip: ("clip",),
    Caption: ("clip",),
    Summary: ("event", "video"),
}


def released_ids(facts: Facts, record_type: type[Record]) -> Iterable[str]:
    """Live records; of segments and what is about them those alone whose video is live too."""
    lines = facts.index.lines(record_type)
    if record_type not in _SEGMENTS_OF:
        return lines
    of_type = (facts.segment_ids[granularity] for granularity in _SEGMENTS_OF[record_type])
    return filter(lines.__contains__, chain.from_iterable(of_type))


def count_makers(facts: Facts) -> dict[str, dict[str, int]]:
    """Per record file, how many released records each model, rule or person made."""
    makers: dict[str, dict[str, int]] = {}
    for record_type in _COUNTED:
        lines = facts.index.lines(record_type)
        path = facts.index.dataset.record_path(record_type)
        released = map(lines.__getitem__, released_ids(facts, record_type))
        tails = map(itemgetter(2), map(bytes.rpartition, released, repeat(PROVENANCE_MARK)))
        names = Counter[str]()
        while counted := Counter(islice(tails, _MANY)):
            for tail, count in counted.items():
                names[_name_in(tail, path)] += count
        if names:
            makers[path.name] = dict(sorted(names.items()))
    return makers


_MANY = 10_000
"""Lines at a time: what a model call cost makes each tail another."""


def _name_in(tail: bytes, path: Path) -> str:
    """Who made a record whose line has `tail` after the mark; all of a line that has no mark."""
    try:
        fields = orjson.loads(b'{"provenance":' + tail)
    except orjson.JSONDecodeError:
        fields = parse_object(tail, path=path)
    try:
        return str(fields["provenance"]["name"])
    except (KeyError, TypeError) as error:
        raise UsageError(f"{path}: {tail[:80]!r} has no provenance; delete that line") from error


_TEXT_FILES = ("captions.jsonl", "summaries.jsonl")


# People's names, such as `uca`, carry no slash; those of models, also of imported texts, do.
def refuse_mixture(makers: Mapping[str, Mapping[str, int]], *, allow_baseline: bool) -> None:
    """Raises `UsageError` where texts of the baseline stand beside those of a real model."""
    names = {name for file in _TEXT_FILES for name in makers.get(file, {})}
    baseline = {name for name in names if name.startswith("baseline/")}
    real = {name for name in names - baseline if "/" in name}
    if baseline and real and not allow_baseline:
        raise UsageError(
            f"texts of the baseline ({', '.join(sorted(baseline))}) would be mixed with those of "
            f"{', '.join(sorted(real))}; run the stages that are stale first (`vau-data status`), "
            "or export with --allow-baseline"
        )
