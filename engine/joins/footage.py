"""Items of the stages that look at footage: score, propose, clip, caption."""

from collections.abc import Iterator, Sequence, Set
from functools import partial
from typing import Any

import orjson

from engine.census import Census
from engine.ids import parent_id
from engine.index import natural_order
from engine.joins.facts import Facts
from engine.stage import Pending, digest
from engine.stages.caption import CaptionItem
from engine.stages.clip import ClipItem, is_inside
from engine.stages.features import FeaturesItem
from engine.stages.propose import ProposeItem
from engine.stages.score import ScoreItem, ScorerItem
from schemas import Caption, Click, Clip, Event, FeatureTrack, HumanCaption, ScoreTrack, Video


def to_features(facts: Facts, census: Census) -> Iterator[Pending[FeaturesItem]]:
    """Videos with a file, but those whose features came from outside; again where a file is gone.

    The file may be deleted to save space: nothing is stale by that, since it says the same again.
    """
    index = facts.index
    imported = index.imported_ids(FeatureTrack)
    for video in facts.videos.values():
        if video.media is None or video.id in imported:
            continue
        input_sha256 = facts.media_digest(video.id)
        missing = _missing_features(facts, video.id)
        if census.wants(video.id, _unlike_if_incomplete(missing, input_sha256)):
            build = partial(_features_item, facts, video)
            yield Pending(video.id, input_sha256.hex(), video.id, build)


def _missing_features(facts: Facts, video_id: str) -> list[str]:
    index = facts.index
    if video_id not in index.lines(FeatureTrack):
        return []
    path = index.fields(FeatureTrack, video_id)["path"]
    return [] if (index.dataset.dir_path / path).is_file() else [path]


def _features_item(facts: Facts, video: Video) -> FeaturesItem:
    dataset = facts.index.dataset
    return FeaturesItem(dataset.video_file(video), video.duration_seconds, dataset.dir_path)


def to_score(facts: Facts, census: Census) -> Iterator[Pending[Any]]:
    """Videos with a file, or with features where a scorer is named; by default those that no
    person marked and none called normal, with a scorer all.
    """
    section = facts.index.dataset.config.score
    is_all = section.videos == "all" or (section.videos == "auto" and not section.is_baseline)
    for video in facts.videos.values():
        if not is_all and not facts.needs_scores(video):
            continue
        if section.is_baseline:
            yield from _score_from_file(facts, census, video)
        else:
            yield from _score_from_features(facts, census, video)


def _score_from_file(facts: Facts, census: Census, video: Video) -> Iterator[Pending[ScoreItem]]:
    if video.media is None:
        return
    input_sha256 = facts.media_digest(video.id)
    if census.wants(video.id, input_sha256):
        build = partial(_score_item, facts, video)
        yield Pending(video.id, input_sha256.hex(), video.id, build)


def _score_item(facts: Facts, video: Video) -> ScoreItem:
    path = facts.index.dataset.video_file(video)
    return ScoreItem(video_path=path, duration_seconds=video.duration_seconds)


def _score_from_features(
    facts: Facts, census: Census, video: Video
) -> Iterator[Pending[ScorerItem]]:
    index = facts.index
    if video.id in index.lines(FeatureTrack):
        input_sha256 = digest(index.content(FeatureTrack, video.id))
        if census.wants(video.id, input_sha256):
            build = partial(_scorer_item, facts, video)
            yield Pending(video.id, input_sha256.hex(), video.id, build)
    elif video.media is not None and video.id not in index.ledger("features").rejects():
        census.waits(video.id, "features")


def _scorer_item(facts: Facts, video: Video) -> ScorerItem:
    track = facts.index.get(FeatureTrack, video.id)
    return ScorerItem(track, facts.index.dataset.dir_path)


def to_propose(facts: Facts, census: Census) -> Iterator[Pending[ProposeItem]]:
    """Videos whose events nobody brought from outside."""
    index = facts.index
    unscorable = _unscorable_ids(facts)
    for video in facts.videos.values():
        if video.id in facts.videos_with_imported_events:
            continue
        clicks = facts.clicks_of.get(video.id, [])
        has_scores = video.id in index.lines(ScoreTrack)
        if video.media is None and not clicks and video.is_anomalous is not False:
            continue
        if facts.needs_scores(video) and not has_scores and video.id not in unscorable:
            census.waits(video.id, "score")
            continue
        input_sha256 = digest(
            index.content(Video, video.id),
            *(index.content(Click, click_id) for click_id in clicks),
            index.content(ScoreTrack, video.id) if has_scores else b"",
        )
        missing = facts.events_to_bring_back(video.id)
        if census.wants(video.id, _unlike_if_incomplete(missing, input_sha256)):
            build = partial(_propose_item, facts, video)
            yield Pending(video.id, input_sha256.hex(), video.id, build)


def _unscorable_ids(facts: Facts) -> Set[str]:
    """Videos that are not to be waited for."""
    index = facts.index
    unscorable = set(index.ledger("score").rejects())
    if not index.dataset.config.score.is_baseline:
        unscorable |= set(index.ledger("features").rejects())
    return unscorable


def _unlike_if_incomplete(missing: Sequence[str], input_sha256: bytes) -> bytes:
    """Another hash where records must come back; once they are back, the input is as settled."""
    return digest(input_sha256, *map(str.encode, missing)) if missing else input_sha256


def _propose_item(facts: Facts, video: Video) -> ProposeItem:
    index = facts.index
    clicks = [index.get(Click, click_id) for click_id in facts.clicks_of.get(video.id, [])]
    earlier = facts.earlier_events_of.get(video.id, [])
    reviewed = [event for event in earlier if event.id in facts.reviewed_event_ids]
    discarded_ids = set(index.discarded_ids(Event))
    return ProposeItem(
        video=video,
        clicks=tuple(sorted(clicks, key=lambda click: click.time_seconds)),
        scores=index.get(ScoreTrack, video.id) if video.id in index.lines(ScoreTrack) else None,
        earlier=tuple(earlier),
        pinned=tuple(index.overlay(event) for event in reviewed if event.id not in discarded_ids),
        discarded=tuple(event for event in reviewed if event.id in discarded_ids),
        next_number=facts.next_number(video.id, stage_name="propose", mark="_E"),
    )


def to_clip(facts: Facts, census: Census) -> Iterator[Pending[ClipItem]]:
    """Events whose clips nobody brought from outside."""
    index = facts.index
    imported = {clip_id.rpartition("C")[0] for clip_id in index.imported_ids(Clip)}
    for event_id in index.lines(Event):
        if event_id in imported:
            continue
        event = index.get(Event, event_id)
        captions = _human_captions_in(facts, event)
        input_sha256 = digest(
            index.content(Event, event_id),
            *(index.content(HumanCaption, caption.id) for caption in captions),
        )
        missing = [
            clip.id for clip in facts.clips_to_bring_back(event_id) if is_inside(clip, event)
        ]
        if census.wants(event_id, _unlike_if_incomplete(missing, input_sha256)):
            build = partial(_clip_item, facts, event, captions)
            yield Pending(event_id, input_sha256.hex(), event.video_id, build)


def _clip_item(facts: Facts, event: Event, captions: tuple[HumanCaption, ...]) -> ClipItem:
    return ClipItem(
        event=event,
        human_captions=captions,
        earlier=tuple(facts.earlier_clips_of.get(event.id, ())),
        pinned_ids=facts.pinned_clip_ids,
        next_number=facts.next_number(event.id, stage_name="clip", mark="C"),
    )


def _human_captions_in(facts: Facts, event: Event) -> tuple[HumanCaption, ...]:
    overlapping = [
        caption
        for caption in facts.human_captions_of.get(event.video_id, ())
        if caption.start_seconds < event.end_seconds and caption.end_seconds > event.start_seconds
    ]
    return tuple(sorted(overlapping, key=lambda caption: (caption.start_seconds, caption.id)))


def to_caption(facts: Facts, census: Census) -> Iterator[Pending[CaptionItem]]:
    """Clips without a caption from outside; those of one video side by side.

    A million settled clips pass through here at every start: a line is not parsed, and only
    what is to be done is kept.
    """
    index = facts.index
    videos, events = index.lines(Video), index.lines(Event)
    taken = index.imported_ids(Caption) | set(index.discarded_ids(Caption))
    to_do: list[Pending[CaptionItem]] = []
    is_told_label = index.dataset.config.caption.hint == "category"
    last_event_id, video_id, media = "", "", b""
    label: tuple[bytes, ...] = ()
    is_live = False
    for clip_id, line in index.lines(Clip).items():
        event_id = parent_id(clip_id, mark="C")
        if event_id != last_event_id:
            last_event_id, video_id = event_id, parent_id(event_id, mark="_E")
            is_live = event_id in events and video_id in videos
            media = facts.media_digest(video_id) if is_live else b""
            label = (_label_of(facts, event_id),) if is_live and is_told_label else ()
        if not is_live or clip_id in taken:
            continue
        human_id = None if _NO_HUMAN_CAPTION in line else _human_caption_id(facts, clip_id)
        if not media and human_id is None:
            census.waits(clip_id, "the video file")
            continue
        human = index.content(HumanCaption, human_id) if human_id else b""
        content = index.reviewed_content(Clip, clip_id, line)
        input_sha256 = digest(content, media, human, *(() if human_id else label))
        if census.wants(clip_id, input_sha256):
            build = partial(_caption_item, facts, clip_id)
            to_do.append(Pending(clip_id, input_sha256.hex(), video_id, build))
    return iter(sorted(to_do, key=lambda pending: natural_order(pending.group)))


_NO_HUMAN_CAPTION = b',"human_caption_id":null'


def _human_caption_id(facts: Facts, clip_id: str) -> str | None:
    """What a person said of a clip; None also where that was taken back since it was cut."""
    human_id = facts.index.get(Clip, clip_id).human_caption_id
    return human_id if human_id in facts.index.lines(HumanCaption) else None


def _label_of(facts: Facts, event_id: str) -> bytes:
    fields = facts.index.fields(Event, event_id)
    return orjson.dumps([fields["is_anomalous"], fields["categories"]])


def _caption_item(facts: Facts, clip_id: str) -> CaptionItem:
    index = facts.index
    clip = index.get(Clip, clip_id)
    event = index.get(Event, clip.event_id)
    video = facts.videos[clip.video_id]
    human_id = _human_caption_id(facts, clip_id)
    return CaptionItem(
        clip=clip,
        human_caption=index.get(HumanCaption, human_id) if human_id else None,
        video_path=index.dataset.video_file(video) if video.media else None,
        video_duration_seconds=video.duration_seconds,
        is_anomalous=event.is_anomalous,
        categories=event.categories,
    )
