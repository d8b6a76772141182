"""The live dataset -> `releases/<name>/`: exported files, a dataset card, and what they are of.

The same records always give the same bytes. A release appears whole or not at all: it is written
beside its place and renamed into it, by one process at a time.
"""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import chain, islice, repeat
from operator import itemgetter
from pathlib import Path

import orjson
from filelock import FileLock, Timeout

from engine.card import dataset_card
from engine.collector import collector_paused
from engine.dataset import Dataset
from engine.errors import ServiceError, UsageError
from engine.exporters.footage import Footage
from engine.exporters.forms import refuse_families, refuse_times
from engine.exporters.leakage import refuse_leaks
from engine.exporters.recipe import RecipeWriter
from engine.exporters.writers import Writer, open_writers
from engine.figures import Figures
from engine.formats import TIMES_FAMILIES, Family, Format
from engine.index import Index
from engine.joins.facts import Facts
from engine.media_export import export_media
from engine.rejects import stage_names
from engine.release_changes import CONTENTS, ContentsWriter
from engine.release_papers import card_facts, recipe_head, release_before, write_papers
from engine.runner import Executor
from engine.store import PROVENANCE_MARK, parse_object, write_whole_file
from engine.tree import VideoNode
from engine.trees import Trees
from engine.version import VERSION
from schemas import Caption, Click, Clip, Event, Instruction, Record, Release, Summary, Video
from schemas.base import Granularity

_RELEASE_FILE = "release.json"

_COUNTED: tuple[type[Record], ...] = (Video, Click, Event, Clip, Caption, Summary, Instruction)


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
        # A recipe holds the records themselves.
        trees = Trees(index, are_views=not options.with_recipe)
        makers = count_makers(trees.facts, options.families)
        _refuse_mixture(makers, options)
        refuse_leaks(index.all(Video))
        _finish_renames(dataset.releases_dir_path)
        _refuse_taken_name(target, dataset, options)
        report = _write_and_rename(trees, target, options, makers, (executor, on_video))
    return ExportReport(target, report[0], report[1])


def _write_and_rename(
    trees: Trees,
    target: Path,
    options: ExportOptions,
    makers: dict[str, dict[str, int]],
    work: tuple[Executor | None, Callable[[], None]],
) -> tuple[Release, dict[str, str]]:
    partial = _fresh_dir(target)
    try:
        report = _write_release(trees, partial, options, makers, work)
        _rename_into_place(partial, target)
    except OSError as error:
        raise ServiceError(f"cannot write {target} ({error.strerror}); free some space") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return report


def _write_release(
    trees: Trees,
    partial: Path,
    options: ExportOptions,
    makers: dict[str, dict[str, int]],
    work: tuple[Executor | None, Callable[[], None]],
) -> tuple[Release, dict[str, str]]:
    executor, on_video = work
    index, counts, figures = trees.index, Counter[str](), Figures()
    failed: dict[str, str] = {}
    if options.with_media:
        assert executor is not None
        nodes = _released(index, trees.with_instructions_alone(), options.families)
        num_frames = options.num_frames if "trl" in options.formats else 0
        failed = export_media(index, nodes, partial, executor=executor, num_frames=num_frames)
    media_dir_path = partial if options.with_media else None
    footage = Footage(options.with_times, media_dir_path, options.num_frames)
    with ExitStack() as stack:
        writers = stack.enter_context(
            open_writers(partial, options.formats, compat=options.compat, footage=footage)
        )
        writers.append(stack.enter_context(ContentsWriter(partial)))
        recipe = RecipeWriter(index.dataset, partial) if options.with_recipe else None
        if recipe is not None:
            writers.append(stack.enter_context(recipe))
        for node in _released(index, trees.all(), options.families):
            _write_video(node, writers, failed.keys())
            _count(node, counts)
            figures.add(node)
            on_video()
    _count_segments(trees.facts, makers, counts)
    files = tuple(file for writer in writers for file in writer.described(partial))
    is_empty = all(file.format == CONTENTS for file in files)
    if is_empty and not counts["instructions"] and not counts["summaries"]:
        raise UsageError("there is nothing to export yet; `vau-data run` makes it")
    release = Release(
        name=options.name,
        vau_data_version=VERSION,
        files=files,
        num_videos=counts["videos"],
        num_events=counts["events"],
        num_clips=counts["clips"],
        num_instructions=counts["instructions"],
        makers=makers,
        fingerprints=_fingerprints(index),
        num_rejects=_rejects(index, failed),
        unsettled=dict(options.unsettled),
    )
    card = dataset_card(release, counts, figures, card_facts(index, release))
    old_dir_path = release_before(index.dataset, options)
    release = write_papers(index.dataset, partial, release, figures, (card, old_dir_path))
    write_whole_file(partial / _RELEASE_FILE, release_bytes(release))
    if recipe is not None:
        recipe.finish(recipe_head(release, card, options))
    return release, failed


def _released(
    index: Index, nodes: Iterable[VideoNode], families: Collection[str] | None
) -> Iterator[VideoNode]:
    """With the instructions of these families; None: of all.

    But for those whose answer is a text that was discarded or is live no more. `instruct` retires
    them when it next runs, but what a person took out must not wait for that.
    """
    captions, summaries = index.lines(Caption), index.lines(Summary)
    texts = {"clip": captions, "event": summaries, "video": summaries}
    for node in nodes:
        rows = [
            row
            for row in node.instructions
            if (families is None or row.family in families)
            and (row.family in TIMES_FAMILIES or row.segment_id in texts[row.granularity])
        ]
        is_whole = len(rows) == len(node.instructions)
        yield node if is_whole else replace(node, instructions=tuple(rows))


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
        for event_id in _released_ids(facts, Event)
    )


_SEGMENTS_OF: Mapping[type[Record], tuple[Granularity, ...]] = {
    Event: ("event",),
    Clip: ("clip",),
    Caption: ("clip",),
    Summary: ("event", "video"),
}


def _released_ids(facts: Facts, record_type: type[Record]) -> Iterable[str]:
    """Live records; of segments and what is about them those alone whose video is live too."""
    lines = facts.index.lines(record_type)
    if record_type not in _SEGMENTS_OF:
        return lines
    of_type = (facts.segment_ids[granularity] for granularity in _SEGMENTS_OF[record_type])
    return filter(lines.__contains__, chain.from_iterable(of_type))


def _released_instruction_ids(facts: Facts, families: Collection[str] | None) -> Iterator[str]:
    texts = {*_released_ids(facts, Caption), *_released_ids(facts, Summary)}
    videos = facts.index.lines(Video)
    for id_ in facts.index.lines(Instruction):
        family, _, segment_id = id_.partition(":")
        rests_on = videos if family in TIMES_FAMILIES else texts
        if segment_id in rests_on and (families is None or family in families):
            yield id_


def count_makers(
    facts: Facts, families: Collection[str] | None = None
) -> dict[str, dict[str, int]]:
    """Per record file, how many released records each model, rule or person made."""
    makers: dict[str, dict[str, int]] = {}
    for record_type in _COUNTED:
        lines = facts.index.lines(record_type)
        path = facts.index.dataset.record_path(record_type)
        is_instruction = record_type is Instruction
        ids = (
            _released_instruction_ids(facts, families)
            if is_instruction
            else _released_ids(facts, record_type)
        )
        released = map(lines.__getitem__, ids)
        tails = map(itemgetter(2), map(bytes.rpartition, released, repeat(PROVENANCE_MARK)))
        names = Counter[str]()
        while counted := Counter(islice(tails, _MANY)):
            for tail, count in counted.items():
                names[_name_in(tail, path)] += count
        if names:
            makers[path.name] = dict(sorted(names.items()))
    return makers


_MANY = 10_000
"""Lines at a time: what a model call cost makes each tail another."""


def _name_in(tail: bytes, path: Path) -> str:
    """Who made a record whose line has `tail` after the mark; all of a line that has no mark."""
    try:
        fields = orjson.loads(b'{"provenance":' + tail)
    except orjson.JSONDecodeError:
        fields = parse_object(tail, path=path)
    try:
        return str(fields["provenance"]["name"])
    except (KeyError, TypeError) as error:
        raise UsageError(f"{path}: {tail[:80]!r} has no provenance; delete that line") from error


_TEXT_FILES = ("captions.jsonl", "summaries.jsonl")


# People's names, such as `uca`, carry no slash; those of models, also of imported texts, do.
def _refuse_mixture(makers: dict[str, dict[str, int]], options: ExportOptions) -> None:
    names = {name for file in _TEXT_FILES for name in makers.get(file, {})}
    baseline = {name for name in names if name.startswith("baseline/")}
    real = {name for name in names - baseline if "/" in name}
    if baseline and real and not options.allow_baseline:
        raise UsageError(
            f"texts of the baseline ({', '.join(sorted(baseline))}) would be mixed with those of "
            f"{', '.join(sorted(real))}; run the stages that are stale first (`vau-data status`), "
            "or export with --allow-baseline"
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


def _rejects(index: Index, failed_media: dict[str, str]) -> dict[str, int]:
    counts = {name: len(index.ledger(name).rejects()) for name in stage_names()}
    counts["export"] = len(failed_media)
    return {name: count for name, count in counts.items() if count}


def release_bytes(release: Release) -> bytes:
    """What `release.json` holds."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(release.model_dump(mode="json"), option=options)
