"""The live dataset -> `releases/<name>/`: exported files, a dataset card, and what they are of.

The same records always give the same bytes. A release appears whole or not at all: it is written
beside its place and renamed into it, by one process at a time.
"""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson
from filelock import FileLock, Timeout

from engine.card import dataset_card
from engine.collector import collector_paused
from engine.dataset import Dataset
from engine.errors import ServiceError, UsageError
from engine.exporters.footage import Footage
from engine.exporters.forms import refuse_families, refuse_times
from engine.exporters.recipe import RecipeWriter
from engine.exporters.writers import How, Writer, open_writers
from engine.figures import Figures
from engine.formats import Family, Format
from engine.index import Index
from engine.joins.facts import Facts
from engine.media_export import export_media
from engine.mix import Tally
from engine.rejects import stage_names
from engine.release_changes import CONTENTS, ContentsWriter
from engine.release_makers import count_makers, refuse_mixture, released_ids
from engine.release_papers import card_facts, recipe_head, release_before, write_papers
from engine.runner import Executor
from engine.selection import Selection, select
from engine.store import write_whole_file
from engine.tree import VideoNode
from engine.trees import Trees
from engine.version import VERSION
from schemas import Event, Release

_RELEASE_FILE = "release.json"


@dataclass(frozen=True)
class ExportOptions:
    """What to export, and how."""

    formats: tuple[Format, ...]
    name: str
    allow_baseline: bool = False
    """Mix texts of the baseline models with those of real ones."""
    overwrite: bool = False
    compat: bool = False
    """The published test files' misspelt key `anwser`."""
    with_media: bool = False
    with_times: bool = False
    """Rows name source videos and stretches of them; refused with formats that cannot."""
    with_recipe: bool = False
    """Also hashes, times and texts alone, from which owners of the footage make the release."""
    num_frames: int = 8
    """Pictures of a segment that `with_media` writes for the format `trl`."""
    families: tuple[Family, ...] | None = None
    """Whose instructions; None: those that `[instruct] families` names."""
    since: str | None = None
    """The release that CHANGES.md compares with; None: the one before it by name."""
    unsettled: Mapping[str, int | None] = field(default_factory=dict)
    """Step -> how many of its items are to be done or retired, or wait; None: cannot be told."""


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote."""

    dir_path: Path
    release: Release
    failed_media: dict[str, str]
    """Segment id -> why its file could not be cut; its rows are left out."""


def export(
    dataset: Dataset,
    options: ExportOptions,
    *,
    executor: Executor | None = None,
    on_video: Callable[[], None] = lambda: None,
) -> ExportReport:
    """Write a release. `executor` cuts media files and is needed only for `with_media`.

    Raises `UsageError` where there is nothing to export, where the name is taken by another
    release, where baseline texts would be mixed with others unasked, where one source video is in
    two splits, where a format cannot tell times that are asked for or carries none of the families,
    or where another process is exporting.
    """
    if options.families is None:
        options = replace(options, families=dataset.config.instruct.families)
    _refuse_contradictions(options)
    index = Index(dataset)
    target = dataset.releases_dir_path / options.name
    with collector_paused(), _sole_exporter(dataset, options.name):
        # First, since the ledger of instructions is let go once their lines are known.
        told = _fingerprints(index), _rejects(index)
        # A recipe holds the records themselves.
        trees = Trees(index, are_views=not options.with_recipe)
        makers = count_makers(trees.facts)
        refuse_mixture(makers, allow_baseline=options.allow_baseline)
        selection = select(trees, dataset.config, options.families or ())
        _finish_renames(dataset.releases_dir_path)
        _refuse_taken_name(target, dataset, options)
        report = _write_and_rename(
            (trees, selection, makers, told), target, options, (executor, on_video)
        )
    return ExportReport(target, report[0], report[1])


_Told = tuple[dict[str, tuple[str, ...]], dict[str, int]]
"""Stage -> fingerprints of its outcomes, and how many of them are rejects."""
_Contents = tuple[Trees, Selection, dict[str, dict[str, int]], _Told]
"""All that there is, what of it is taken, who made the records, and what ledgers say."""


def _write_and_rename(
    contents: _Contents,
    target: Path,
    options: ExportOptions,
    work: tuple[Executor | None, Callable[[], None]],
) -> tuple[Release, dict[str, str]]:
    partial = _fresh_dir(target)
    try:
        report = _write_release(contents, partial, options, work)
        _rename_into_place(partial, target)
    except OSError as error:
        raise ServiceError(f"cannot write {target} ({error.strerror}); free some space") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return report


def _write_release(
    contents: _Contents,
    partial: Path,
    options: ExportOptions,
    work: tuple[Executor | None, Callable[[], None]],
) -> tuple[Release, dict[str, str]]:
    (trees, selection, makers, (fingerprints, num_rejects)), (executor, on_video) = contents, work
    index, counts, figures, tally = trees.index, Counter[str](), Figures(), Tally()
    writers_of_rows = Counter[str]()
    failed: dict[str, str] = {}
    if options.with_media:
        assert executor is not None
        nodes = selection.of(trees.with_instructions_alone())
        num_frames = options.num_frames if "trl" in options.formats else 0
        failed = export_media(index, nodes, partial, executor=executor, num_frames=num_frames)
    media_dir_path = partial if options.with_media else None
    footage = Footage(options.with_times, media_dir_path, options.num_frames)
    with ExitStack() as stack:
        writers = stack.enter_context(
            open_writers(
                partial, options.formats, selection.families, how=How(footage, options.compat)
            )
        )
        writers.append(stack.enter_context(ContentsWriter(partial)))
        recipe = RecipeWriter(index.dataset, partial) if options.with_recipe else None
        if recipe is not None:
            writers.append(stack.enter_context(recipe))
        for node in selection.of(trees.all(), tally):
            _write_video(node, writers, failed.keys())
            _count(node, counts)
            writers_of_rows.update(row.provenance.name for row in node.instructions)
            figures.add(node)
            on_video()
    _count_segments(trees.facts, makers, counts)
    files = tuple(file for writer in writers for file in writer.described(partial))
    is_empty = all(file.format == CONTENTS for file in files)
    if is_empty and not counts["instructions"] and not counts["summaries"]:
        raise UsageError("there is nothing to export yet; `vau-data run` makes it")
    if writers_of_rows:
        makers["instructions.jsonl"] = dict(sorted(writers_of_rows.items()))
    release = Release(
        name=options.name,
        vau_data_version=VERSION,
        files=files,
        num_videos=counts["videos"],
        num_events=counts["events"],
        num_clips=counts["clips"],
        num_instructions=counts["instructions"],
        makers=makers,
        fingerprints=fingerprints,
        num_rejects=num_rejects | ({"export": len(failed)} if failed else {}),
        unsettled=dict(options.unsettled),
        mixed=tally.changed(),
    )
    card = dataset_card(release, counts, figures, card_facts(index, release))
    old_dir_path = release_before(index.dataset, options)
    release = write_papers(index.dataset, partial, release, figures, (card, old_dir_path))
    write_whole_file(partial / _RELEASE_FILE, release_bytes(release))
    if recipe is not None:
        recipe.finish(recipe_head(release, card, options))
    return release, failed


def _write_video(node: VideoNode, writers: Sequence[Writer], failed_ids: Collection[str]) -> None:
    for writer in writers:
        writer.write(node, failed_ids)


def _count(node: VideoNode, counts: Counter[str]) -> None:
    counts["videos"] += 1
    label = {True: "abnormal", False: "normal", None: "unlabelled"}[node.video.is_anomalous]
    counts[f"videos {label}"] += 1
    counts["videos without split"] += node.video.split is None
    counts["instructions"] += len(node.instructions)
    tasks = [(row.granularity, turn.task) for row in node.instructions for turn in row.turns]
    for (granularity, task), count in Counter(tasks).items():
        counts[f"{granularity} {task}"] += count


def _count_segments(
    facts: Facts, makers: Mapping[str, Mapping[str, int]], counts: Counter[str]
) -> None:
    for word in ("events", "clips", "summaries"):
        counts[word] = sum(makers.get(f"{word}.jsonl", {}).values())
    counts["events unconfirmed"] = sum(
        not facts.index.fields(Event, event_id)["is_confirmed"]
        for event_id in released_ids(facts, Event)
    )


def _refuse_contradictions(options: ExportOptions) -> None:
    refuse_families(options.formats, options.families or ())
    if options.with_times:
        refuse_times(options.formats)
    if options.with_times and options.with_media:
        raise UsageError("--media cuts files and --times names source videos; choose one of them")


def _refuse_taken_name(target: Path, dataset: Dataset, options: ExportOptions) -> None:
    is_draft = options.name == dataset.config.export.name
    if target.exists() and not (is_draft or options.overwrite):
        raise UsageError(
            f"the release {options.name!r} exists ({target}); choose another --name, or replace "
            "it with --overwrite"
        )
    if not options.name or options.name.startswith(".") or "/" in options.name:
        raise UsageError(f"{options.name!r} is no name for a release; use letters and digits")


def _fresh_dir(target: Path) -> Path:
    partial = target.with_name(f".{target.name}.part")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    except PermissionError as error:
        raise UsageError(f"cannot write {target.parent}: {error.strerror}") from error
    return partial


@contextmanager
def _sole_exporter(dataset: Dataset, name: str) -> Iterator[None]:
    """Two exports at once would empty each other's folder."""
    lock_path = dataset.dir_path / ".locks" / "releases.lock"
    owner_path = lock_path.with_name("releases.owner")
    lock = FileLock(lock_path, timeout=0)
    try:
        lock_path.parent.mkdir(exist_ok=True)
        lock.acquire()
    except Timeout as error:
        owner = owner_path.read_text() if owner_path.exists() else "another process"
        raise UsageError(
            f"{owner} is exporting to {dataset.releases_dir_path}; wait for it to end, or stop it"
        ) from error
    except PermissionError as error:
        raise UsageError(f"cannot write {lock_path}: {error.strerror}") from error
    except OSError as error:
        raise ServiceError(f"cannot write {lock_path} ({error.strerror})") from error
    try:
        with suppress(OSError):  # it only makes another's message better
            owner_path.write_text(f"process {os.getpid()} ({name!r})")
        yield
    finally:
        owner_path.unlink(missing_ok=True)
        lock.release()


_OLD = ".{}.old"


def _rename_into_place(partial: Path, target: Path) -> None:
    old = target.with_name(_OLD.format(target.name))
    with suppress(FileNotFoundError):
        target.rename(old)
    partial.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _finish_renames(releases_dir_path: Path) -> None:
    """Put back what a process moved aside before it was killed, unless it was replaced."""
    for old in releases_dir_path.glob(_OLD.format("*")):
        target = old.with_name(old.name.removeprefix(".").removesuffix(".old"))
        if (old / _RELEASE_FILE).exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(old, ignore_errors=True)


def _fingerprints(index: Index) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for stage_name in stage_names():
        fingerprints = index.ledger(stage_name).fingerprints()
        if fingerprints:
            found[stage_name] = tuple(sorted(fingerprints))
    return found


def _rejects(index: Index) -> dict[str, int]:
    counts = {name: len(index.ledger(name).rejects()) for name in stage_names()}
    return {name: count for name, count in counts.items() if count}


def release_bytes(release: Release) -> bytes:
    """What `release.json` holds."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(release.model_dump(mode="json"), option=options)
