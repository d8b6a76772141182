"""Items of instruct, family by family: segments with what their questions are made of."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from zlib import crc32

import orjson

from engine.census import Census
from engine.errors import UsageError
from engine.families.family import TextSubject
from engine.families.times import TimedEvent, TimesSubject
from engine.families.written import DescribedSubject
from engine.formats import Family
from engine.joins.facts import Facts
from engine.stage import Deferred, Pending, digest
from schemas import Caption, Clip, Event, Record, ScoreTrack, Summary, Video

BASELINE_MARK = b'"name":"baseline/'
"""In the line of a track that is the motion score's."""


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
            yield Pending(item_id, input_sha256.hex(), "", Deferred(build, facts, segment_id))


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


def to_vad_llama(facts: Facts, census: Census) -> Iterator[Pending[TimesSubject]]:
    """Every video, with its events, or with where a trained scorer's scores are high."""
    section = facts.index.dataset.config.instruct
    if section.spans == "events":
        return _with_events(facts, census, scope_of("vad-llama"))
    return _with_scores(facts, census, section.span_score)


def to_grounding(facts: Facts, census: Census) -> Iterator[Pending[TimesSubject]]:
    """Every video, with its events."""
    return _with_events(facts, census, scope_of("grounding"))


def _with_events(facts: Facts, census: Census, scope: str) -> Iterator[Pending[TimesSubject]]:
    """Stale where a time or a label changes, and not where a text does."""
    for video_id in facts.videos:
        build = partial(_times, facts, video_id)
        subject = build()
        input_sha256 = digest(orjson.dumps(subject, default=tuple))
        if census.wants(scope + video_id, input_sha256):
            yield Pending(scope + video_id, input_sha256.hex(), "", build)


def _times(facts: Facts, video_id: str) -> TimesSubject:
    video = facts.videos[video_id]
    return TimesSubject(
        video_id=video_id,
        interval_seconds=(video.start_seconds, video.end_seconds),
        is_anomalous=_verdict(facts, video_id, video.is_anomalous),
        events=tuple(_timed(facts, id_) for id_ in facts.event_ids_of.get(video_id, ())),
        absent=_absent(facts, video_id) if video.is_anomalous is False else None,
    )


def _timed(facts: Facts, event_id: str) -> TimedEvent:
    event = facts.index.fields(Event, event_id)
    categories = event["categories"]
    return TimedEvent(
        interval_seconds=(event["start_seconds"], event["end_seconds"]),
        is_anomalous=_verdict(facts, event_id, event["is_anomalous"]),
        called=facts.domain.called(categories[0]) if len(categories) == 1 else None,
    )


def _verdict(facts: Facts, segment_id: str, label: bool | None) -> bool | None:
    """The label, or the summary's judgement where there is none."""
    if label is not None or segment_id not in facts.index.lines(Summary):
        return label
    judged: bool | None = facts.index.fields(Summary, segment_id)["is_anomalous"]
    return judged


def _absent(facts: Facts, video_id: str) -> str:
    """A category that a normal video is asked about."""
    choices = facts.domain.categories
    key = f"{facts.index.dataset.config.dataset.seed}/{video_id}"
    return choices[crc32(key.encode()) % len(choices)].called


def _with_scores(facts: Facts, census: Census, at_least: float) -> Iterator[Pending[TimesSubject]]:
    if facts.index.dataset.config.score.is_baseline:
        raise UsageError(
            '[instruct] spans = "scores" needs a trained scorer, and [score] model names none: '
            "the motion score says what moves, not what is abnormal"
        )
    scope, tracks = scope_of("vad-llama"), facts.index.lines(ScoreTrack)
    for video_id, video in facts.videos.items():
        line = tracks.get(video_id)
        if line is None or BASELINE_MARK in line:
            census.waits(scope + video_id, "score")
            continue
        label = [video.is_anomalous, video.start_seconds, video.end_seconds, at_least]
        input_sha256 = digest(orjson.dumps(label), facts.index.content(ScoreTrack, video_id))
        if census.wants(scope + video_id, input_sha256):
            build = partial(_scored, facts, video_id, at_least)
            yield Pending(scope + video_id, input_sha256.hex(), "", build)


def _scored(facts: Facts, video_id: str, at_least: float) -> TimesSubject:
    """A video that nobody labelled is as abnormal as its scores say."""
    video, track = facts.videos[video_id], facts.index.get(ScoreTrack, video_id)
    ends = (*track.snippet_starts_seconds[1:], track.end_seconds)
    snippets = zip(track.snippet_starts_seconds, ends, track.scores, strict=True)
    high = [TimedEvent((start, end), True) for start, end, score in snippets if score >= at_least]
    return TimesSubject(
        video_id=video_id,
        interval_seconds=(video.start_seconds, video.end_seconds),
        is_anomalous=bool(high) if video.is_anomalous is None else video.is_anomalous,
        # Of a normal video the label is believed, as in the paper, whose labels are of videos.
        events=() if video.is_anomalous is False else tuple(high),
    )


def to_va_gpt(facts: Facts, census: Census) -> Iterator[Pending[DescribedSubject]]:
    """Every captioned clip of an event."""
    scope, captions = scope_of("va-gpt"), facts.index.lines(Caption)
    for event_id in facts.segment_ids["event"]:
        for clip_id in facts.clip_ids_of.get(event_id, ()):
            if clip_id in captions:
                place = (scope, clip_id, event_id)
                yield from _described(facts, census, place, (clip_id,), (Clip, Event))


def to_reasoning(facts: Facts, census: Census) -> Iterator[Pending[DescribedSubject]]:
    """Every summarized event."""
    return _summarized_events(facts, census, scope_of("reasoning"))


def to_question_types(facts: Facts, census: Census) -> Iterator[Pending[DescribedSubject]]:
    """Every summarized event."""
    return _summarized_events(facts, census, scope_of("question-types"))


def _summarized_events(
    facts: Facts, census: Census, scope: str
) -> Iterator[Pending[DescribedSubject]]:
    captions, summaries = facts.index.lines(Caption), facts.index.lines(Summary)
    for event_id in facts.segment_ids["event"]:
        clip_ids = tuple(id_ for id_ in facts.clip_ids_of.get(event_id, ()) if id_ in captions)
        if event_id in summaries and clip_ids:
            place = (scope, event_id, event_id)
            yield from _described(facts, census, place, clip_ids, (Event, Summary))


def _described(
    facts: Facts,
    census: Census,
    place: tuple[str, str, str],
    clip_ids: tuple[str, ...],
    types: tuple[type[Record], ...],
) -> Iterator[Pending[DescribedSubject]]:
    """One item: (scope, segment, its event), the clips whose captions it has, what else it rests
    on. What the category file says of its categories counts, and nothing else in that file."""
    scope, segment_id, event_id = place
    event = facts.index.fields(Event, event_id)
    verdict = _verdict(facts, event_id, event["is_anomalous"])
    definitions = facts.domain.guidelines(event["categories"]) if verdict else ()
    rests_on = [(kind, segment_id if kind is Clip else event_id) for kind in types]
    input_sha256 = digest(
        orjson.dumps([verdict, definitions]),
        *(facts.index.content(kind, id_) for kind, id_ in rests_on),
        *(facts.index.content(Caption, clip_id) for clip_id in clip_ids),
    )
    item_id = scope + segment_id
    if census.wants(item_id, input_sha256):
        label = (verdict, tuple(event["categories"]), definitions)
        build = partial(_describe, facts, (segment_id, event_id), clip_ids, label)
        yield Pending(item_id, input_sha256.hex(), "", build)


def _describe(
    facts: Facts,
    segment: tuple[str, str],
    clip_ids: tuple[str, ...],
    label: tuple[bool | None, tuple[str, ...], tuple[str, ...]],
) -> DescribedSubject:
    segment_id, event_id = segment
    is_clip = segment_id != event_id
    span = facts.index.view(Clip, segment_id) if is_clip else facts.index.view(Event, event_id)
    return DescribedSubject(
        segment_id,
        span.video_id,
        "clip" if is_clip else "event",
        (span.start_seconds, span.end_seconds),
        *label,
        captions=tuple(facts.index.view(Caption, clip_id).text for clip_id in clip_ids),
        summary="" if is_clip else facts.index.view(Summary, event_id).text,
    )
