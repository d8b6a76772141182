"""What pages get to see of one video, as plain JSON; nobody sees another's marks before review."""

from dataclasses import dataclass
from functools import cached_property
from typing import get_args

from annotator_ui.blind import ballot, ballot_wire
from annotator_ui.boundaries import fold_boundaries
from annotator_ui.events_now import events_now, events_wire
from annotator_ui.frames import FrameTable
from annotator_ui.journal import VideoState
from annotator_ui.media import MediaView
from annotator_ui.office import Office
from annotator_ui.progress import progress
from annotator_ui.queues import Page
from annotator_ui.session import Mark, VideoFold, fold, history, standing
from annotator_ui.skim import skim_parts
from annotator_ui.suggestions import Curve, on_frames
from annotator_ui.texts_now import texts_now, texts_wire
from annotator_ui.thumbs import thumb_times
from schemas import Click, Video


def me_view(office: Office, user: str) -> dict[str, object]:
    """The person, and how the pages are set."""
    settings = office.dataset.config.annotate
    return {
        "user": user,
        "is_local": office.local_user is not None,
        "dataset": office.dataset.config.dataset.name,
        "dataset_id": office.library.signer.opaque_id("dataset", "this"),
        "round": office.rota.current_round(),
        "pages": get_args(Page),
        "settings": {
            "reaction_seconds": settings.reaction_seconds,
            "single_keys": settings.single_keys,
            "keymap": settings.keymap,
            "seeded_share": settings.seeded_share,
        },
    }


@dataclass(frozen=True)
class VideoView:
    """One video as one person sees it on one page."""

    office: Office
    user: str
    video: Video
    page: Page

    def wire(self) -> dict[str, object]:
        """As JSON."""
        office, video, marks = self.office, self.video, self.state.marks
        office.media.order_thumbs(video)
        opaque, session = office.library.opaque(video.id), marks.session(self.user)
        times = thumb_times(video.start_seconds, video.end_seconds)
        return {
            "id": opaque,
            "name": video.id,
            "width_px": video.media.width_px if video.media else None,
            "height_px": video.media.height_px if video.media else None,
            "duration_seconds": video.duration_seconds,
            "start_seconds": video.start_seconds,
            "end_seconds": video.end_seconds,
            **self.media_parts(),
            "thumbs": {"url": f"/thumb/{opaque}", "times_seconds": times},
            "guidelines": self._guidelines(),
            "is_called_normal": video.is_anomalous is False,
            "marks": [_mark_wire(mark) for mark in marks.marks_of(self.user)],
            "base_marks": self._base_marks(),
            "rejected_suggestions": sorted(session.rejected),
            "unsure_suggestions": sorted(session.unsure),
            "seen": session.seen,
            "video_state": session.state,
            "log": self._log(),
            **self._scores_wire(),
            **self._page_wire(),
        }

    def media_parts(self, *, is_named: bool = True) -> dict[str, object]:
        """The file and when its frames are shown. Messages name the file; not so in `blind`."""
        times = None if self.table is None else self.table.wire()
        media = self._media_wire()
        return {"media": media if is_named else media | {"why": ""}, "times": times}

    @cached_property
    def state(self) -> VideoState:
        """What stands on the video."""
        return self.office.journal.state(self.video.id)

    @cached_property
    def media(self) -> MediaView:
        """How things stand with its file."""
        return self.office.media.view(self.video)

    @property
    def table(self) -> FrameTable | None:
        """Its frame times; None: the file is not at hand or cannot be read."""
        return None if self.media.plan is None else self.media.plan.table

    def _log(self) -> list[dict[str, object]]:
        return [
            {
                "uuid": act.id,
                "op": act.do.op,
                "body": act.do.model_dump(mode="json", exclude={"op"}),
            }
            for act in history(self.state.acts, self.user)
        ]

    def _media_wire(self) -> dict[str, object]:
        media = self.media
        times = None
        if media.variant == "proxy" and media.plan is not None and media.plan.counts_frames:
            times = media.plan.clock.wire()
        return {
            "url": f"/media/{self.office.media.media_id(self.video, media.variant)}",
            "state": media.state,
            "why": media.why,
            "times": times,
        }

    def _guidelines(self) -> dict[str, str] | None:
        found = self.office.library.guideline(self.video)
        return None if found is None else {"category": found[0], "text": found[1]}

    def _base_marks(self) -> list[dict[str, object]]:
        """Marks as they stand without this person's own acts, which the page lays over them."""
        without_me = fold([act for act in self.state.acts if act.user != self.user])
        is_review = self.page == "review" and not self.state.marks.is_author(self.user)
        others = without_me.marks_of_others(self.user) if is_review else []
        is_at_home = self.office.local_user is not None and self.page == "clicks"
        imported = (
            self.office.library.imported_clicks(self.video.id) if is_review or is_at_home else []
        )
        return [
            *map(_mark_wire, others),
            *(self._imported_wire(click, without_me) for click in imported),
        ]

    def _imported_wire(self, click: Click, without_me: VideoFold) -> dict[str, object]:
        frame = click.frame
        if frame is None:
            frame = 0 if self.table is None else self.table.frame_at(click.time_seconds)
        return {
            "mark": click.id,
            "frame": frame,
            "time_seconds": click.time_seconds,
            "state": without_me.verdicts.get(click.id, click.state),
            "source": click.source,
            "is_live": click.is_live,
            "suggestion": None,
            "author": click.author,
            "reviewer": None,
        }

    def _scores_wire(self) -> dict[str, object]:
        """Curve and suggestions. A blind video's curve is shown on other pages, and to who is
        through with its clicks."""
        video_state = self.state.marks.session(self.user).state
        is_clicks = self.page == "clicks"
        library = self.office.library
        is_blind = library.is_blind(self.video.id) and (is_clicks or video_state == "todo")
        curve: Curve | None = None
        if not is_blind:
            curve = library.curve(self.video.id) if is_clicks else library.true_curve(self.video.id)
        suggestions = curve.suggestions if curve is not None and is_clicks else ()
        skim = skim_parts(
            (self.video.start_seconds, self.video.end_seconds),
            () if curve is None else curve.suggestions,
            shortest_event_seconds=self.office.dataset.config.annotate.shortest_event_seconds,
        )
        return {
            "scores": None if curve is None else curve.wire(),
            "suggestions": [] if self.table is None else on_frames(suggestions, self.table),
            "skim": [(round(start, 3), round(end, 3)) for start, end in skim],
            "is_blind": is_blind,
        }

    def _page_wire(self) -> dict[str, object]:
        office, video = self.office, self.video
        if self.page == "boundaries" and self.table is not None:
            others = [act for act in standing(self.state.acts) if act.user != self.user]
            events = events_now(office.library, video, fold_boundaries(others))
            track = office.library.track(video.id)
            return {
                "is_proposing": office.publisher.wants_proposals(video.id),
                "publish_problem": office.publisher.problem,
                "events": events_wire(events, self.table, track, video),
            }
        if self.page == "text":
            texts = texts_now(office.library, video, self.state)
            return {"texts": texts_wire(texts, self.state.texts)}
        return {}


def blind_view(office: Office, user: str, opaque: str) -> dict[str, object] | None:
    """An item of the blind evaluation; its video's name is kept back, as it may tell the label."""
    item = office.blind.all().get(opaque)
    video = None if item is None else office.library.videos().get(item.video_id)
    if item is None or video is None:
        return None
    shown = VideoView(office, user, video, "blind")
    said = ballot(shown.state.acts, user, opaque)
    return {
        "id": opaque,
        "item": opaque,
        "video": office.library.opaque(video.id),
        "question": item.question,
        "start_seconds": item.start_seconds,
        "end_seconds": item.end_seconds,
        "duration_seconds": video.duration_seconds,
        **shown.media_parts(is_named=False),
        **ballot_wire(office.blind.order(opaque, user), said),
    }


def progress_view(office: Office) -> dict[str, object]:
    """How far everybody is."""
    videos = list(office.library.videos().values())
    assigned = office.rota.num_assigned(round=1)
    names = office.accounts.all() if office.local_user is None else (office.local_user,)
    return progress(office.journal, videos, assigned=assigned, names=names)


def _mark_wire(mark: Mark) -> dict[str, object]:
    return {
        "mark": mark.mark,
        "frame": mark.frame,
        "time_seconds": mark.time_seconds,
        "state": mark.state,
        "source": mark.source,
        "is_live": mark.is_live,
        "suggestion": mark.suggestion,
        "author": mark.author,
        "reviewer": mark.reviewer,
    }
