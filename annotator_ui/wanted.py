"""What stands on one video's pages -> the clicks, events and reviews that should be on record."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from annotator_ui.acts import Act, MarkDecide, TextAccept, TextEdit, TextReject, VideoDecide
from annotator_ui.journal import VideoState
from annotator_ui.library import OUR_REVIEWS
from annotator_ui.session import Mark, standing
from engine.ids import allot_ids
from schemas import Click, Event, Provenance, Review, Video
from schemas.review import Confirm, Correction, Discard, EditText, Relabel

ExactTime = Callable[[Video, int], float | None]
"""A video and a frame -> when it is shown; None: nobody has read the video's frame times."""


@dataclass(frozen=True)
class Given:
    """Which ids a video's records were given before, so that equal ones keep theirs."""

    clicks: Sequence[Click]
    """All that were ever published, oldest first."""
    events: Sequence[Event]
    next_click: int
    """The lowest number that no click of the video was ever given."""
    next_event: int


def wanted_clicks(
    video: Video, state: VideoState, given: Given, *, exact_time: ExactTime
) -> list[Click]:
    """All marks, whatever their state; two of one person on one frame are one."""
    marks: dict[tuple[int | None, str], Mark] = {}
    for mark in sorted(state.marks.marks.values(), key=lambda mark: (mark.frame, mark.mark)):
        marks.setdefault((mark.frame, mark.author), mark)
    ids = allot_ids(
        list(marks),
        prefix=f"{video.id}_K",
        known={(click.frame, click.author): click.id for click in given.clicks},
        next_number=given.next_click,
    )
    return [
        _click(video, mark, id_, exact_time(video, mark.frame))
        for mark, id_ in zip(marks.values(), ids, strict=True)
    ]


def _click(video: Video, mark: Mark, id_: str, exact_seconds: float | None) -> Click:
    seconds = mark.time_seconds if exact_seconds is None else exact_seconds
    return Click(
        id=id_,
        video_id=video.id,
        time_seconds=min(max(seconds, video.start_seconds), video.end_seconds),
        frame=mark.frame,
        is_live=mark.is_live,
        source=mark.source,
        state=mark.state,
        author=mark.author,
        provenance=Provenance(made_by="human", name=mark.author),
    )


def wanted_events(
    video: Video, state: VideoState, given: Given, *, parents: Mapping[str, Event]
) -> dict[str, Event]:
    """Key -> event that a person made by splitting another, as it was then.

    Where it was moved since is said by reviews, as of every other event. `parents` are the
    video's live events: a part is labelled as the event that it was a part of.
    """
    edits = state.events
    by_extent = {birth.extent: key for key, birth in edits.born.items() if key not in edits.gone}
    ids = allot_ids(
        list(by_extent),
        prefix=f"{video.id}_E",
        known={(event.start_seconds, event.end_seconds): event.id for event in given.events},
        next_number=given.next_event,
    )
    events = {}
    for key, id_ in zip(by_extent.values(), ids, strict=True):
        parent = parents.get(_first_parent(state, key))
        events[key] = _event(video, state, (key, id_), parent)
    return events


def _first_parent(state: VideoState, key: str) -> str:
    while key in state.events.born:
        key = state.events.born[key].parent
    return key


def _event(video: Video, state: VideoState, names: tuple[str, str], parent: Event | None) -> Event:
    birth = state.events.born[names[0]]
    return Event(
        id=names[1],
        video_id=video.id,
        start_seconds=birth.extent[0],
        end_seconds=birth.extent[1],
        is_anomalous=video.is_anomalous if parent is None else parent.is_anomalous,
        categories=video.categories if parent is None else parent.categories,
        origin="human",
        is_confirmed=True,
        click_ids=(),
        provenance=Provenance(made_by="human", name=birth.act.user),
    )


def wanted_reviews(
    video_id: str, state: VideoState, event_ids: Mapping[str, str]
) -> Iterator[Review]:
    """Every correction that stands, in the order of the acts.

    `event_ids` maps the keys of events that people made to the ids of their records.
    """
    rulings: dict[str, list[tuple[str, Correction]]] = defaultdict(list)
    for ruling in state.events.rulings:
        is_born = ruling.event in state.events.born
        target = event_ids.get(ruling.event) if is_born else ruling.event
        if target is not None:
            rulings[ruling.act.id].append((target, ruling.correction))
    for act in standing(state.acts):
        for number, (target, correction) in enumerate(rulings.get(act.id, ())):
            yield _review(act, f"{act.id}:{number}", ("event", target), correction)
        if isinstance(act.do, TextEdit | TextAccept | TextReject):
            target_of = (act.do.target, act.do.target_id)
            yield _review(act, f"{act.id}:0", target_of, _text_correction(act.do))
        if isinstance(act.do, MarkDecide) and act.do.mark in state.marks.verdicts:
            yield _review(act, f"{act.id}:0", ("click", act.do.mark), _verdict(act.do))
    yield from _nothing_here(video_id, state)


def act_id_of(review_id: str) -> str:
    """The act that a review of ours says; or `nothing`, for the word that a video is normal."""
    return review_id.removeprefix(OUR_REVIEWS).partition(":")[0]


def nothing_id(video_id: str) -> str:
    """The id of the review that calls a video normal."""
    return f"{OUR_REVIEWS}nothing:{video_id}"


def _text_correction(do: TextEdit | TextAccept | TextReject) -> Correction:
    match do:
        case TextEdit():
            return EditText(field=do.field, text=do.text)
        case TextAccept():
            return Confirm()
        case TextReject():
            return Discard(reason=do.reason)


def _verdict(do: MarkDecide) -> Correction:
    """On a click that was imported: its own state says `confirmed`, so only `ignored` differs."""
    return Discard(reason="ignored in review") if do.state == "ignored" else Confirm()


def _nothing_here(video_id: str, state: VideoState) -> Iterator[Review]:
    """Who saw a video and found nothing abnormal calls it normal, unless somebody marked it."""
    sessions = state.marks.sessions
    is_marked = any(mark.state != "ignored" for mark in state.marks.marks.values())
    said = [
        act
        for act in standing(state.acts)
        if isinstance(act.do, VideoDecide) and sessions[act.user].state == "nothing"
    ]
    if said and not is_marked:
        normal = Relabel(is_anomalous=False, categories=())
        name = nothing_id(video_id).removeprefix(OUR_REVIEWS)
        yield _review(said[-1], name, ("video", video_id), normal)


def _review(act: Act, name: str, target: tuple[str, str], correction: Correction) -> Review:
    return Review.model_validate(
        {
            "id": OUR_REVIEWS + name,
            "target": target[0],
            "target_id": target[1],
            "correction": correction,
            "author": act.user,
            "at": act.at,
        }
    )
