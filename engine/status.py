"""What each step has settled, has to do, and why: read only, nothing is run."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import ValidationError

from engine.census import Census, load_ledger, take_census
from engine.dataset import Dataset
from engine.errors import UsageError
from engine.flow import Step, wanted_steps
from engine.index import WORDS, Index
from engine.intake import count_degraded
from engine.joins.facts import Facts
from engine.ledger import IMPORT_LEDGER, Ledger
from engine.quality.audit import AUDITS, count_findings
from engine.stage import Pending, parts_of
from engine.store import parse_object, read_lines
from schemas import Release

NEW = "new"
INPUT_CHANGED = "its input changed"


@dataclass(frozen=True)
class Plan:
    """What a run of one step would do."""

    label: str
    census: Census
    reasons: dict[str, str]
    """Item id -> why it would be done, in the order of doing."""
    num_left: int
    """Not done because of `--limit`."""
    num_to_retire: int
    """Items that are gone, whose records would not be live any more."""


@dataclass(frozen=True)
class StageStatus:
    """One step, counted."""

    stage: str
    num_settled: int = 0
    num_rejected: int = 0
    num_to_do: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    """Why items are to be done -> how many."""
    waiting: dict[str, int] = field(default_factory=dict)
    """What items wait for -> how many."""
    num_to_retire: int = 0
    problem: str | None = None
    """Why nothing can be said about this step; None: all is well."""


@dataclass(frozen=True)
class DatasetStatus:
    """A whole dataset, counted."""

    dir_path: str
    records: dict[str, int]
    """Word (`video`, `click` …) -> live records."""
    stages: tuple[StageStatus, ...]
    num_import_rejects: int
    num_degraded_files: int
    """Videos of which something is lost or in doubt."""
    num_orphaned_reviews: int
    """Corrections of records that are not live any more; they have no effect."""
    releases: tuple[str, ...]
    audits: tuple[StageStatus, ...]
    """As `stages`, of what looks for faults in texts; a run of the flow does not wait for them."""
    findings: dict[str, int]
    """Rule -> findings that stand."""
    num_media_missing: dict[str, int]
    """Release -> segments whose files could not be cut, so that it lacks their rows."""

    @property
    def has_work(self) -> bool:
        """Whether a run would do anything."""
        return any(stage.num_to_do or stage.num_to_retire for stage in self.stages)


def dataset_status(dataset: Dataset) -> DatasetStatus:
    """Look at every step and count every record."""
    index = Index(dataset)
    facts = Facts(index)
    return DatasetStatus(
        dir_path=str(dataset.dir_path),
        records={word: len(index.lines(record_type)) for record_type, word in WORDS.items()},
        stages=tuple(_stage_status(facts, step) for step in wanted_steps(dataset.config)),
        num_import_rejects=len(index.ledger(IMPORT_LEDGER).rejects()),
        num_degraded_files=count_degraded(index),
        num_orphaned_reviews=sum(1 for _ in index.orphaned_reviews()),
        releases=tuple(_release_names(dataset)),
        audits=tuple(_stage_status(facts, step) for step in AUDITS),
        findings=count_findings(index),
        num_media_missing=dict(_media_missing(dataset)),
    )


def _release_names(dataset: Dataset) -> Iterator[str]:
    for path in sorted(dataset.releases_dir_path.glob("*/release.json")):
        if not path.parent.name.startswith("."):
            yield path.parent.name


def _media_missing(dataset: Dataset) -> Iterator[tuple[str, int]]:
    for name in _release_names(dataset):
        path = dataset.releases_dir_path / name / "release.json"
        try:
            release = Release.model_validate_json(path.read_bytes())
        except ValidationError:
            continue  # another version of vau-data wrote it, and may have said it differently
        if num_missing := release.num_rejects.get("export"):
            yield name, num_missing


def _stage_status(facts: Facts, step: Step) -> StageStatus:
    try:
        plan = _plan(facts, step, retry_rejects=False, limit=None)
    except UsageError as error:
        return StageStatus(stage=step.label, problem=str(error))
    census = plan.census
    return StageStatus(
        stage=plan.label,
        num_settled=census.num_settled,
        num_rejected=census.num_rejected,
        num_to_do=census.num_to_do,
        reasons=dict(Counter(plan.reasons.values())),
        waiting=census.waiting,
        num_to_retire=plan.num_to_retire,
    )


def plan_step(
    dataset: Dataset, step: Step, *, retry_rejects: bool = False, limit: int | None = None
) -> Plan:
    """What a run of this step would do now, item by item. Writes nothing."""
    return _plan(Facts(Index(dataset)), step, retry_rejects=retry_rejects, limit=limit)


def _plan(facts: Facts, step: Step, *, retry_rejects: bool, limit: int | None) -> Plan:
    dataset = facts.index.dataset
    stage = step.build(dataset.config)
    ledger = load_ledger(dataset, stage)
    join: Callable[[Census], Any] = partial(step.join, facts)
    census, pending = take_census(stage, join, ledger=ledger, retry_rejects=retry_rejects)
    chosen = pending if limit is None else pending[:limit]
    why = _Reasons(ledger, census.fingerprint, parts_of(stage), fingerprint_parts(dataset))
    return Plan(
        label=step.label,
        census=census,
        reasons={item.id: why.of(item) for item in chosen},
        num_left=len(pending) - len(chosen),
        num_to_retire=len(census.vanished(step.scope)),
    )


@dataclass
class _Reasons:
    ledger: Ledger
    fingerprint: str
    parts: Mapping[str, object]
    earlier_parts: Mapping[str, object]
    _changes: dict[str, str] = field(default_factory=dict)

    def of(self, item: Pending[Any]) -> str:
        key = self.ledger.key(item.id)
        if key is None:
            return NEW
        if key[:32].hex() != item.input_sha256:
            return INPUT_CHANGED
        earlier = self.ledger.fingerprint(item.id)
        if earlier != self.fingerprint:
            return self._change_since(earlier)
        return f"rejected before: {self.ledger.rejects()[item.id]}"

    def _change_since(self, earlier: str) -> str:
        if earlier not in self._changes:
            change = describe_change(self.earlier_parts.get(earlier), self.parts)
            self._changes[earlier] = f"settings changed: {change}"
        return self._changes[earlier]


def fingerprint_parts(dataset: Dataset) -> dict[str, object]:
    """Fingerprint -> what it was made of, as `runs/fingerprints.jsonl` keeps it."""
    path = dataset.fingerprints_path
    found: dict[str, object] = {}
    for line in read_lines(path):
        entry = parse_object(line, path=path)
        found[str(entry["id"])] = entry.get("parts")
    return found


def describe_change(before: object, now: object) -> str:
    """`model: "baseline/captioner-1" -> "openai/x"; …`; both as nested dicts of settings."""
    if before is None:
        return "what they were is not recorded"
    old, new = dict(_flat(before)), dict(_flat(now))
    keys = [key for key in (old | new) if old.get(key) != new.get(key)]
    if "model" in keys:
        keys = ["model"]  # the rest follows from it
    changes = [f"{key}: {_shown(old, key)} -> {_shown(new, key)}" for key in keys]
    if len(changes) > _MOST_CHANGES:
        changes[_MOST_CHANGES:] = [f"{len(changes) - _MOST_CHANGES} more"]
    return "; ".join(changes) or "none of them, but how vau-data computes fingerprints"


def _flat(parts: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    if not isinstance(parts, dict):
        yield prefix, parts
        return
    for key, value in parts.items():
        yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))


_MOST_SHOWN = 40
_MOST_CHANGES = 4


def _shown(parts: Mapping[str, object], key: str) -> str:
    if key not in parts:
        return "unset"
    text = str(parts[key])
    if "sha256" in key:
        return f"{text[:8]}…"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
