"""Items of instruct, family by family: segments with what their questions are made of."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from engine.census import Census
from engine.families.family import TextSubject
from engine.formats import Family
from engine.joins.facts import Facts
from engine.stage import Pending, digest
from schemas import Caption, Clip, Event, Record, Summary, Video


def scope_of(family: Family) -> str:
    """What the ids of a family's items and instructions begin with."""
    return f"{family}:"


def to_hivau(facts: Facts, census: Census) -> Iterator[Pending[TextSubject]]:
    """Every captioned clip, every summarized event, every summarized video."""
    scope, ids_of = scope_of("hivau"), facts.segment_ids
    yield from _with_texts(facts, census, (scope, Clip, Caption), ids_of["clip"], _clip)
    yield from _with_texts(facts, census, (scope, Event, Summary), ids_of["event"], _event)
    yield from _with_texts(facts, census, (scope, Video, Summary), ids_of["video"], _video)


def to_vad_instruct(facts: Facts, census: Census) -> Iterator[Pending[TextSubject]]:
    """Every summarized event."""
    types = (scope_of("vad-instruct"), Event, Summary)
    yield from _with_texts(facts, census, types, facts.segment_ids["event"], _event)


def _with_texts(
    facts: Facts,
    census: Census,
    types: tuple[str, type[Record], type[Record]],
    segment_ids: Iterable[str],
    build: Callable[[Facts, str], TextSubject],
) -> Iterator[Pending[TextSubject]]:
    """Of these segments those that have a text, under a scope; and how their items are made."""
    scope, segment_type, text_type = types
    segments, texts = facts.index.lines(segment_type), facts.index.lines(text_type)
    content_of = facts.index.reviewed_content
    for segment_id in segment_ids:
        if segment_id not in texts:
            continue
        input_sha256 = digest(
            content_of(segment_type, segment_id, segments[segment_id]),
            content_of(text_type, segment_id, texts[segment_id]),
        )
        item_id = scope + segment_id
        if census.wants(item_id, input_sha256):
            yield Pending(item_id, input_sha256.hex(), "", partial(build, facts, segment_id))


def _clip(facts: Facts, clip_id: str) -> TextSubject:
    clip, caption = facts.index.view(Clip, clip_id), facts.index.view(Caption, clip_id)
    interval = clip.start_seconds, clip.end_seconds
    return TextSubject(clip_id, clip.video_id, "clip", interval, None, caption.text)


def _event(facts: Facts, event_id: str) -> TextSubject:
    event, summary = facts.index.view(Event, event_id), facts.index.view(Summary, event_id)
    interval = event.start_seconds, event.end_seconds
    return TextSubject(event_id, event.video_id, "event", interval, event.is_anomalous, summary)


def _video(facts: Facts, video_id: str) -> TextSubject:
    video, summary = facts.index.view(Video, video_id), facts.index.view(Summary, video_id)
    interval = video.start_seconds, video.end_seconds
    return TextSubject(video_id, video_id, "video", interval, video.is_anomalous, summary)
