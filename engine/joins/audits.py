"""Items of the audits: videos with their texts, summaries with their sources, the whole corpus."""

import hashlib
from collections.abc import Iterable, Iterator
from functools import partial

from engine.census import Census
from engine.joins.facts import Facts
from engine.quality.audit_stages import Corpus, Place, SupportItem
from engine.stage import Pending, digest
from engine.tree import VideoNode
from engine.trees import Trees
from schemas import Caption, Event, Finding, Instruction, Record, Summary, Video

TEXTS_SCOPE = "text:"
SUPPORT_SCOPE = "claim:"
CORPUS_SCOPE = "duplicate:"
_CORPUS_ITEM = f"{CORPUS_SCOPE}all"


def audit_item_of(finding: Finding) -> str:
    """Which item of the audit's ledger wrote a finding."""
    if finding.rule == "near-duplicate-text":
        return _CORPUS_ITEM
    if finding.rule == "unsupported-claim":
        return SUPPORT_SCOPE + finding.segment_id
    return TEXTS_SCOPE + finding.video_id


def to_audit_texts(facts: Facts, census: Census) -> Iterator[Pending[VideoNode]]:
    """Every video that has any text; stale as soon as anything that hangs on it changes."""
    trees = Trees.over(facts)
    for video_id in facts.video_ids:
        event_ids = facts.event_ids_of.get(video_id, [])
        clip_ids = [id_ for event_id in event_ids for id_ in facts.clip_ids_of.get(event_id, ())]
        segment_ids = [video_id, *event_ids, *clip_ids]
        texts = [
            *_contents(facts, Caption, clip_ids),
            *_contents(facts, Summary, [video_id, *event_ids]),
        ]
        if not texts:
            continue
        input_sha256 = digest(
            *texts,
            *_contents(facts, Video, [video_id]),
            *_contents(facts, Event, event_ids),
            *_contents(facts, Instruction, facts.instruction_ids(segment_ids)),
        )
        if census.wants(TEXTS_SCOPE + video_id, input_sha256):
            build = partial(trees.of, video_id)
            yield Pending(TEXTS_SCOPE + video_id, input_sha256.hex(), video_id, build)


def to_audit_support(facts: Facts, census: Census) -> Iterator[Pending[SupportItem]]:
    """Every summary whose sources are there: an event's captions, a video's event summaries."""
    captions, summaries = facts.index.lines(Caption), facts.index.lines(Summary)
    for video_id in facts.video_ids:
        event_ids = facts.event_ids_of.get(video_id, [])
        for event_id in event_ids:
            sources = [id_ for id_ in facts.clip_ids_of.get(event_id, ()) if id_ in captions]
            yield from _to_support(facts, census, (event_id, video_id), (Caption, sources))
        sources = [event_id for event_id in event_ids if event_id in summaries]
        yield from _to_support(facts, census, (video_id, video_id), (Summary, sources))


_Sources = tuple[type[Caption] | type[Summary], list[str]]


def _to_support(
    facts: Facts, census: Census, segment: tuple[str, str], sources: _Sources
) -> Iterator[Pending[SupportItem]]:
    segment_id, video_id = segment
    if segment_id not in facts.index.lines(Summary) or not sources[1]:
        return
    input_sha256 = digest(
        *_contents(facts, Summary, [segment_id]), *_contents(facts, sources[0], sources[1])
    )
    if census.wants(SUPPORT_SCOPE + segment_id, input_sha256):
        build = partial(_support_item, facts, segment, sources)
        yield Pending(SUPPORT_SCOPE + segment_id, input_sha256.hex(), video_id, build)


def _support_item(facts: Facts, segment: tuple[str, str], sources: _Sources) -> SupportItem:
    summary = facts.index.get(Summary, segment[0])
    return SupportItem(
        segment_id=segment[0],
        video_id=segment[1],
        description=summary.description,
        analysis=summary.analysis,
        sources=tuple(facts.index.get(sources[0], id_).text for id_ in sources[1]),
    )


def to_audit_corpus(facts: Facts, census: Census) -> Iterator[Pending[Corpus]]:
    """One item: all captions and summaries. Any change of any of them compares them anew."""
    places = tuple(_places(facts))
    if not places:
        return
    sha256 = hashlib.sha256()
    for place in places:
        record_type = Caption if place.target == "caption" else Summary
        sha256.update(digest(*_contents(facts, record_type, [place.id])))
    if census.wants(_CORPUS_ITEM, sha256.digest()):
        build = partial(Corpus, places, partial(_text_at, facts))
        yield Pending(_CORPUS_ITEM, sha256.hexdigest(), "", build)


def _places(facts: Facts) -> Iterator[Place]:
    captions, summaries = facts.index.lines(Caption), facts.index.lines(Summary)
    for video_id in facts.video_ids:
        for event_id in facts.event_ids_of.get(video_id, ()):
            for clip_id in facts.clip_ids_of.get(event_id, ()):
                if clip_id in captions:
                    yield Place("caption", clip_id, video_id)
            if event_id in summaries:
                yield Place("summary", event_id, video_id)


def _text_at(facts: Facts, place: Place) -> str:
    """Of a summary the description: the other parts say what all of their kind say."""
    if place.target == "caption":
        return str(facts.index.fields(Caption, place.id)["text"])
    return str(facts.index.fields(Summary, place.id)["description"])


def _contents(facts: Facts, record_type: type[Record], ids: Iterable[str]) -> list[bytes]:
    lines = facts.index.lines(record_type)
    return [facts.index.content(record_type, id_) for id_ in ids if id_ in lines]
