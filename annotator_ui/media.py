"""A video -> what the player needs: the file or its proxy, its frame times, its thumbnails."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from annotator_ui.keyfile import Signer
from annotator_ui.plans import Plan, make_plan, read_plan, write_plan
from annotator_ui.room import make_room, note_opened
from annotator_ui.thumbs import NUM_THUMBS, thumb_path, thumb_times
from annotator_ui.workshop import ProxyJob, ThumbsJob, Workshop
from engine.dataset import Dataset
from engine.errors import VauDataError
from schemas import Video

_KEY_DIGITS = 24
Variant = Literal["original", "proxy"]
VARIANTS: tuple[Variant, ...] = ("original", "proxy")
MEDIA_TYPES = {
    "mp4": "video/mp4",
    "mov": "video/mp4",
    "m4v": "video/mp4",
    "webm": "video/webm",
    "matroska": "video/x-matroska",
}


@dataclass(frozen=True)
class Served:
    """A file that a browser may have."""

    path: Path
    media_type: str


@dataclass(frozen=True)
class MediaView:
    """How things stand with one video's file."""

    state: Literal["ready", "building", "failed"]
    why: str
    variant: Variant
    """What is, or will be, served."""
    plan: Plan | None
    """None: a remote file that is being fetched, or one that cannot be read."""


@dataclass
class MediaRoom:
    """What a dataset's videos look like to browsers. Proxies and thumbnails are named by the
    file's content, so that a file that was replaced gets new ones."""

    dataset: Dataset
    signer: Signer
    workshop: Workshop
    _plans: dict[str, Plan] = field(default_factory=dict)
    _ids: tuple[Mapping[str, Video], dict[str, tuple[Video, Variant]]] | None = None
    """Media ids of these videos."""

    def clear_leftovers(self) -> None:
        """Remove what killed processes left half done; only the one server writes here."""
        for folder in ("proxies", "thumbs"):
            for path in (self.dataset.dir_path / folder).glob(".*.part"):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)

    def make_room(self) -> None:
        """Keep what was made under the bound of `[annotate] cache_gib`."""
        dir_path = self.dataset.dir_path
        made = [*(dir_path / "proxies").glob("[!.]*.mp4"), *(dir_path / "thumbs").glob("[!.]*")]
        make_room(made, max_bytes=int(self.dataset.config.annotate.cache_gib * 2**30))

    def view(self, video: Video) -> MediaView:
        """What to serve now; orders what is missing."""
        try:
            plan = self.plan(video)
        except VauDataError as error:
            return MediaView("failed", str(error), "original", None)
        if plan is not None and plan.need == "nothing":
            return MediaView("ready", "", "original", plan)
        if plan is not None and self._proxy_path(video).exists():
            note = self.workshop.note(self._proxy_key(video))
            return MediaView("ready", " ".join(filter(None, (plan.why, note))), "proxy", plan)
        self._order_proxy(video)
        if plan is not None and plan.need == "quicker_seeks":
            return MediaView("ready", "", "original", plan)
        failure = self.workshop.failure(self._proxy_key(video))
        if failure is not None:
            return MediaView("failed", failure, "proxy", plan)
        return MediaView("building", plan.why if plan else "it is being fetched", "proxy", plan)

    def plan(self, video: Video) -> Plan | None:
        """Frame times, and what is needed; None: the file is remote and nobody looked yet.

        Raises `MediaError` for a file that cannot be read.
        """
        key = _key(video)
        if key not in self._plans:
            plan = read_plan(self._plan_path(video)) or self._new_plan(video)
            if plan is None:
                return None
            self._plans[key] = plan
        return self._plans[key]

    def known_plan(self, video: Video) -> Plan | None:
        """The same, without ever reading the video's file."""
        return self._plans.get(_key(video)) or read_plan(self._plan_path(video))

    def _new_plan(self, video: Video) -> Plan | None:
        source = self.dataset.video_file(video)
        if not isinstance(source, Path) or video.media is None:
            return None
        plan = make_plan(source, video.media, is_remote=False)
        write_plan(self._plan_path(video), plan)
        return plan

    def media_id(self, video: Video, variant: Variant) -> str:
        """The opaque id under which a file is served; another file has another one."""
        return self.signer.opaque_id(f"media/{variant}", f"{video.id}\0{_key(video)}")

    def find(self, media_id: str, videos: Mapping[str, Video]) -> Served | None:
        """The file of that opaque id, if it is there and may be had."""
        if self._ids is None or self._ids[0] is not videos:
            ids: dict[str, tuple[Video, Variant]] = {}
            for video in videos.values():
                for variant in VARIANTS:
                    ids[self.media_id(video, variant)] = (video, variant)
            self._ids = (videos, ids)
        found = self._ids[1].get(media_id)
        return None if found is None else self._served(*found)

    def _served(self, video: Video, variant: Variant) -> Served | None:
        source = self.dataset.video_file(video)
        if variant == "proxy":
            found = Served(self._proxy_path(video), "video/mp4")
        elif isinstance(source, Path) and video.media is not None:
            media_type = MEDIA_TYPES.get(video.media.container, "application/octet-stream")
            found = Served(source, media_type)
        else:
            return None
        if not found.path.is_file():
            return None
        if variant == "proxy":
            note_opened(found.path)
        return found

    def thumb(self, video: Video, number: int) -> Path | None:
        """Thumbnail `number`; None where it is not there (yet). Orders them."""
        if not 0 <= number < NUM_THUMBS:
            return None
        path = thumb_path(self._thumbs_dir_path(video), number)
        if path.is_file():
            note_opened(path.parent)
            return path
        self.order_thumbs(video)
        return None

    def thumbs_failure(self, video: Video) -> str | None:
        """Why there are no thumbnails; None: there are, or will be."""
        return self.workshop.failure(f"thumbs/{_key(video)}")

    def order_thumbs(self, video: Video) -> None:
        """Have a video's thumbnails made, unless they are there."""
        target = self._thumbs_dir_path(video)
        if target.is_dir():
            return
        times_seconds = thumb_times(video.start_seconds, video.end_seconds)
        source, duration_seconds = self.dataset.video_file(video), video.duration_seconds
        self.workshop.order(
            ThumbsJob(f"thumbs/{_key(video)}", source, duration_seconds, times_seconds, target)
        )

    def _order_proxy(self, video: Video) -> None:
        assert video.media is not None
        self.workshop.order(
            ProxyJob(
                key=self._proxy_key(video),
                source=self.dataset.video_file(video),
                media=video.media,
                duration_seconds=video.duration_seconds,
                plan_path=self._plan_path(video),
                target=self._proxy_path(video),
            )
        )

    def _proxy_key(self, video: Video) -> str:
        return f"proxy/{_key(video)}"

    def _plan_path(self, video: Video) -> Path:
        return self.dataset.dir_path / "proxies" / f"{_key(video)}.json"

    def _proxy_path(self, video: Video) -> Path:
        return self.dataset.dir_path / "proxies" / f"{_key(video)}.mp4"

    def _thumbs_dir_path(self, video: Video) -> Path:
        return self.dataset.dir_path / "thumbs" / _key(video)


def _key(video: Video) -> str:
    assert video.media is not None, f"{video.id} has no file and is never shown"
    return video.media.sha256[:_KEY_DIGITS]
