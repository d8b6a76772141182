"""What stands beside a release's rows: its card, its changes, its report; written last."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from engine.card import CardFacts
from engine.dataset import Dataset
from engine.errors import ItemError, UsageError
from engine.exporters.leakage import films_in_two_splits
from engine.exporters.parquet import file_sha256
from engine.exporters.recipe import RecipeHead
from engine.figures import Figures
from engine.index import Index
from engine.media.decode import frames_at
from engine.media.frames import Frame, FrameRequest
from engine.media.remote import at_hand
from engine.quality.spot_check import error_bound
from engine.release_changes import CONTENTS_FILE, changes_text, previous_release
from engine.report import THUMBNAIL_SIDE_PX, report_html
from engine.serving.presets import load_presets
from engine.store import read_lines, write_whole_file
from engine.tree import VideoNode
from schemas import Release, ReleaseFile, Video

if TYPE_CHECKING:
    from engine.release import ExportOptions

DOCUMENT = "document"
"""The format of such files in `release.json`; the card does not list them."""


def write_papers(
    dataset: Dataset,
    partial: Path,
    release: Release,
    figures: Figures,
    texts: tuple[str, Path | None],
) -> Release:
    """Write README.md, CHANGES.md and report.html; the release with their hashes.

    `texts`: the card, and the folder of the release before this one.
    """
    card, old_dir_path = texts
    pages = {
        "README.md": card,
        "CHANGES.md": changes_text(release, partial, old_dir_path),
        "report.html": report_html(release, figures, _Album(dataset).thumbnails),
    }
    for name, text in pages.items():
        write_whole_file(partial / name, text.encode())
    listed = tuple(_described(partial / name) for name in pages)
    return release.model_copy(update={"files": release.files + listed})


def card_facts(index: Index, release: Release) -> CardFacts:
    """What the card tells beside counts: models, sources, terms, the error bound."""
    stages = tuple(_stages(index, release))
    presets = {str(one.settings["model"]): one.license for one in load_presets().values()}
    models = {model for _, model, _, _ in stages}
    bound = error_bound(index.dataset)
    return CardFacts(
        stages=stages,
        sources=Counter(video.source for video in index.all(Video)),
        licenses={model: presets[model] for model in models if model in presets},
        error_bound=None if bound is None else bound.sentence,
        num_films_in_two_splits=films_in_two_splits(index.all(Video)),
    )


def _stages(index: Index, release: Release) -> Iterator[tuple[str, str, str, str]]:
    path = index.dataset.fingerprints_path
    parts = {line["id"]: line["parts"] for line in map(orjson.loads, read_lines(path))}
    for stage, fingerprints in release.fingerprints.items():
        for fingerprint in fingerprints:
            known = parts.get(fingerprint, {})
            if "model" in known:
                said = dict(_leaves(known))
                revision = said.get("revision") or "not told"
                hashes = [v[:16] + "…" for k, v in said.items() if k.endswith("sha256")]
                yield stage, f"{known['model']}", revision, ", ".join(hashes) or "none"


def _leaves(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every text below, under its own key."""
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _leaves(inner, f"{prefix}{key}.")
        elif isinstance(inner, str):
            yield (key if key == "revision" else f"{prefix}{key}"), inner


def release_before(dataset: Dataset, options: "ExportOptions") -> Path | None:
    """The folder of the release that CHANGES.md compares with; None: this is the first."""
    root, draft_name = dataset.releases_dir_path, dataset.config.export.name
    if options.since is not None and not (root / options.since / CONTENTS_FILE).exists():
        raise UsageError(f"there is no release {options.since!r} with a {CONTENTS_FILE} in {root}")
    name = options.since or previous_release(root, options.name, draft_name=draft_name)
    return None if name is None else root / name


def recipe_head(release: Release, card: str, options: "ExportOptions") -> RecipeHead:
    """What the first line of a recipe says."""
    return RecipeHead(
        recipe=1,
        release=release,
        card=card,
        formats=options.formats,
        compat=options.compat,
        with_media=options.with_media,
        with_times=options.with_times,
        num_frames=options.num_frames,
        families=options.families or (),
    )


def _described(path: Path) -> ReleaseFile:
    return ReleaseFile(
        path=path.name,
        format=DOCUMENT,
        num_rows=0,
        size_bytes=path.stat().st_size,
        sha256=file_sha256(path),
    )


class _Album:
    """Pictures from the footage, where it is at hand; a report without some is still a report."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def thumbnails(self, node: VideoNode, moments: Mapping[str, float]) -> Mapping[str, Frame]:
        """Segment id -> a small picture; none where the file is missing or will not decode."""
        if node.video.media is None:
            return {}
        requests = [FrameRequest(id_, (seconds,)) for id_, seconds in moments.items()]
        try:
            with at_hand(self._dataset.video_file(node.video)) as path:
                found = dict(frames_at(path, requests, max_side_px=THUMBNAIL_SIDE_PX))
        except (ItemError, OSError):
            return {}
        return {id_: frames[0] for id_, frames in found.items() if frames}
