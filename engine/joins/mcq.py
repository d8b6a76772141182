"""Items of the family `mcq`: videos with the abnormal events that can be asked about."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import orjson

from engine.census import Census
from engine.families.mcq import McqSubject
from engine.joins.facts import Facts
from engine.joins.families import scope_of
from engine.mcq import Category, Option, Scene, Span, rounded_shares, span_in, tenths_in
from engine.stage import Pending, digest
from schemas import Event


class _Abnormal(NamedTuple):
    """An abnormal event, as far as a question needs it."""

    span: Span
    """In tenths of a second from the video's first frame."""
    categories: tuple[str, ...]

    @property
    def category(self) -> str | None:
        """None: it has none, or several, of which a question could name one alone."""
        return self.categories[0] if len(self.categories) == 1 else None


_CategoriesOf = Mapping[str, tuple[Category, ...]]
"""Source -> its categories: those of another may mean the same."""


_MOST_CATEGORIES = 24
"""Of a source, the commonest: sets of three grow with the cube. Of others, only times are asked."""


def to_mcq(facts: Facts, census: Census) -> Iterator[Pending[McqSubject]]:
    """Every video with an abnormal event of exactly one category.

    An item depends on the times and categories of its own events, and on how common each category
    is among all events of its source: from these, wrong ones are drawn.
    """
    events_of = {id_: found for id_ in facts.videos if (found := _events(facts, id_))}
    categories_of = _categories(facts, events_of)
    for video_id, events in events_of.items():
        build = partial(_subject, facts, video_id, events, categories_of)
        subject = build()
        if not subject.scenes:
            continue
        input_sha256 = digest(orjson.dumps(_plain(subject), default=tuple))
        item_id = scope_of("mcq") + video_id
        if census.wants(item_id, input_sha256):
            yield Pending(item_id, input_sha256.hex(), "", build)


def _events(facts: Facts, video_id: str) -> list[_Abnormal]:
    """In order of time; the same one twice is one. None where the video is called normal."""
    video = facts.videos[video_id]
    if video.is_anomalous is False:
        return []
    views = facts.index.views(Event, facts.event_ids_of.get(video_id, ()))
    found = [
        _Abnormal(span_in(video, event), event.categories)
        for event in views.values()
        if event.is_anomalous
    ]
    return list(dict.fromkeys(found))


def _categories(facts: Facts, events_of: Mapping[str, Sequence[_Abnormal]]) -> _CategoriesOf:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for video_id, events in events_of.items():
        names = (event.category for event in events)
        counts[facts.videos[video_id].source].update(filter(None, names))
    return {
        source: tuple(
            Category(name, _meaning(facts, name), share)
            for name, share in rounded_shares(found).items()
            if name in dict(found.most_common(_MOST_CATEGORIES))
        )
        for source, found in counts.items()
    }


def _meaning(facts: Facts, name: str) -> str:
    """What texts, and so people, do not tell it from."""
    known = facts.domain.by_name.get(name)
    return ((known and known.read_as) or name).casefold()


def _subject(
    facts: Facts, video_id: str, events: Sequence[_Abnormal], categories_of: _CategoriesOf
) -> McqSubject:
    video, config = facts.videos[video_id], facts.index.dataset.config
    spans = tuple(event.span for event in events)
    known = categories_of.get(video.source, ())
    named = {*video.categories, *(name for event in events for name in event.categories)}
    unfit = {_meaning(facts, name) for name in named}
    scenes = tuple(
        Scene(
            right=Option(event.category, *event.span),
            duration_tenths=tenths_in(video.duration_seconds),
            abnormal_spans=spans,
            categories=tuple(
                one for one in known if one.name == event.category or one.meaning not in unfit
            ),
        )
        for event in events
        if event.category is not None
    )
    interval = video.start_seconds, video.end_seconds
    return McqSubject(video_id, interval, scenes, config.instruct.mcq_tiou, config.dataset.seed)


def _plain(subject: McqSubject) -> list[object]:
    """All that a question depends on but the seed, which the stage's fingerprint has."""
    scenes = (
        (one.right, one.duration_tenths, one.abnormal_spans, one.categories)
        for one in subject.scenes
    )
    return [subject.interval_seconds, subject.max_tiou, *scenes]
