"""Video with clicks or scores -> Events: at clicks, at peaks of the score, or at random."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import ClassVar, Literal

from engine.errors import ItemError
from engine.ids import Interval, allot_ids, to_milliseconds
from engine.intervals import tiou
from engine.models.chat import Json
from engine.proposals import (
    ClickGrowth,
    NormalSegments,
    ScorePeaks,
    events_from_clicks,
    events_from_clicks_and_scores,
    events_from_scores,
    normal_segments,
)
from engine.stage import Item
from schemas import Click, Event, Provenance, Record, ScoreTrack, Video

_SAME_EVENT_TIOU = 0.5
"""A proposal that overlaps a reviewed event by this much is that event again."""


@dataclass(frozen=True)
class ProposeItem:
    """A video with all that bears on where its events are."""

    video: Video
    clicks: tuple[Click, ...]
    """In order of time."""
    scores: ScoreTrack | None
    """None: not needed, or the video cannot be scored."""
    earlier: tuple[Event, ...]
    """Events it ever had, as made (without reviews), so that equal stretches keep their ids."""
    pinned: tuple[Event, ...]
    """Events that a person reviewed, with the reviews laid over: kept whatever is proposed."""
    discarded: tuple[Event, ...]
    """Events that a person took out: not proposed again."""
    next_number: int


@dataclass(frozen=True)
class _Proposal:
    interval: Interval
    origin: Literal["click", "score", "normal_sample", "whole_video"]
    click_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProposeStage:
    """The papers' rules; a video that nobody clicked still goes through, marked unreviewed."""

    growth: ClickGrowth
    peaks: ScorePeaks
    normal: NormalSegments
    use_baseline_scores: bool
    """Whether a motion score may shape the extent of a clicked event."""
    min_score: float
    """A trained scorer's peak below this is no event in a video that nobody labelled."""
    seed: int
    name: ClassVar[str] = "propose"
    writes: ClassVar[type[Record]] = Event
    concurrency: ClassVar[int] = 1

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """All constants of the rules."""
        return {
            "version": 2,
            "growth": asdict(self.growth),
            "peaks": asdict(self.peaks),
            "normal": asdict(self.normal),
            "use_baseline_scores": self.use_baseline_scores,
            "min_score": self.min_score,
            "seed": self.seed,
        }

    def process(self, item: Item[ProposeItem]) -> Iterable[Record]:
        """The video's events in order of time. Raises `ItemError` for a click outside it."""
        body = item.body
        _refuse_clicks_outside(body)
        by_id = {event.id: event for event in body.earlier}
        kept = [_labelled(by_id[event.id], body.video) for event in body.pinned]
        new = [proposal for proposal in self._proposals(body) if not _is_reviewed(proposal, body)]
        ids = allot_ids(
            [proposal.interval for proposal in new],
            prefix=f"{body.video.id}_E",
            known=_known_ids(body),
            next_number=body.next_number,
        )
        made = [_event(body.video, proposal, id_) for proposal, id_ in zip(new, ids, strict=True)]
        return sorted([*kept, *made], key=lambda event: (event.start_seconds, event.end_seconds))

    def _proposals(self, body: ProposeItem) -> Iterator[_Proposal]:
        if body.clicks:
            yield from self._around_clicks(body)
        elif body.video.is_anomalous is False:
            for interval in self._normal_segments(body.video):
                yield _Proposal(interval, "normal_sample")
        else:
            yield from self._at_peaks(body)

    def _around_clicks(self, body: ProposeItem) -> Iterator[_Proposal]:
        video, track = body.video, body.scores
        times_seconds = [click.time_seconds for click in body.clicks]
        if track is None or (track.provenance.is_baseline and not self.use_baseline_scores):
            found = events_from_clicks(
                times_seconds,
                start_seconds=video.start_seconds,
                end_seconds=video.end_seconds,
                settings=self.growth.extent,
            )
        else:
            found = events_from_clicks_and_scores(
                times_seconds,
                track.scores,
                track.snippet_starts_seconds,
                end_seconds=video.end_seconds,
                settings=self.growth,
            )
        for interval, indices in found:
            click_ids = tuple(body.clicks[index].id for index in indices)
            yield _Proposal(_tidy(interval, video), "click", click_ids)

    def _at_peaks(self, body: ProposeItem) -> Iterator[_Proposal]:
        video, track = body.video, body.scores
        intervals = (
            events_from_scores(
                track.scores,
                track.snippet_starts_seconds,
                end_seconds=track.end_seconds,
                settings=self._peaks_for(video, track),
            )
            if track is not None
            else []
        )
        for interval in intervals:
            yield _Proposal(_tidy(interval, video), "score")
        if not intervals and video.is_anomalous:
            yield _Proposal((video.start_seconds, video.end_seconds), "whole_video")
        elif not intervals:
            for interval in self._normal_segments(video):
                yield _Proposal(interval, "normal_sample")

    def _peaks_for(self, video: Video, track: ScoreTrack) -> ScorePeaks:
        """An abnormal video has an event somewhere, however low its scores are."""
        says_whether = video.is_anomalous is None and not track.provenance.is_baseline
        return replace(self.peaks, min_score=self.min_score) if says_whether else self.peaks

    def _normal_segments(self, video: Video) -> Iterator[Interval]:
        for interval in normal_segments(
            start_seconds=video.start_seconds,
            end_seconds=video.end_seconds,
            seed=f"{self.seed}/{video.id}",
            settings=self.normal,
        ):
            yield _tidy(interval, video)


def _refuse_clicks_outside(body: ProposeItem) -> None:
    video = body.video
    for click in body.clicks:
        if not video.start_seconds <= click.time_seconds <= video.end_seconds:
            raise ItemError(
                "import_mismatch",
                f"click {click.id} at {click.time_seconds:.3f} s lies outside {video.id} "
                f"({video.start_seconds:.3f}–{video.end_seconds:.3f} s); was the file replaced? "
                "Click it again, or discard the click",
            )


def _tidy(interval: Interval, video: Video) -> Interval:
    """To milliseconds, but never past the video's own ends."""
    start_seconds = max(video.start_seconds, to_milliseconds(interval[0]))
    return start_seconds, min(video.end_seconds, to_milliseconds(interval[1]))


def _is_reviewed(proposal: _Proposal, body: ProposeItem) -> bool:
    """Whether a person already decided about this stretch or these clicks."""
    clicks = set(proposal.click_ids)
    if any(clicks & set(event.click_ids) for event in body.pinned):
        return True
    # A click that belonged to nothing discarded is news, even beside one that did.
    if clicks and clicks <= {id_ for event in body.discarded for id_ in event.click_ids}:
        return True
    return any(
        tiou(proposal.interval, (event.start_seconds, event.end_seconds)) >= _SAME_EVENT_TIOU
        for event in (*body.pinned, *body.discarded)
    )


def _known_ids(body: ProposeItem) -> dict[Interval, str]:
    spoken_for = {event.id for event in (*body.pinned, *body.discarded)}
    return {
        (event.start_seconds, event.end_seconds): event.id
        for event in body.earlier
        if event.id not in spoken_for
    }


def _labelled(event: Event, video: Video) -> Event:
    """A kept event under its video's present label; a person's own label lies over it anyway."""
    is_anomalous = _label(event.origin, video)
    return event.model_copy(update={"is_anomalous": is_anomalous, "categories": video.categories})


def _label(origin: str, video: Video) -> bool | None:
    return True if origin == "click" else video.is_anomalous


def _event(video: Video, proposal: _Proposal, event_id: str) -> Event:
    return Event(
        id=event_id,
        video_id=video.id,
        start_seconds=proposal.interval[0],
        end_seconds=proposal.interval[1],
        is_anomalous=_label(proposal.origin, video),
        categories=video.categories,
        origin=proposal.origin,
        is_confirmed=False,
        click_ids=proposal.click_ids,
        provenance=Provenance(made_by="rule", name=f"rule/propose-{proposal.origin}"),
    )
